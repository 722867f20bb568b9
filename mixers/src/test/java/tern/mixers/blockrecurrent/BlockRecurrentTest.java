package tern.mixers.blockrecurrent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.TapedOps;
import tern.mixers.blockrecurrent.BlockRecurrentConfig.Gate;
import tern.sequence.BranchContext;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws, and the equations evaluated position by position in plain loops. */
class BlockRecurrentTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    private static BlockRecurrentConfig small(Gate gate, boolean attendsSelf) {
        return new BlockRecurrentConfig(2, 3, 3, 2, gate, attendsSelf, 4, 3);
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("fixed", small(Gate.FIXED, true), 4, 8, 10),
                MixerCase.of("lstm, others only", small(Gate.LSTM, false), 4, 8, 10));
    }

    /** What the equations of the package say, in plain loops: no rings, no caches, states kept whole. */
    private static final class Equations {
        private final BlockRecurrentConfig config;
        private final SeededParameters parameters;
        private final int width;

        Equations(BlockRecurrentConfig config, SeededParameters parameters, int width) {
            this.config = config;
            this.parameters = parameters;
            this.width = width;
        }

        private double[][] rows(String name) {
            Tensor of = parameters.get(name);
            double[][] rows = new double[of.dim(0)][of.dim(1)];
            for (int i = 0; i < rows.length; i++) {
                for (int j = 0; j < rows[i].length; j++) {
                    rows[i][j] = of.get((long) i * rows[i].length + j);
                }
            }
            return rows;
        }

        private double[] map(String name, double[] x, int from, int to) {
            double[][] weight = rows(name);
            double[] y = new double[to - from];
            for (int o = from; o < to; o++) {
                for (int i = 0; i < x.length; i++) {
                    y[o - from] += weight[o][i] * x[i];
                }
            }
            return y;
        }

        private double[] part(String name, double[] x, int stream) {
            int inner = config.heads() * config.headWidth();
            return map(name, x, stream * inner, (stream + 1) * inner);
        }

        private int bucket(int distance) {
            int[] buckets = {0, 1, 2 + (int) (2 * Math.log(1.0) / Math.log(1.5)), 3};
            return buckets[Math.min(distance, 3)];
        }

        /** A query [I] over keys and values, with the scale of a row of {@code scales}; biased by distance if asked. */
        private double[] attend(double[] query, List<double[]> keys, List<double[]> values, int scale, int distance) {
            int units = config.headWidth();
            double[] y = new double[query.length];
            for (int h = 0; h < config.heads(); h++) {
                double[] weights = new double[keys.size()];
                double sum = 0;
                for (int s = 0; s < weights.length; s++) {
                    double product = 0;
                    double first = 0;
                    double second = 0;
                    for (int i = h * units; i < (h + 1) * units; i++) {
                        product += query[i] * keys.get(s)[i];
                        first += query[i] * query[i];
                        second += keys.get(s)[i] * keys.get(s)[i];
                    }
                    double score = Math.abs(rows("scales")[scale][h]) * product / Math.sqrt(first * second);
                    if (distance >= 0) {
                        score += rows("relative")[h][bucket(distance + weights.length - 1 - s)];
                    }
                    weights[s] = Math.exp(score);
                    sum += weights[s];
                }
                for (int s = 0; s < weights.length; s++) {
                    for (int i = h * units; i < (h + 1) * units; i++) {
                        y[i] += weights[s] / sum * values.get(s)[i];
                    }
                }
            }
            return y;
        }

        private double[] placed(double[] state, int m) {
            double square = 0;
            for (double value : state) {
                square += value * value / width;
            }
            double[] y = new double[width];
            for (int d = 0; d < width; d++) {
                y[d] = parameters.get("norm").get(d) * state[d] / Math.sqrt(square + 1e-6) + rows("places")[m][d];
            }
            return y;
        }

        private static double sigmoid(double x) {
            return 1 / (1 + Math.exp(-x));
        }

        private double gate(String name, double[] read, int d, double shift) {
            double bias = parameters.get(name + ".bias").get(d) + shift;
            return sigmoid(config.gate() == Gate.FIXED ? bias : bias + map(name + ".weight", read, d, d + 1)[0]);
        }

        private double[] moved(double[] state, double[] read) {
            double[] h = map("mixed.weight", read, 0, width);
            double[] next = new double[width];
            for (int d = 0; d < width; d++) {
                if (config.gate() == Gate.LSTM) {
                    next[d] = gate("forget", read, d, 1) * state[d] + gate("input", read, d, -1) * h[d];
                } else {
                    double g = gate("gate", read, d, config.gate() == Gate.FULL ? 1 : 0);
                    next[d] = g * state[d] + (1 - g) * h[d];
                }
            }
            return next;
        }

        private static double[] joined(double[] a, double[] b) {
            double[] all = new double[a.length + b.length];
            System.arraycopy(a, 0, all, 0, a.length);
            System.arraycopy(b, 0, all, a.length, b.length);
            return all;
        }

        double[] y(double[][] x) {
            double[][] state = rows("start");
            List<double[]> keys = new ArrayList<>();
            List<double[]> values = new ArrayList<>();
            double[] y = new double[x.length * width];
            for (int t = 0; t < x.length; t++) {
                keys.add(part("tokens.weight", x[t], 0));
                values.add(part("tokens.weight", x[t], 1));
                int end = config.attendsSelf() ? t + 1 : t;
                int from = Math.max(0, end - config.window());
                double[] own = attend(part("tokens.weight", x[t], 2), keys.subList(from, end),
                        values.subList(from, end), 0, t + 1 - end);
                double[] recurrent = attend(part("tokens.weight", x[t], 3), ofStates(state, 0), ofStates(state, 1), 1,
                        -1);
                System.arraycopy(map("output.weight", joined(own, recurrent), 0, width), 0, y, t * width, width);
                if ((t + 1) % config.window() == 0) {
                    state = moved(state, keys, values);
                }
            }
            return y;
        }

        private double[][] moved(double[][] state, List<double[]> keys, List<double[]> values) {
            double[][] next = new double[state.length][];
            int from = Math.max(0, keys.size() - 2 * config.window());
            for (int m = 0; m < state.length; m++) {
                double[] placed = placed(state[m], m);
                double[] own = attend(part("states.weight", placed, 2), ofStates(state, 0), ofStates(state, 1), 2, -1);
                double[] read = attend(part("states.weight", placed, 3), keys.subList(from, keys.size()),
                        values.subList(from, keys.size()), 3, -1);
                next[m] = moved(state[m], joined(own, read));
            }
            return next;
        }

        private List<double[]> ofStates(double[][] state, int stream) {
            return IntStream.range(0, state.length)
                    .mapToObj(m -> part("states.weight", placed(state[m], m), stream)).toList();
        }
    }

    @Test
    void itIsWhatTheEquationsSay() {
        for (Gate gate : Gate.values()) {
            for (boolean attendsSelf : new boolean[] {true, false}) {
                BlockRecurrentConfig config = small(gate, attendsSelf);
                try (Bench bench = new Bench(config, 4, 16, 5)) {
                    Tensor x = Tensors.normal(DType.F64, Seeds.random(6), bench.memory, 1, 14, 4);
                    double[][] rows = new double[14][4];
                    for (int i = 0; i < 56; i++) {
                        rows[i / 4][i % 4] = x.get(i);
                    }
                    bench.parameters.get("scales").fill(-2);
                    assertThat(bench.y(x)).as(gate + ", reads its own position: " + attendsSelf).containsExactly(
                            new Equations(config, bench.parameters, 4).y(rows), within(1e-12));
                }
            }
        }
    }

    /** The gate's example of the reference: S, h and b are 0.5·sin(seed + 0.7k) with seeds 0.1, 0.2 and 0.3. */
    @Test
    void theFixedGateBlendsAsPublished() {
        BlockRecurrentConfig config = new BlockRecurrentConfig(1, 1, 1, 1, Gate.FIXED, true, 2, 2);
        try (Bench bench = new Bench(config, 3, 4, 7)) {
            Equations equations = new Equations(config, bench.parameters, 3);
            double[] expected = {.072803500, .371751508, .499140893};
            bench.parameters.get("mixed.weight").fill(0);
            for (int d = 0; d < 3; d++) {
                bench.parameters.get("gate.bias").set(d, 0.5 * Math.sin(0.3 + 0.7 * d));
                bench.parameters.get("mixed.weight").set(2L * d, 0.5 * Math.sin(0.2 + 0.7 * d));
            }
            double[] state = {0.5 * Math.sin(0.1), 0.5 * Math.sin(0.8), 0.5 * Math.sin(1.5)};
            assertThat(equations.moved(state, new double[] {1, 0})).containsExactly(expected, within(1e-9));
        }
    }

    /** States are told apart by their places alone, so that their order is nothing that positions read. */
    @Test
    void theOrderOfStatesDoesNotMatter() {
        BlockRecurrentConfig config = new BlockRecurrentConfig(2, 3, 3, 3, Gate.FULL, true, 4, 3);
        try (Bench bench = new Bench(config, 4, 16, 5)) {
            Tensor x = Tensors.normal(DType.F64, Seeds.random(6), bench.memory, 1, 14, 4);
            double[] before = bench.y(x);
            for (String name : List.of("places", "start")) {
                Tensor rows = bench.parameters.get(name);
                double[] all = rows.toDoubles();
                for (int i = 0; i < all.length; i++) {
                    rows.set((i + 4) % all.length, all[i]);
                }
            }
            assertThat(bench.y(x)).as("the states moved on by one").containsExactly(before, within(1e-12));
        }
    }

    /** Where the gate keeps everything, nothing of what states read is seen. */
    @Test
    void aGateThatIsOneKeepsTheStates() {
        try (Bench bench = new Bench(small(Gate.FIXED, true), 4, 16, 5)) {
            Tensor x = Tensors.normal(DType.F64, Seeds.random(6), bench.memory, 1, 14, 4);
            double[] moving = bench.y(x);
            bench.parameters.get("gate.bias").fill(1000);
            double[] kept = bench.y(x);
            assertThat(kept).isNotEqualTo(moving);
            bench.parameters.get("mixed.weight").fill(7);
            assertThat(bench.y(x)).containsExactly(kept, within(1e-12));
        }
    }

    /** Variance scaling by 0.1 over what is read, as published: a gate's products have a tenth of the variance. */
    @Test
    void whatGatesAreMadeFromStartsSmall() {
        for (Gate gate : List.of(Gate.FULL, Gate.LSTM)) {
            try (Memory memory = new Memory()) {
                SeededParameters parameters = new SeededParameters(DType.F32, 9, 0, memory);
                BlockRecurrentConfig.of(4, 16, 8, 2, gate).build(new BranchContext(64, 16, 0, 2), parameters);
                for (String name : gate == Gate.FULL ? List.of("gate") : List.of("forget", "input")) {
                    double[] weights = parameters.get(name + ".weight").toDoubles();
                    double variance = Arrays.stream(weights).map(w -> w * w).sum() / weights.length;
                    // 128 inputs; six standard errors of the variance of 8,192 numbers.
                    assertThat(128 * variance).as(name).isCloseTo(0.1, within(0.1 * 6 * Math.sqrt(2.0 / 8192)));
                }
            }
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new BlockRecurrentConfig(2, 4, 8, 4, Gate.FIXED, true, 32, 16))
                .withMessageContaining("128 for 32");
        assertThatIllegalArgumentException().isThrownBy(() -> BlockRecurrentConfig.of(2, 4, 0, 4, Gate.LSTM))
                .withMessageContaining("512 in the paper");
        assertThatIllegalArgumentException().isThrownBy(() -> BlockRecurrentConfig.of(65_536, 65_536, 8, 4, Gate.LSTM))
                .withMessageContaining("headWidth is 65536, times heads 65536");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BlockRecurrentConfig.of(2, 4, 1_200_000_000, 4, Gate.LSTM))
                .withMessageContaining("window is 1200000000, expected 268435456 or less");
    }
}
