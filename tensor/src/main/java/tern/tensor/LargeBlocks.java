package tern.tensor;

/**
 * Blocks of 256 elements, ggml's K formats: groups of 16 or 32 elements have small integer scales, which share one scale of
 * half precision; some have offsets in the same manner.
 */
final class LargeBlocks {
    private static final int LENGTH = 256;

    private LargeBlocks() {
    }

    /** 16 bytes of scale and offset, 64 of quarters, d, dmin: x = d·scale·q - dmin·offset, in groups of 16. */
    static void decode2(byte[] block, int at, float[] into, int start) {
        float d = Blocks.half(block, at + 80);
        float dmin = Blocks.half(block, at + 82);
        for (int group = 0; group < 16; group++) {
            int scale = block[at + group] & 0xFF;
            float factor = d * (scale & 15);
            float offset = dmin * (scale >> 4);
            int quarters = at + 16 + quarters(group);
            int shift = shift(group);
            for (int l = 0; l < 16; l++) {
                into[start + group * 16 + l] = factor * (block[quarters + l] >> shift & 3) - offset;
            }
        }
    }

    /** 32 bytes of third bits, 64 of quarters, 12 of scales, d: x = d·scale·q, in groups of 16. */
    static void decode3(byte[] block, int at, float[] into, int start) {
        float d = Blocks.half(block, at + 108);
        int scales = at + 96;
        for (int group = 0; group < 16; group++) {
            int low = group < 8 ? block[scales + group] & 15 : block[scales + group - 8] >> 4 & 15;
            int high = block[scales + 8 + group % 4] >> 2 * (group / 4) & 3;
            float factor = d * ((low | high << 4) - 32);
            int quarters = at + 32 + quarters(group);
            int shift = shift(group);
            int third = at + group % 2 * 16;
            for (int l = 0; l < 16; l++) {
                int q = (block[quarters + l] >> shift & 3) - ((block[third + l] >> group / 2 & 1) == 0 ? 4 : 0);
                into[start + group * 16 + l] = factor * q;
            }
        }
    }

    /** Where the two low bits of a group of 16 lie, counted from the first: 32 bytes for 128 elements. */
    private static int quarters(int group) {
        return group / 8 * 32 + group % 2 * 16;
    }

    private static int shift(int group) {
        return group % 8 / 2 * 2;
    }

    /** d, dmin, 12 bytes of scales and offsets, 128 of pairs: x = d·scale·q - dmin·offset, in groups of 32. */
    static void decode4(byte[] block, int at, float[] into, int start) {
        float d = Blocks.half(block, at);
        float dmin = Blocks.half(block, at + 2);
        for (int group = 0; group < 8; group++) {
            float factor = d * scale(block, at + 4, group);
            float offset = dmin * offset(block, at + 4, group);
            int pairs = at + 16 + group / 2 * 32;
            int shift = group % 2 * 4;
            for (int l = 0; l < 32; l++) {
                into[start + group * 32 + l] = factor * (block[pairs + l] >> shift & 15) - offset;
            }
        }
    }

    /** As {@link #decode4} with 32 bytes of fifth bits, one bit a group, before the pairs. */
    static void decode5(byte[] block, int at, float[] into, int start) {
        float d = Blocks.half(block, at);
        float dmin = Blocks.half(block, at + 2);
        for (int group = 0; group < 8; group++) {
            float factor = d * scale(block, at + 4, group);
            float offset = dmin * offset(block, at + 4, group);
            int pairs = at + 48 + group / 2 * 32;
            int shift = group % 2 * 4;
            for (int l = 0; l < 32; l++) {
                int q = block[pairs + l] >> shift & 15 | (block[at + 16 + l] >> group & 1) << 4;
                into[start + group * 32 + l] = factor * q - offset;
            }
        }
    }

    /** Six bits of scale: for the last four groups split between the third four bytes and the top of the first four. */
    private static int scale(byte[] block, int at, int group) {
        return group < 4
                ? block[at + group] & 63
                : block[at + group + 4] & 15 | (block[at + group - 4] >> 6 & 3) << 4;
    }

    private static int offset(byte[] block, int at, int group) {
        return group < 4
                ? block[at + group + 4] & 63
                : block[at + group + 4] >> 4 & 15 | (block[at + group] >> 6 & 3) << 4;
    }

    /** 128 bytes of low halves, 64 of high quarters, 16 signed scales, d: x = d·scale·(q - 32), in groups of 16. */
    static void decode6(byte[] block, int at, float[] into, int start) {
        float d = Blocks.half(block, at + 208);
        for (int group = 0; group < LENGTH / 16; group++) {
            float factor = d * block[at + 192 + group];
            int column = group % 8 / 2;
            int low = at + group / 8 * 64 + column % 2 * 32 + group % 2 * 16;
            int lowShift = column / 2 * 4;
            int high = at + 128 + quarters(group);
            int highShift = shift(group);
            for (int l = 0; l < 16; l++) {
                int q = block[low + l] >> lowShift & 15 | (block[high + l] >> highShift & 3) << 4;
                into[start + group * 16 + l] = factor * (q - 32);
            }
        }
    }
}
