package tern.mixers.delta;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static tern.mixers.Matrices.columns;
import static tern.mixers.Matrices.constant;
import static tern.mixers.Matrices.each;
import static tern.mixers.Matrices.filtered;
import static tern.mixers.Matrices.gain;
import static tern.mixers.Matrices.map;
import static tern.mixers.Matrices.normalise;
import static tern.mixers.Matrices.plus;
import static tern.mixers.Matrices.product;
import static tern.mixers.Matrices.read;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Matrices;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
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

/** The laws, and the equations written out. */
class DeltaNetTest extends MixerContract {
    private static final int TIME = 9;

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(
                MixerCase.of("grouped", DeltaNetConfig.grouped(4, new SharedKeys(2, true), 3, 5, 4, 1e-6), 6, 8, 40),
                MixerCase.of("delta-net", DeltaNetConfig.plain(2, 3), 6, 8, 40),
                MixerCase.of("delta-net, reflecting",
                        new DeltaNetConfig(2, 4, 3, 1, DeltaNetConfig.Decay.NONE, true), 6, 8, 40),
                MixerCase.of("gated", DeltaNetConfig.gated(2, 3), 6, 8, 40),
                MixerCase.of("decay for each key",
                        new DeltaNetConfig(2, 3, 4, 3, DeltaNetConfig.Decay.KEY, true), 6, 8, 40),
                MixerCase.of("gated alone", new DeltaNetConfig(2, 3, 4, 3, DeltaNetConfig.Decay.NONE, false,
                        Optional.empty(), Optional.of(1e-6), Optional.of(true), Optional.empty()), 6, 8, 40),
                MixerCase.of("products",
                        products(DeltaNetConfig.Decay.HEAD, 3, Optional.of(SharedKeys.byNeighbours(2))), 6, 8,
                        40),
                MixerCase.of("products, a decay for each key", products(DeltaNetConfig.Decay.KEY, 2, Optional.empty()),
                        6, 8, 40),
                MixerCase.of("gated, long", DeltaNetConfig.gated(2, 16), 32, 8, 150));
    }

    private static DeltaNetConfig products(DeltaNetConfig.Decay decay, int count, Optional<SharedKeys> shared) {
        return new DeltaNetConfig(4, 3, 5, 3, decay, true, shared, Optional.of(1e-6), Optional.empty(),
                Optional.of(count));
    }

    /** One write after another, by hand: a position decays before the first and reads after the last. */
    @Test
    void productsAreDeltaRulesInTurn() {
        for (DeltaNetConfig.Decay decay : DeltaNetConfig.Decay.values()) {
            int n = 3;
            try (Bench bench = new Bench(products(decay, n, Optional.empty()), 6, 8, 3)) {
                SeededParameters p = bench.parameters;
                Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, TIME, 6);
                double[][] rows = Plain.rows(x);
                double[][] all = filtered(map(rows, p.get("projection.weight")), p.get("short.weight"));
                double[][] q = each(normalise(columns(all, 0, 12), 4, false, 1e-6 / 3), value -> value / 3);
                double[][] rate = each(map(rows, p.get("rate.weight")), value -> 2 * Matrices.sigmoid(value));
                double[][] g = decay == DeltaNetConfig.Decay.NONE ? constant(TIME, 4, 0) : logDecay(decay, rows, p, 4);
                double[][][] asked = new double[5][n * TIME][];
                for (int t = 0; t < TIME; t++) {
                    for (int i = 0; i < n; i++) {
                        int at = n * t + i;
                        asked[0][at] = i == n - 1 ? q[t] : new double[12];
                        asked[1][at] = Arrays.copyOfRange(all[t], 12 + 12 * i, 24 + 12 * i);
                        asked[2][at] = Arrays.copyOfRange(all[t], 48 + 20 * i, 68 + 20 * i);
                        asked[3][at] = i == 0 ? g[t] : new double[g[t].length];
                        asked[4][at] = Arrays.copyOfRange(rate[t], 4 * i, 4 * i + 4);
                    }
                }
                double[][] keys = each(normalise(asked[1], 4, false, 1e-6 / 3), value -> value / Math.sqrt(3));
                double[][] read = read(4, asked[0], keys, asked[2], asked[3], asked[4], 1);
                double[][] last = new double[TIME][];
                for (int t = 0; t < TIME; t++) {
                    last[t] = read[n * t + n - 1];
                }
                double[][] y = gain(normalise(last, 4, false, 1e-6), p.get("norm.gain"));
                if (decay != DeltaNetConfig.Decay.NONE) {
                    y = product(y, each(map(rows, p.get("gate.weight")), Matrices::silu));
                }
                Tensors.assertClose(decay.name(), bench.y(x), Plain.flat(map(y, p.get("output.weight"))),
                        Tensors.F64_TOLERANCE);
            }
        }
    }

    @Test
    void equalsItsEquations() {
        for (DeltaNetConfig.Decay decay : DeltaNetConfig.Decay.values()) {
            boolean reflecting = decay != DeltaNetConfig.Decay.NONE;
            for (Optional<Boolean> told : List.of(Optional.<Boolean>empty(), Optional.of(!reflecting))) {
                equalsItsEquations(decay, reflecting, told);
            }
        }
    }

    /** Without a word about it, the output is gated where there is a decay. */
    private void equalsItsEquations(DeltaNetConfig.Decay decay, boolean reflecting, Optional<Boolean> told) {
        DeltaNetConfig config = new DeltaNetConfig(2, 3, 4, 3, decay, reflecting, Optional.empty(),
                Optional.empty(), told, Optional.empty());
        try (Bench bench = new Bench(config, 6, 8, 3)) {
            SeededParameters p = bench.parameters;
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, TIME, 6);
            double[][] rows = Plain.rows(x);
            double[][] all = filtered(map(rows, p.get("projection.weight")), p.get("short.weight"));
            double[][] q = each(normalise(columns(all, 0, 6), 2, false, 1e-6 / 3), value -> value / 3);
            double[][] k = each(normalise(columns(all, 6, 12), 2, false, 1e-6 / 3),
                    value -> value / Math.sqrt(3));
            double[][] rate = each(map(rows, p.get("rate.weight")),
                    value -> (reflecting ? 2 : 1) * Matrices.sigmoid(value));
            double[][] read = read(2, q, k, columns(all, 12, 20), logDecay(decay, rows, p, 2), rate, 1);
            double[][] y = gain(normalise(read, 2, false, 1e-5), p.get("norm.gain"));
            if (told.orElse(reflecting)) {
                y = product(y, each(map(rows, p.get("gate.weight")), Matrices::silu));
            }
            Tensors.assertClose(decay.name() + " " + told, bench.y(x), Plain.flat(map(y, p.get("output.weight"))),
                    Tensors.F64_TOLERANCE);
        }
    }

    private static double[][] logDecay(DeltaNetConfig.Decay decay, double[][] rows, SeededParameters p, int heads) {
        if (decay == DeltaNetConfig.Decay.NONE) {
            return constant(TIME, heads, 0);
        }
        double[][] raw = decay == DeltaNetConfig.Decay.HEAD ? map(rows, p.get("decay.weight"))
                : map(map(rows, p.get("decayDown.weight")), p.get("decayUp.weight"));
        double[][] steps = each(plus(raw, p.get("step")), Matrices::softplus);
        for (double[] row : steps) {
            for (int i = 0; i < row.length; i++) {
                row[i] *= -Math.exp(p.get("speed").get(i * heads / row.length));
            }
        }
        return steps;
    }

    /** What a key held is replaced, and orthogonal keys give back exactly what they were given. */
    @Test
    void writesReplace() {
        double[][] keys = {{1, 0}, {0, 1}, {1, 0}};
        double[][] values = {{3, 4}, {5, 6}, {7, 8}};
        double[][] queries = {{1, 0}, {1, 0}, {1, 0}};
        try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
            Tensor q = memory.zeros(DType.F64, 1, 3, 1, 2).setAll(Plain.flat(queries));
            Tensor k = memory.zeros(DType.F64, 1, 3, 1, 2).setAll(Plain.flat(keys));
            Tensor v = memory.zeros(DType.F64, 1, 3, 1, 2).setAll(Plain.flat(values));
            Tensor g = memory.zeros(DType.F64, 1, 1, 1, 1);
            double[] found = ops.eager().rankOneScan(q, k, v, g, k, ops.eager().scale(k, -1),
                    memory.zeros(DType.F64, 1, 1, 2, 2)).y().toDoubles();
            assertThat(found).containsExactly(3, 4, 3, 4, 7, 8);
            double[][] plain = read(1, queries, keys, values, constant(3, 1, 0), constant(3, 1, 1), 1);
            assertThat(found).containsExactly(Plain.flat(plain));
        }
    }

    /** Speeds start as ln U(0, 16), steps as softplus⁻¹ of 0.001 … 0.1. */
    @Test
    void decaysStartAsReleased() {
        try (Memory memory = new Memory()) {
            SeededParameters scope = new SeededParameters(DType.F64, 1, 0, memory);
            DeltaNetConfig.gated(200, 1).build(new BranchContext(4, 8, 0, 2), scope);
            double[] speeds = scope.get("speed").toDoubles();
            double mean = 0;
            for (int h = 0; h < 200; h++) {
                mean += Math.exp(speeds[h]) / 200;
                assertThat(Math.exp(speeds[h])).isBetween(1e-5, 16.0);
                assertThat(Matrices.softplus(scope.get("step").get(h))).isBetween(0.00099, 0.101);
            }
            assertThat(mean).isCloseTo(8, within(1.5));
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> DeltaNetConfig.plain(0, 4))
                .withMessageContaining("heads is 0");
    }
}
