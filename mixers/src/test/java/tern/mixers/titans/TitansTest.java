package tern.mixers.titans;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.TapedOps;
import tern.sequence.Form;
import tern.sequence.MixerInput;
import tern.sequence.State;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/**
 * The laws; what the memory computes is held against its equations in the kernel's own tests, memory as context here too, by plain
 * loops.
 */
class TitansTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(
                MixerCase.of("memory", new TitansConfig(2, 5, 3, TitansConfig.Arrangement.MEMORY, 0), 6, 8, 18),
                MixerCase.of("gate", new TitansConfig(2, 4, 3, TitansConfig.Arrangement.GATE, 6), 6, 8, 18),
                MixerCase.of("layer", new TitansConfig(2, 4, 3, TitansConfig.Arrangement.LAYER, 6), 6, 8, 18),
                MixerCase.of("context", new TitansContextConfig(2, 4, 3, 2), 6, 8, 10));
    }

    /** Memory as context with one head, position by position: everything that was is kept, nothing is cached. */
    private static final class Context {
        private final SeededParameters parameters;
        private final TitansContextConfig config;
        private final int width;
        private final double[][] memory;
        private final double[][] momentum;
        private double[][] anchor;
        private final List<double[]> filtered = new ArrayList<>();
        private final List<double[]> rows = new ArrayList<>();

        Context(SeededParameters parameters, TitansContextConfig config, int width) {
            this.parameters = parameters;
            this.config = config;
            this.width = width;
            this.memory = new double[width][width];
            this.momentum = new double[width][width];
            this.anchor = new double[width][width];
        }

        private double[] map(String name, double[] x) {
            Tensor weight = parameters.get(name);
            double[] y = new double[weight.dim(0)];
            for (int i = 0; i < y.length * x.length; i++) {
                y[i / x.length] += weight.get(i) * x[i % x.length];
            }
            return y;
        }

        private static double dot(double[] a, double[] b) {
            double sum = 0;
            for (int i = 0; i < a.length; i++) {
                sum += a[i] * b[i];
            }
            return sum;
        }

        private static double[] unit(double[] x) {
            return Arrays.stream(x).map(value -> value / Math.sqrt(dot(x, x))).toArray();
        }

        private static double sigmoid(double x) {
            return 1 / (1 + Math.exp(-x));
        }

        private double[] transposed(double[][] matrix, double[] x) {
            double[] y = new double[width];
            for (int k = 0; k < width; k++) {
                for (int v = 0; v < width; v++) {
                    y[v] += matrix[k][v] * x[k];
                }
            }
            return y;
        }

        private double[] part(double[] x, int which) {
            return Arrays.copyOfRange(x, which * width, (which + 1) * width);
        }

        private double[] attend(double[] query) {
            double[] y = new double[width];
            double sum = 0;
            for (double[] row : rows) {
                double[] both = map("context.weight", row);
                double weight = Math.exp(dot(query, part(both, 0)) / Math.sqrt(width));
                sum += weight;
                for (int v = 0; v < width; v++) {
                    y[v] += weight * both[width + v];
                }
            }
            double total = sum;
            return Arrays.stream(y).map(value -> value / total).toArray();
        }

        /** SiLU of the filter over what the memory was given up to now. */
        private double[] streams() {
            Tensor taps = parameters.get("short.weight");
            double[] y = new double[3 * width];
            for (int c = 0; c < y.length; c++) {
                for (int lag = 0; lag < Math.min(taps.dim(1), filtered.size()); lag++) {
                    y[c] += taps.get((long) (c + 1) * taps.dim(1) - 1 - lag)
                            * filtered.get(filtered.size() - 1 - lag)[c];
                }
                y[c] *= sigmoid(y[c]);
            }
            return y;
        }

        private double[] learn(double[] z) {
            filtered.add(map("projection.weight", z));
            double[] streams = streams();
            double[] key = unit(part(streams, 1));
            double[] gates = map("gates.weight", z);
            for (int i = 0; i < 3; i++) {
                gates[i] = sigmoid(gates[i] + parameters.get("gates.bias").get(i));
            }
            double[] surprise = transposed(anchor, key);
            for (int v = 0; v < width; v++) {
                surprise[v] -= streams[2 * width + v];
            }
            for (int k = 0; k < width; k++) {
                for (int v = 0; v < width; v++) {
                    momentum[k][v] = gates[1] * momentum[k][v]
                            - 2 * (0.5 / config.segment() * gates[0]) * key[k] * surprise[v];
                    memory[k][v] = gates[2] * memory[k][v] + momentum[k][v];
                }
            }
            double[] read = transposed(memory, unit(part(streams, 0)));
            double mean = Arrays.stream(read).average().orElseThrow();
            double variance = Arrays.stream(read).map(value -> (value - mean) * (value - mean)).average().orElseThrow();
            for (int v = 0; v < width; v++) {
                read[v] = parameters.get("norm.gain").get(v) * (read[v] - mean) / Math.sqrt(variance + 1e-5);
            }
            return read;
        }

        double[] y(int t, double[] x) {
            if (t % config.segment() == 0) {
                anchor = Arrays.stream(memory).map(double[]::clone).toArray(double[][]::new);
                rows.clear();
                for (int i = 0; i < config.persistent(); i++) {
                    double[] row = new double[width];
                    for (int d = 0; d < width; d++) {
                        row[d] = parameters.get("persistent").get((long) i * width + d);
                    }
                    rows.add(row);
                }
            }
            rows.add(transposed(anchor, unit(map("recall.weight", x))));
            rows.add(x);
            double[] z = attend(map("query.weight", x));
            double[] gate = map("gate.weight", learn(z));
            for (int d = 0; d < width; d++) {
                z[d] *= sigmoid(gate[d]);
            }
            return map("output.weight", z);
        }
    }

    @Test
    void memoryAsContextIsWhatTheEquationsSay() {
        for (int persistent : new int[] {0, 3}) {
            TitansContextConfig config = new TitansContextConfig(1, 4, 3, persistent);
            try (Bench bench = new Bench(config, 4, 16, 11)) {
                Tensor x = Tensors.normal(DType.F64, Seeds.random(12), bench.memory, 1, 11, 4);
                Context plain = new Context(bench.parameters, config, 4);
                double[] expected = new double[44];
                double[] all = x.toDoubles();
                for (int t = 0; t < 11; t++) {
                    System.arraycopy(plain.y(t, Arrays.copyOfRange(all, 4 * t, 4 * t + 4)), 0, expected, 4 * t, 4);
                }
                assertThat(bench.y(x)).as(persistent + " persistent rows").containsExactly(expected, within(1e-11));
            }
        }
    }

    /** All keys of a segment point the same way, and its gradients are taken at one memory: steps must not overshoot all the same. */
    @Test
    void sameInputsDoNotDriveTheMemoryAway() {
        try (Bench bench = new Bench(TitansContextConfig.of(2, 16), 8, 16, 13)) {
            Tensor x = bench.memory.zeros(DType.F64, Shape.of(1, 640, 8)).fill(1);
            State empty = State.empty(bench.mixer.stateLayout(), DType.F64, 1, 0, bench.memory);
            State last = bench.mixer.mix(Form.PARALLEL, bench.ops.eager(), MixerInput.fresh(x), empty).state();
            double largest = Arrays.stream(last.slot("memory").toDoubles()).map(Math::abs).max().orElseThrow();
            assertThat(largest).as("of M, S and the anchor after 40 segments").isBetween(1e-6, 10.0);
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> TitansConfig.gate(2, 0)).withMessageContaining("MEMORY");
        assertThatIllegalArgumentException().isThrownBy(() -> new TitansContextConfig(2, 0, 4, 4))
                .withMessageContaining("64 to 512");
    }
}
