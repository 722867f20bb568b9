package tern.kernels.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.DoubleSupplier;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.ops.Chunks;
import tern.ops.Dropped;
import tern.ops.Weighing;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Plain bodies against finite differences, vector bodies against the plain ones. */
class ChunkedAttentionTest {
    private static final int[] ALL = {};

    private final ChunkedAttention plain = new ReferenceChunkedAttention();
    private final ChunkedAttention vector = new VectorChunkedAttention();

    /** Laplace and relu² attention agree in value and slope at μ, nearly below 0.8, and not above (property h). */
    @Test
    void laplaceIsABoundedSquare() {
        double mean = Math.sqrt(0.5);
        for (Weighing weighing : new Weighing[] {Weighing.LAPLACE, Weighing.RELU_SQUARED}) {
            assertThat(Weights.value(weighing, mean)).isCloseTo(0.5, within(1e-15));
            assertThat(Weights.slope(weighing, mean)).isCloseTo(Math.sqrt(2), within(1e-15));
        }
        double furthest = 0;
        for (double score = -3; score <= 0.8; score += 1e-4) {
            furthest = Math.max(furthest,
                    Math.abs(Weights.value(Weighing.LAPLACE, score) - Weights.value(Weighing.RELU_SQUARED, score)));
        }
        assertThat(furthest).isBetween(0.02, 0.023);
        assertThat(1 - Weights.value(Weighing.LAPLACE, 1)).isCloseTo(0.150, within(5e-4));
        double[][] published = {{0, 0.006094460}, {0.25, 0.052573090}, {0.5, 0.231421148}, {1, 0.850429649},
            {1.5, 0.997528541}};
        for (double[] point : published) {
            // Published with μ = 0.707107 and σ = 0.282095.
            assertThat(Weights.value(Weighing.LAPLACE, point[0])).isCloseTo(point[1], within(4e-7));
        }
    }

    @Test
    void everyTime() {
        KernelLaw.lengths().forEach(time -> check(3000 + time, time, 2, 5, 3, 7, true, true, 0, 4, ALL));
    }

    @Test
    void everyChunk() {
        KernelLaw.lengths().forEach(
                chunk -> check(3100 + chunk, 21, 1, 4, 6, chunk, true, chunk % 3 > 0, 0, chunk == 0 ? 9 : chunk - 1,
                        ALL));
    }

    @Test
    void everyWidth() {
        KernelLaw.lengths().filter(width -> width > 0)
                .forEach(width -> check(3200 + width, 9, 2, width, 34 - width, 5, true, true, 3, 0, ALL));
    }

    @Test
    void oneAndSeveralTiles() {
        check(3300, 200, 1, 16, 32, 130, true, true, 0, 65, ALL);
        check(3301, 129, 2, 8, 10, 0, true, true, 3, 70, ALL);
        check(3302, 150, 1, 12, 20, 64, true, false, 63, 1, ALL);
        check(3303, 1, 2, 24, 40, 700, true, true, 699, 300, ALL);
        check(3304, 1, 1, 16, 64, 512, true, true, 511, 1024, ALL);
    }

    @Test
    void bothDirections() {
        KernelLaw.lengths().filter(time -> time > 1).forEach(
                time -> check(3400 + time, time, 1, 4, 6, time / 3, false, true, 0, 0, new int[] {time, time / 2 + 1}));
        check(3450, 200, 1, 16, 32, 130, false, true, 0, 0, ALL);
        check(3451, 140, 2, 8, 10, 0, false, true, 0, 0, new int[] {139, 3});
        check(3452, 100, 1, 8, 10, 70, true, true, 0, 0, new int[] {100, 71});
    }

    private void check(long seed, int time, int heads, int width, int valueWidth, int chunk, boolean causal,
            boolean biased, int age0, int age1, int[] lengths) {
        for (Weighing weighing : Weighing.values()) {
            check(seed, weighing, time, heads, width, valueWidth, chunk, causal, biased, new long[] {age0, age1},
                    lengths);
        }
    }

