package tern.text;

import java.math.BigInteger;

/**
 * Windows side by side, each read once an epoch in an order that looks random: RWKV's. Number i from 1 on is window
 * (f·i³) mod p, with the largest prime p of p mod 3 = 2 that is not above the number of windows, f = ⌊p·(√5 − 1)/2⌋; cubes
 * are then a permutation of the residues. Where p is not above 99 % of the windows, which is so for few of them only, it is the
 * smallest such prime that is not below their number, and numbers of windows that do not exist are passed over. Confined to one
 * thread.
 */
public final class PermutedWindows extends CutWindows {
    private static final double MOST = 0.99;

    private final long windows;
    private final long prime;
    private final BigInteger modulus;
    private final BigInteger factor;
    private long read;

    /**
     * All windows of the data; no seed decides their order.
     *
     * @throws IllegalArgumentException if the data is shorter than one window and the symbol after it
     */
    public PermutedWindows(TokenStore tokens, int batch, int time) {
        super(tokens, batch, time, 1);
        this.windows = (tokens.size() - 1) / time;
        this.prime = prime(windows);
        this.modulus = BigInteger.valueOf(prime);
        this.factor = BigInteger.valueOf((long) (prime * (Math.sqrt(5) - 1) / 2));
    }

    /** The prime for so many windows. */
    static long prime(long windows) {
        long below = windows;
        while (below > 1 && !fits(below)) {
            below--;
        }
        if (below > MOST * windows && below > 1) {
            return below;
        }
        long above = Math.max(2, windows);
        while (!fits(above)) {
            above++;
        }
        return above;
    }

    private static boolean fits(long number) {
        if (number % 3 != 2) {
            return false;
        }
        for (long divisor = 2; divisor * divisor <= number; divisor++) {
            if (number % divisor == 0) {
                return false;
            }
        }
        return true;
    }

    /** The window of number i, from 1; may be one that does not exist. */
    private long window(long i) {
        BigInteger number = BigInteger.valueOf(i);
        return number.multiply(number).multiply(number).multiply(factor).mod(modulus).longValueExact();
    }

    private long nextWindow() {
        long window;
        do {
            read++;
            window = window(read);
        } while (window >= windows);
        return window;
    }

    @Override
    public boolean next(int[] inputs, int[] targets) {
        requireSizes(inputs, targets);
        for (int b = 0; b < batch(); b++) {
            read(nextWindow() * time(), b, inputs, targets);
        }
        return false;
    }

    @Override
    public long[] save() {
        return new long[] {read};
    }

    @Override
    public void restore(long[] saved) {
        if (saved.length != 1 || saved[0] < 0) {
            throw new IllegalArgumentException(
                    "permuted windows: " + saved.length + " saved numbers, expected how many were read");
        }
        read = saved[0];
    }
}
