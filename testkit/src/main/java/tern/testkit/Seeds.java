package tern.testkit;

import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * Where random cases come from. A law states what holds for every case, draws a few from seeds and names the seed when it
 * fails; {@code -Dtern.seed=N} runs that one again. The Maven profile {@code proofs} draws four times as many.
 */
public final class Seeds {
    /** System property that replaces all seeds by one. */
    public static final String PROPERTY = "tern.seed";
    private static final int TIMES = Boolean.getBoolean("tern.proofs") ? 4 : 1;

    private Seeds() {
    }

    /** A law with its case drawn from {@code random}. */
    @FunctionalInterface
    public interface Law {
        /** Draws a case and checks it. */
        void check(long seed, RandomGenerator random);
    }

    /**
     * Checks a law on seeds 1 … {@code cases} (four times as many with the profile {@code proofs}), or on the one that the
     * system property names.
     *
     * @throws AssertionError naming the seed, if the law fails for it
     */
    public static void forAll(int cases, Law law) {
        String one = System.getProperty(PROPERTY);
        if (one != null) {
            check(Long.parseLong(one), law);
            return;
        }
        for (long seed = 1; seed <= (long) cases * TIMES; seed++) {
            check(seed, law);
        }
    }

    private static void check(long seed, Law law) {
        try {
            law.check(seed, random(seed));
        } catch (AssertionError | RuntimeException failure) {
            throw new AssertionError("seed " + seed + " (-D" + PROPERTY + "=" + seed + " runs it alone): "
                    + failure.getMessage(), failure);
        }
    }

    /** A generator whose values depend on the seed alone. */
    public static RandomGenerator random(long seed) {
        return new SplittableRandom(seed);
    }

    /** An int from {@code low} to {@code high}, both included. */
    public static int between(RandomGenerator random, int low, int high) {
        return low + random.nextInt(high - low + 1);
    }
}
