package tern.mixers.retention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static tern.mixers.Matrices.columns;
import static tern.mixers.Matrices.constant;
import static tern.mixers.Matrices.each;
import static tern.mixers.Matrices.map;
import static tern.mixers.Matrices.normalise;
import static tern.mixers.Matrices.product;
import static tern.mixers.Matrices.read;

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
class RetentionTest extends MixerContract {
    private static final int TIME = 9;

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("retnet", new RetNetConfig(2, 2), 8, 8, 40),
                MixerCase.of("retnet, one pair", new RetNetConfig(3, 1), 6, 8, 40),
                MixerCase.of("retnet, rotary halves",
                        new RetNetConfig(2, 2, Optional.of(new RetNetVariation(10_000, 1e-6))), 8, 8, 40),
                MixerCase.of("transnormer", new TransNormerConfig(2, false), 6, 8, 40),
                MixerCase.of("transnormer, positions", new TransNormerConfig(3, true), 6, 8, 40),
                MixerCase.of("retnet, long", new RetNetConfig(2, 2), 32, 8, 150));
    }

    @Test
    void retNetEqualsItsEquations() {
        try (Bench bench = new Bench(new RetNetConfig(2, 2), 8, 8, 3)) {
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, TIME, 8);
            double[][] rows = Plain.rows(x);
            double[][] q = turned(map(rows, bench.parameters.get("query.weight")));
            double[][] k = turned(map(rows, bench.parameters.get("key.weight")));
            double[][] v = map(rows, bench.parameters.get("value.weight"));
            double[][] g = new double[TIME][];
            for (int t = 0; t < TIME; t++) {
                g[t] = new double[] {Math.log(1 - 1 / 32.0), Math.log(1 - 1 / 64.0)};
            }
            double[][] read = read(2, q, each(k, value -> value / 2), v, g, constant(TIME, 2, 1), 0);
            double[][] gate = each(map(rows, bench.parameters.get("gate.weight")), Matrices::silu);
            double[][] y = map(product(gate, normalise(read, 2, false, 1e-6)), bench.parameters.get("output.weight"));
            Tensors.assertClose("retnet", bench.y(x), Plain.flat(y), Tensors.F64_TOLERANCE);
        }
    }

    /** Two heads of two pairs: the first turns by a radian a position, the second by 1/10000. */
    private static double[][] turned(double[][] x) {
        double[][] y = new double[x.length][8];
        for (int t = 0; t < x.length; t++) {
            for (int i = 0; i < 8; i += 2) {
                double angle = t * (i % 4 == 0 ? 1 : 1e-4);
                y[t][i] = x[t][i] * Math.cos(angle) - x[t][i + 1] * Math.sin(angle);
                y[t][i + 1] = x[t][i] * Math.sin(angle) + x[t][i + 1] * Math.cos(angle);
            }
        }
        return y;
    }

    @Test
    void transNormerEqualsItsEquations() {
        for (boolean positions : new boolean[] {false, true}) {
            try (Bench bench = new Bench(new TransNormerConfig(2, positions), 6, 8, 4)) {
                Tensor x = Tensors.normal(DType.F64, Seeds.random(6), bench.memory, 1, TIME, 6);
                double[][] all = map(Plain.rows(x), bench.parameters.get("projection.weight"));
                double[][] q = each(columns(all, 0, 6), Matrices::silu);
                double[][] k = each(columns(all, 6, 12), Matrices::silu);
                if (positions) {
                    q = placed(q, bench.parameters.get("theta"));
                    k = placed(k, bench.parameters.get("theta"));
                }
                // Slopes 2^-4 and 2^-8 of two heads; the only layer takes them whole, and 1e-5 more.
                double[][] g = new double[TIME][];
                for (int t = 0; t < TIME; t++) {
                    g[t] = new double[] {-1.00001 / 16, -1.00001 / 256};
                }
                double[][] read = read(2, q, k, columns(all, 12, 18), g, constant(TIME, 2, 1), 0);
                double[][] y = map(product(columns(all, 18, 24), normalise(read, 1, false, 1e-6)),
                        bench.parameters.get("output.weight"));
                Tensors.assertClose("transnormer", bench.y(x), Plain.flat(y), Tensors.F64_TOLERANCE);
            }
        }
    }

    /** Heads of 3 as [x cos θn, x sin θn], 6. */
    private static double[][] placed(double[][] x, Tensor theta) {
        double[][] y = new double[x.length][12];
        for (int t = 0; t < x.length; t++) {
            for (int i = 0; i < 6; i++) {
                int at = i / 3 * 6 + i % 3;
                y[t][at] = x[t][i] * Math.cos(t * theta.get(i));
                y[t][at + 3] = x[t][i] * Math.sin(t * theta.get(i));
            }
        }
        return y;
    }

    @Test
    void slopesAreThoseOfAliBi() {
        assertThat(TransNormer.slopes(8)).startsWith(0.5, 0.25).endsWith(1 / 256.0);
        assertThat(TransNormer.slopes(12)).hasSize(12).startsWith(0.5).element(8).isEqualTo(Math.pow(2, -0.5));
        assertThat(TransNormer.slopes(12).get(11)).isCloseTo(Math.pow(2, -3.5), within(1e-15));
    }

    /** Released models take θ_j = 10000^(−2j/D) over all heads. */
    @Test
    void positionsStartAsReleased() {
        try (Memory memory = new Memory()) {
            SeededParameters scope = new SeededParameters(DType.F64, 1, 0, memory);
            new TransNormerConfig(2, true).build(new BranchContext(8, 8, 0, 2), scope);
            assertThat(scope.get("theta").get(4)).isCloseTo(1e-4, within(1e-9));
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        try (Memory memory = new Memory()) {
            SeededParameters scope = new SeededParameters(DType.F64, 1, 0, memory);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new RetNetConfig(2, 2).build(new BranchContext(6, 8, 0, 2), scope))
                    .withMessageContaining("a head is 3 wide").withMessageContaining("even");
        }
    }
}
