package tern.text;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** The checksum of Zstandard frames: XXH64 with seed 0 (Collet, xxHash specification 0.1.1). */
final class XxHash64 {
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long P1 = 0x9E3779B185EBCA87L;
    private static final long P2 = 0xC2B2AE3D27D4EB4FL;
    private static final long P3 = 0x165667B19E3779F9L;
    private static final long P4 = 0x85EBCA77C2B2AE63L;
    private static final long P5 = 0x27D4EB2F165667C5L;
    private static final int STRIPE = 32;

    private final byte[] partial = new byte[STRIPE];
    private long a;
    private long b;
    private long c;
    private long d;
    private long total;

    XxHash64() {
        reset();
    }

    @SuppressWarnings("ConstantOverflow") // arithmetic modulo 2⁶⁴, as the hash is defined
    void reset() {
        a = P1 + P2;
        b = P2;
        c = 0;
        d = -P1;
        total = 0;
    }

    void update(byte[] data, int from, int count) {
        int at = from;
        int end = from + count;
        int held = (int) (total % STRIPE);
        total += count;
        if (held > 0) {
            int part = Math.min(STRIPE - held, count);
            System.arraycopy(data, at, partial, held, part);
            at += part;
            if (held + part < STRIPE) {
                return;
            }
            stripe(partial, 0);
        }
        for (; end - at >= STRIPE; at += STRIPE) {
            stripe(data, at);
        }
        System.arraycopy(data, at, partial, 0, end - at);
    }

    private void stripe(byte[] data, int at) {
        a = round(a, (long) LONG.get(data, at));
        b = round(b, (long) LONG.get(data, at + 8));
        c = round(c, (long) LONG.get(data, at + 16));
        d = round(d, (long) LONG.get(data, at + 24));
    }

    long digest() {
        long h = total < STRIPE ? P5
                : merge(merge(merge(merge(Long.rotateLeft(a, 1) + Long.rotateLeft(b, 7) + Long.rotateLeft(c, 12)
                        + Long.rotateLeft(d, 18), a), b), c), d);
        h += total;
        int held = (int) (total % STRIPE);
        int at = 0;
        for (; held - at >= 8; at += 8) {
            h = Long.rotateLeft(h ^ round(0, (long) LONG.get(partial, at)), 27) * P1 + P4;
        }
        if (held - at >= 4) {
            h = Long.rotateLeft(h ^ ((int) INT.get(partial, at) & 0xFFFFFFFFL) * P1, 23) * P2 + P3;
            at += 4;
        }
        for (; at < held; at++) {
            h = Long.rotateLeft(h ^ (partial[at] & 0xFF) * P5, 11) * P1;
        }
        h = (h ^ h >>> 33) * P2;
        h = (h ^ h >>> 29) * P3;
        return h ^ h >>> 32;
    }

    private static long round(long lane, long input) {
        return Long.rotateLeft(lane + input * P2, 31) * P1;
    }

    private static long merge(long h, long lane) {
        return (h ^ round(0, lane)) * P1 + P4;
    }
}
