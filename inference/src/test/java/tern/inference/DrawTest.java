package tern.inference;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Draws beside the plain way: sort all symbols, keep the first, walk through them. */
class DrawTest {
    private static final long SEED = 20261122;

    /** Weights of the symbols that remain; 0 for the others. */
    private static double[] kept(float[] scores, int at, int count, Sampling how) {
        double top = IntStream.range(at, at + count).mapToDouble(i -> scores[i]).max().orElseThrow();
        double[] weights = IntStream.range(0, count)
                .mapToDouble(id -> Math.exp((scores[at + id] - top) / how.temperature())).toArray();
        List<Integer> order = IntStream.range(0, count).boxed()
                .sorted((a, b) -> Double.compare(weights[b], weights[a])).toList();
        int most = how.topK() == 0 ? count : Math.min(count, how.topK());
        double total = order.subList(0, most).stream().mapToDouble(id -> weights[id]).sum();
        double[] kept = new double[count];
        double mass = 0;
        for (int i = 0; i < most && (i == 0 || mass < how.topP() * total) && weights[order.get(i)] >= how.minP(); i++) {
            kept[order.get(i)] = weights[order.get(i)];
            mass += kept[order.get(i)];
        }
        return kept;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 17, 255, 256, 257, 3000})
    void drawsWhatThePlainWayDraws(int count) {
        SplittableRandom random = new SplittableRandom(SEED + count);
        int at = 5;
        float[] scores = new float[at + count + 3];
        for (int round = 0; round < 60; round++) {
            double spread = round % 3 == 0 ? 0.01 : round % 3 == 1 ? 2 : 12;
            // Few different values in every other round, so that many are equally likely.
            for (int i = 0; i < scores.length; i++) {
                scores[i] = (float) (round % 2 == 0 ? spread * random.nextDouble() : random.nextInt(5) * spread / 5);
            }
            Sampling how = new Sampling(0.3 + random.nextDouble(), round % 4 < 2 ? 0 : 1 + random.nextInt(2 * count),
                    round % 5 < 2 ? 1 : 1 - 0.9 * random.nextDouble(), round % 7 < 4 ? 0 : random.nextDouble(), 1);
            double[] kept = kept(scores, at, count, how);
            double total = IntStream.range(0, count).mapToDouble(id -> kept[id]).sum();
            for (int i = 0; i < 50; i++) {
                double uniform = i == 49 ? Math.nextDown(1.0) : i / 49.0;
                int id = Draw.from(scores, at, count, how, uniform);
                double before = IntStream.range(0, id).mapToDouble(other -> kept[other]).sum() / total;
                assertThat(kept[id]).as("seed %d, %s, symbol %d of %d", SEED, how, id, count).isPositive();
                assertThat(uniform).as("seed %d, %s", SEED, how).isBetween(before - 1e-5,
                        before + kept[id] / total + 1e-5);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e-300, 1e-20, 1e-3, 999})
    void anyTemperatureWillDo(double temperature) {
        float[] scores = {-1e30f, 3, Float.NEGATIVE_INFINITY, 2.5f};
        int drawn = Draw.from(scores, 0, 4, new Sampling(temperature, 0, 1, 0, 1), 0.4);
        assertThat(drawn).isEqualTo(1);
        assertThat(Draw.likeliest(scores, 0, 4)).isEqualTo(1);
        float[] nothing = {Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY};
        assertThat(Draw.from(nothing, 0, 2, new Sampling(temperature, 1, 0.5, 0, 1), 0.4)).isZero();
        float[] beyond = {0, Float.POSITIVE_INFINITY};
        assertThat(Draw.from(beyond, 0, 2, new Sampling(temperature, 0, 1, 0, 1), 0.1)).isEqualTo(1);
    }
}
