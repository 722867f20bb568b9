package tern.tensor;

/**
 * Blocks of 32 elements: a scale d, perhaps an offset m, perhaps the fifth bits, then the small integers. Of two elements
 * that share a byte, the one in the low half is j, the other j + 16.
 */
final class SmallBlocks {
    private static final int LENGTH = 32;
    private static final int HALF = LENGTH / 2;

    private SmallBlocks() {
    }

    /** d, 32 signed bytes: x = d·q. */
    static void decode8(byte[] block, int at, float[] into, int start) {
        float d = Blocks.half(block, at);
        for (int i = 0; i < LENGTH; i++) {
            into[start + i] = d * block[at + 2 + i];
        }
    }

    /** d, 16 pairs: x = d·(q - 8). */
    static void decode4(byte[] block, int at, float[] into, int start) {
        float d = Blocks.half(block, at);
        for (int j = 0; j < HALF; j++) {
            int pair = block[at + 2 + j];
            into[start + j] = d * ((pair & 15) - 8);
            into[start + j + HALF] = d * ((pair >> 4 & 15) - 8);
        }
    }

    /** d, m, 16 pairs: x = d·q + m. */
    static void decode4WithOffset(byte[] block, int at, float[] into, int start) {
        float d = Blocks.half(block, at);
        float m = Blocks.half(block, at + 2);
        for (int j = 0; j < HALF; j++) {
            int pair = block[at + 4 + j];
            into[start + j] = d * (pair & 15) + m;
            into[start + j + HALF] = d * (pair >> 4 & 15) + m;
        }
    }

    /** d, 32 fifth bits, 16 pairs: x = d·(q - 16). */
    static void decode5(byte[] block, int at, float[] into, int start) {
        float d = Blocks.half(block, at);
        int high = bits(block, at + 2);
        for (int j = 0; j < HALF; j++) {
            int pair = block[at + 6 + j];
            into[start + j] = d * ((pair & 15 | (high >>> j & 1) << 4) - 16);
            into[start + j + HALF] = d * ((pair >> 4 & 15 | (high >>> j + HALF & 1) << 4) - 16);
        }
    }

    /** d, m, 32 fifth bits, 16 pairs: x = d·q + m. */
    static void decode5WithOffset(byte[] block, int at, float[] into, int start) {
        float d = Blocks.half(block, at);
        float m = Blocks.half(block, at + 2);
        int high = bits(block, at + 4);
        for (int j = 0; j < HALF; j++) {
            int pair = block[at + 8 + j];
            into[start + j] = d * (pair & 15 | (high >>> j & 1) << 4) + m;
            into[start + j + HALF] = d * (pair >> 4 & 15 | (high >>> j + HALF & 1) << 4) + m;
        }
    }

    private static int bits(byte[] block, int at) {
        return block[at] & 0xFF | (block[at + 1] & 0xFF) << 8 | (block[at + 2] & 0xFF) << 16 | block[at + 3] << 24;
    }

    /** d = max|x| / 127, q = x/d rounded to nearest, halves away from zero. */
    static void encode8(float[] from, int start, byte[] block) {
        float d = Math.abs(outermost(from, start)) / 127;
        float inverse = inverse(d);
        Blocks.putHalf(block, 0, d);
        for (int i = 0; i < LENGTH; i++) {
            float scaled = from[start + i] * inverse;
            int magnitude = (int) (Math.abs((double) scaled) + 0.5);
            block[2 + i] = (byte) (scaled < 0 ? -magnitude : magnitude);
        }
    }

    /** d = (the x of largest magnitude) / -8, q = min(15, trunc(x/d + 8.5)). */
    static void encode4(float[] from, int start, byte[] block) {
        float d = outermost(from, start) / -8;
        float inverse = inverse(d);
        Blocks.putHalf(block, 0, d);
        for (int j = 0; j < HALF; j++) {
            int low = Math.min(15, (int) (from[start + j] * inverse + 8.5f));
            int high = Math.min(15, (int) (from[start + j + HALF] * inverse + 8.5f));
            block[2 + j] = (byte) (low | high << 4);
        }
    }

    /** d = (max - min) / 15, m = min, q = min(15, trunc((x - m)/d + 0.5)). */
    static void encode4WithOffset(float[] from, int start, byte[] block) {
        float least = least(from, start);
        float d = (greatest(from, start) - least) / 15;
        float inverse = inverse(d);
        Blocks.putHalf(block, 0, d);
        Blocks.putHalf(block, 2, least);
        for (int j = 0; j < HALF; j++) {
            int low = Math.min(15, (int) ((from[start + j] - least) * inverse + 0.5f));
            int high = Math.min(15, (int) ((from[start + j + HALF] - least) * inverse + 0.5f));
            block[4 + j] = (byte) (low | high << 4);
        }
    }

    /** d = (the x of largest magnitude) / -16, q = min(31, trunc(x/d + 16.5)). */
    static void encode5(float[] from, int start, byte[] block) {
        float d = outermost(from, start) / -16;
        float inverse = inverse(d);
        Blocks.putHalf(block, 0, d);
        int fifth = 0;
        for (int j = 0; j < HALF; j++) {
            int low = Math.min(31, (int) (from[start + j] * inverse + 16.5f));
            int high = Math.min(31, (int) (from[start + j + HALF] * inverse + 16.5f));
            block[6 + j] = (byte) (low & 15 | (high & 15) << 4);
            fifth |= low >> 4 << j | high >> 4 << j + HALF;
        }
        putBits(block, 2, fifth);
    }

    /** d = (max - min) / 31, m = min, q = trunc((x - m)/d + 0.5). */
    static void encode5WithOffset(float[] from, int start, byte[] block) {
        float least = least(from, start);
        float d = (greatest(from, start) - least) / 31;
        float inverse = inverse(d);
        Blocks.putHalf(block, 0, d);
        Blocks.putHalf(block, 2, least);
        int fifth = 0;
        for (int j = 0; j < HALF; j++) {
            int low = (int) ((from[start + j] - least) * inverse + 0.5f);
            int high = (int) ((from[start + j + HALF] - least) * inverse + 0.5f);
            block[8 + j] = (byte) (low & 15 | (high & 15) << 4);
            fifth |= (low >> 4 & 1) << j | (high >> 4 & 1) << j + HALF;
        }
        putBits(block, 4, fifth);
    }

    private static void putBits(byte[] block, int at, int bits) {
        for (int i = 0; i < 4; i++) {
            block[at + i] = (byte) (bits >>> 8 * i);
        }
    }

    /** The first value of the largest magnitude. */
    private static float outermost(float[] from, int start) {
        float outermost = 0;
        for (int i = start; i < start + LENGTH; i++) {
            if (Math.abs(from[i]) > Math.abs(outermost)) {
                outermost = from[i];
            }
        }
        return outermost;
    }

    private static float least(float[] from, int start) {
        float least = from[start];
        for (int i = start + 1; i < start + LENGTH; i++) {
            least = from[i] < least ? from[i] : least;
        }
        return least;
    }

    private static float greatest(float[] from, int start) {
        float greatest = from[start];
        for (int i = start + 1; i < start + LENGTH; i++) {
            greatest = from[i] > greatest ? from[i] : greatest;
        }
        return greatest;
    }

    /** 1/d, 0 for 0; a subnormal d whose inverse overflows counts as 0 too. */
    private static float inverse(float d) {
        float inverse = d == 0 ? 0 : 1 / d;
        return Float.isInfinite(inverse) ? 0 : inverse;
    }
}
