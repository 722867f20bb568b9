package tern.mixers.mamba;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Optional;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Matrices;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws, and the equations written out. */
class MambaTest extends MixerContract {
    private static final int TIME = 9;
    private static final MambaConfig JAMBA = new MambaConfig(10, 3, 2, 4, true, 1e-6, 1, false, false,
            Optional.of(new MambaVariation(true)));

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("mamba", MambaConfig.of(4), 4, 8, 30),
                MixerCase.of("falcon", new MambaConfig(10, 3, 2, 3, true, 1e-6, 0.75, false, true), 6, 8, 30),
                MixerCase.of("jamba", JAMBA, 6, 8, 30),
                MixerCase.of("long", new MambaConfig(9, 3, 1, 2, false, 1e-6, 1, true, false), 3, 8, 70));
    }

    @Test
    void equalsItsEquations() {
        for (MambaConfig config : List.of(new MambaConfig(10, 3, 2, 4, false, 1e-6, 1, false, false),
                new MambaConfig(10, 3, 2, 4, true, 1e-6, 0.75, false, false), JAMBA)) {
            try (Bench bench = new Bench(config, 6, 8, 3)) {
                SeededParameters p = bench.parameters;
                Tensor in = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, TIME, 6);
                double[][] both = Matrices.map(Plain.rows(in), p.get("projection.weight"));
                double[][] x = Matrices.filtered(Matrices.columns(both, 0, 10), p.get("short.weight"));
                double[][] selected = Matrices.map(x, p.get("select.weight"));
                double[][] low = normalised(Matrices.columns(selected, 0, 2), config, p, "step");
                double[][] write = normalised(Matrices.columns(selected, 2, 5), config, p, "write");
                double[][] read = normalised(Matrices.columns(selected, 5, 8), config, p, "read");
                double[][] delta = Matrices.each(Plain.linear(low, p, "step"), Matrices::softplus);
                double[][] h = new double[3][10];
                double[][] y = new double[TIME][10];
                for (int t = 0; t < TIME; t++) {
                    for (int e = 0; e < 10; e++) {
                        y[t][e] = p.get("skip").get(e) * x[t][e];
                        for (int n = 0; n < 3; n++) {
                            double rate = -Math.exp(p.get("speed").get(n * 10L + e));
                            h[n][e] = Math.exp(delta[t][e] * rate) * h[n][e]
                                    + delta[t][e] * x[t][e] * write[t][n] * config.insertion();
                            y[t][e] += h[n][e] * read[t][n];
                        }
                        y[t][e] *= Matrices.silu(both[t][10 + e]);
                    }
                }
                Tensors.assertClose("mamba", bench.y(in), Plain.flat(Matrices.map(y, p.get("output.weight"))),
                        Tensors.F64_TOLERANCE);
            }
        }
    }

    private static double[][] normalised(double[][] x, MambaConfig config, SeededParameters p, String which) {
        double[][] y = config.normalised() ? Matrices.normalise(x, 1, false, 1e-6) : x;
        for (int t = 0; t < TIME && config.variation().isPresent(); t++) {
            for (int n = 0; n < y[t].length; n++) {
                y[t][n] *= p.get(which + "Norm.gain").get(n);
            }
        }
        return y;
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new MambaConfig(4, 0, 1, 4, false, 1e-6, 1, true, true))
                .withMessageContaining("stateWidth is 0").withMessageContaining("16 in released models");
        assertThatIllegalArgumentException().isThrownBy(() -> new MambaConfig(4, 2, 1, 4, false, 1e-6, 2, true, true))
                .withMessageContaining("insertion is 2.0");
        assertThatIllegalArgumentException().isThrownBy(() -> new MambaConfig(4, 2, 1, 4, false, 1e-6, 1, true, true,
                Optional.of(new MambaVariation(true)))).withMessageContaining("expected norms that have the gains");
    }
}
