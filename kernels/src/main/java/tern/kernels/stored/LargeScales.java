package tern.kernels.stored;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The twelve bytes of scales and offsets of six bits each in a block of 256 elements in eight groups. Stateless. */
final class LargeScales {
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;

    private LargeScales() {
    }

    /** Of the last four groups the two upper bits lie at the top of the first four bytes. */
    static int scale(MemorySegment from, long at, int group) {
        return group < 4
                ? from.get(BYTE, at + group) & 63
                : from.get(BYTE, at + group + 4) & 15 | (from.get(BYTE, at + group - 4) >> 6 & 3) << 4;
    }

    /** As {@link #scale}, with the upper bits at the top of the next four bytes. */
    static int offset(MemorySegment from, long at, int group) {
        return group < 4
                ? from.get(BYTE, at + group + 4) & 63
                : from.get(BYTE, at + group + 4) >> 4 & 15 | (from.get(BYTE, at + group) >> 6 & 3) << 4;
    }
}