    private void check(long seed, Weighing weighing, int time, int heads, int width, int valueWidth, int chunk,
            boolean causal, boolean biased, long[] ages, int[] lengths) {
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            ThreadTeam four = law.team(4);
            DType f32 = DType.F32;
            Chunks how = new Chunks(weighing, chunk, causal,
                    seed % 3 == 0 ? new Dropped(0.3, seed) : Dropped.NOTHING);
            int most = (int) Math.max(ages[0], ages[1]) + time;
            int rows = Math.max(1, chunk == 0 ? most : Math.min(most, chunk));
            int capacity = ages[0] + ages[1] == 0 && seed % 2 == 0 ? 0 : chunk == 0 ? rows + 2 : chunk;
            Tensor query = law.gaussian(f32, 2, time, heads, width);
            Tensor key = law.gaussian(f32, 2, time, heads, width);
            Tensor value = law.gaussian(f32, 2, time, heads, valueWidth);
            Tensor bias = law.gaussian(f32, biased ? 2 * rows + 3 : 0);
            Tensor keys = law.zeros(f32, 2, capacity, heads, width);
            Tensor values = law.zeros(f32, 2, capacity, heads, valueWidth);
            for (int b = 0; b < 2; b++) {
                fillRows(law, keys, b, how.before(ages[b]));
                fillRows(law, values, b, how.before(ages[b]));
            }
            Tensor expectedKeys = law.copy(keys);
            Tensor actualKeys = law.copy(keys);
            Tensor expectedValues = law.copy(values);
            Tensor actualValues = law.copy(values);
            Tensor expected = law.blank(f32, 2, time, heads, valueWidth);
            Tensor actual = law.blank(f32, 2, time, heads, valueWidth);
            Tensor again = law.blank(f32, 2, time, heads, valueWidth);
            Tensor expectedSum = law.blank(f32, 2, heads, time);
            Tensor actualSum = law.blank(f32, 2, heads, time);
            plain.forward(one, query, key, value, bias, how, expectedKeys, expectedValues, ages, lengths, expected,
                    expectedSum);
            vector.forward(one, query, key, value, bias, how, law.copy(keys), law.copy(values), ages, lengths, again,
                    actualSum);
            vector.forward(four, query, key, value, bias, how, actualKeys, actualValues, ages, lengths, actual,
                    actualSum);
            law.assertClose("y of " + how, actual, expected, 3e-5);
            law.assertClose("logSum of " + how, actualSum, expectedSum, 3e-5);
            law.assertSame("y on one thread", again, actual);
            for (int b = 0; b < 2; b++) {
                int counting = capacity == 0 ? 0 : how.before(ages[b] + time);
                law.assertSame("keys", rows(law, actualKeys, b, counting), rows(law, expectedKeys, b, counting));
                law.assertSame("values", rows(law, actualValues, b, counting), rows(law, expectedValues, b, counting));
            }

            Tensor dy = law.gaussian(f32, 2, time, heads, valueWidth);
            Gradients wanted = new Gradients(law, query, key, value, bias, keys, values);
            Gradients found = new Gradients(law, query, key, value, bias, keys, values);
            Gradients repeated = new Gradients(law, query, key, value, bias, keys, values);
            wanted.of(plain, one, query, key, value, bias, how, keys, values, ages, lengths, expected, expectedSum, dy);
            found.of(vector, four, query, key, value, bias, how, keys, values, ages, lengths, expected, expectedSum,
                    dy);
            repeated.of(vector, one, query, key, value, bias, how, keys, values, ages, lengths, expected, expectedSum,
                    dy);
            String[] names = {"dQuery", "dKey", "dValue", "dBias", "dKeys", "dValues"};
            for (int i = 0; i < names.length; i++) {
                assertClose(law, names[i] + " of " + how, found.all()[i], wanted.all()[i]);
                law.assertSame(names[i] + " on one thread", repeated.all()[i], found.all()[i]);
            }
            law.assertGuardsUntouched();
        }
    }

    /** A single key has the weight 1 whatever its score: the score's gradient is then the rounding of 0. */
    private static void assertClose(KernelLaw law, String what, Tensor found, Tensor wanted) {
        double largest = 0;
        for (long i = 0; i < wanted.elements(); i++) {
            largest = Math.max(largest, Math.abs(wanted.get(i)));
        }
        if (largest > 1e-6) {
            law.assertClose(what, found, wanted, 1e-4);
            return;
        }
        for (long i = 0; i < found.elements(); i++) {
            assertThat(found.get(i)).as(what).isCloseTo(0, within(1e-5));
        }
    }

    private record Gradients(Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dBias, Tensor dKeys, Tensor dValues) {
        Gradients(KernelLaw law, Tensor query, Tensor key, Tensor value, Tensor bias, Tensor keys, Tensor values) {
            this(law.copy(query), law.copy(key), law.copy(value), law.copy(bias).fill(0), law.copy(keys).fill(0),
                    law.copy(values).fill(0));
        }

        void of(ChunkedAttention body, ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how,
                Tensor keys, Tensor values, long[] ages, int[] lengths, Tensor y, Tensor logSum, Tensor dy) {
            body.backward(team, query, key, value, bias, how, keys, values, ages, lengths, y, logSum, dy, dQuery, dKey,
                    dValue, dBias, dKeys, dValues);
        }

        Tensor[] all() {
            return new Tensor[] {dQuery, dKey, dValue, dBias, dKeys, dValues};
        }
    }

    private static void fillRows(KernelLaw law, Tensor cache, int b, int count) {
        long row = (long) cache.dim(2) * cache.dim(3);
        for (long i = 0; i < count * row; i++) {
            cache.set(b * cache.dim(1) * row + i, law.random().nextGaussian());
        }
    }

    private static Tensor rows(KernelLaw law, Tensor cache, int b, int count) {
        int row = cache.dim(2) * cache.dim(3);
        Tensor copy = law.blank(DType.F32, count, row);
        for (long i = 0; i < copy.elements(); i++) {
            copy.set(i, cache.get((long) b * cache.dim(1) * row + i));
        }
        return copy;
    }

    /** The plain bodies' gradients are slopes, in F64, those of the cache included. */
    @Test
    void gradientsAreSlopes() {
        for (Weighing weighing : Weighing.values()) {
            for (boolean causal : new boolean[] {true, false}) {
                try (KernelLaw law = new KernelLaw(3500)) {
                    ThreadTeam team = law.team(1);
                    DType f64 = DType.F64;
                    Chunks how = new Chunks(weighing, 4, causal, causal ? Dropped.NOTHING : new Dropped(0.4, 5));
                    long[] ages = {causal ? 2 : 0};
                    int[] lengths = causal ? ALL : new int[] {6};
                    Tensor query = law.gaussian(f64, 1, 7, 2, 3);
                    Tensor key = law.gaussian(f64, 1, 7, 2, 3);
                    Tensor value = law.gaussian(f64, 1, 7, 2, 2);
                    Tensor bias = law.gaussian(f64, 9);
                    Tensor keys = law.gaussian(f64, 1, 4, 2, 3);
                    Tensor values = law.gaussian(f64, 1, 4, 2, 2);
                    Tensor y = law.blank(f64, 1, 7, 2, 2);
                    Tensor logSum = law.blank(f64, 1, 2, 7);
                    Tensor dy = law.gaussian(f64, 1, 7, 2, 2);
                    DoubleSupplier loss = () -> {
                        plain.forward(team, query, key, value, bias, how, law.copy(keys), law.copy(values), ages,
                                lengths, y, logSum);
                        return KernelLaw.dot(dy, y);
                    };
                    assertThat(loss.getAsDouble()).isFinite();
                    Gradients found = new Gradients(law, query, key, value, bias, keys, values);
                    found.of(plain, team, query, key, value, bias, how, keys, values, ages, lengths, y, logSum, dy);
                    law.assertGradient("query", query, found.dQuery, loss);
                    law.assertGradient("key", key, found.dKey, loss);
                    law.assertGradient("value", value, found.dValue, loss);
                    law.assertGradient("bias", bias, found.dBias, loss);
                    law.assertGradient("keys", keys, found.dKeys, loss);
                    law.assertGradient("values", values, found.dValues, loss);
                }
            }
        }
    }
}
