package tern.mixers.mamba;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static tern.mixers.Matrices.columns;
import static tern.mixers.Matrices.each;
import static tern.mixers.Matrices.filtered;
import static tern.mixers.Matrices.gain;
import static tern.mixers.Matrices.map;
import static tern.mixers.Matrices.normalise;
import static tern.mixers.Matrices.plus;
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
import tern.sequence.Form;
import tern.sequence.MixerInput;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
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
class Mamba2Test extends MixerContract {
    private static final int TIME = 9;

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("mamba2", Mamba2Config.of(4, 2, 3), 4, 8, 40),
                MixerCase.of("groups",
                        new Mamba2Config(4, 3, 5, 2, 3, true, false, 1e-5, 0.01, 0.5, true, true), 6, 8, 40),
                MixerCase.of("norm before gate",
                        new Mamba2Config(2, 3, 4, 1, 4, false, true, 1e-5, 0, Double.MAX_VALUE, false, false), 6, 8,
                        40),
                MixerCase.of("as in Falcon-H1",
                        new Mamba2Config(2, 3, 4, 1, 4, true, false, 1e-5, 0, Double.MAX_VALUE, true, false,
                                Optional.of(new Mamba2Variation(false, 0.5, 2))),
                        6, 8, 40),
                MixerCase.of("forgetting", new Mamba2Config(2, 3, 4, 1, 2, false, false, 1e-5, 0, Double.MAX_VALUE,
                        false, false).withForgetting(new Forgetting(0.99, 0.75, 5)), 4, 8, 24),
                MixerCase.of("long", Mamba2Config.of(16, 16, 16), 16, 8, 150));
    }

    @Test
    void equalsItsEquations() {
        for (boolean inGroups : new boolean[] {false, true}) {
            Mamba2Config config = new Mamba2Config(4, 3, 5, 2, 3, inGroups, false, 1e-5, 0.02, 0.6, false, false);
            try (Bench bench = new Bench(config, 6, 8, 3)) {
                SeededParameters p = bench.parameters;
                Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, TIME, 6);
                double[][] all = map(Plain.rows(x), p.get("projection.weight"));
                double[][] streams = filtered(columns(all, 12, 44), p.get("short.weight"));
                double[][] delta = each(plus(columns(all, 44, 48), p.get("step")),
                        value -> Math.min(0.6, Math.max(0.02, Matrices.softplus(value))));
                double[][] g = new double[TIME][4];
                for (int t = 0; t < TIME; t++) {
                    for (int h = 0; h < 4; h++) {
                        g[t][h] = -Math.exp(p.get("speed").get(h)) * delta[t][h];
                    }
                }
                double[][] signal = columns(streams, 0, 12);
                double[][] read = read(4, shared(columns(streams, 22, 32)), shared(columns(streams, 12, 22)), signal, g,
                        delta, 0);
                for (int t = 0; t < TIME; t++) {
                    for (int i = 0; i < 12; i++) {
                        read[t][i] = (read[t][i] + p.get("skip").get(i / 3) * signal[t][i])
                                * Matrices.silu(all[t][i]);
                    }
                }
                double[][] y = map(gain(normalise(read, inGroups ? 2 : 1, false, 1e-5), p.get("norm.gain")),
                        p.get("output.weight"));
                Tensors.assertClose("mamba2", bench.y(x), Plain.flat(y), Tensors.F64_TOLERANCE);
            }
        }
    }

    /** Two groups of 5 for four heads. */
    private static double[][] shared(double[][] groups) {
        double[][] y = new double[groups.length][20];
        for (int t = 0; t < y.length; t++) {
            for (int i = 0; i < 20; i++) {
                y[t][i] = groups[t][i / 10 * 5 + i % 5];
            }
        }
        return y;
    }

    /** With a window, outputs are those of the last positions alone, from an empty state. */
    @Test
    void aWindowIsAFreshStart() {
        Mamba2Config plain = new Mamba2Config(4, 3, 5, 2, 1, false, false, 1e-5, 0, Double.MAX_VALUE, false, false);
        int window = 6;
        int time = 20;
        try (Bench whole = new Bench(plain.withForgetting(new Forgetting(1, 1, window)), 6, 8, 3);
                Bench alone = new Bench(plain, 6, 8, 3)) {
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), whole.memory, 1, time, 6);
            double[] found = whole.y(x);
            for (int end = window; end <= time; end++) {
                double[] expected = alone.y(x.reshape(time, 6).slice(end - window, end).reshape(1, window, 6));
                Tensors.assertClose("the last " + window + " of " + end,
                        Arrays.copyOfRange(found, 6 * (end - 1), 6 * end),
                        Arrays.copyOfRange(expected, 6 * (window - 1), 6 * window), 1e-9);
            }
        }
    }

    /** Less retained and less inserted is what it says. */
    @Test
    void retentionIsAFasterDecay() {
        Mamba2Config plain = new Mamba2Config(4, 3, 5, 2, 1, false, false, 1e-5, 0.1, 0.1000001, false, false);
        try (Bench less = new Bench(plain.withForgetting(new Forgetting(Math.exp(-0.1), 1, 0)), 6, 8, 3);
                Bench faster = new Bench(plain, 6, 8, 3)) {
            Tensor speed = faster.parameters.get("speed");
            for (int h = 0; h < 4; h++) {
                // Steps are 0.1: e^(−0.1 (A + 1)) is e^(−0.1 A) of which e^(−0.1) is retained.
                speed.set(h, Math.log(Math.exp(speed.get(h)) + 1));
            }
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), less.memory, 1, TIME, 6);
            Tensors.assertClose("retention", less.y(x), faster.y(x), 1e-5);
        }
    }

    /** The parameters of the 2.7 billion model, layer by layer, and its state. */
    @Test
    void isAsLargeAsThePublishedModel() {
        try (Memory memory = new Memory()) {
            SeededParameters scope = new SeededParameters(DType.F32, 1, 0, memory);
            SequenceMixer mixer = Mamba2Config.of(256, 64, 128).build(new BranchContext(256, 8, 0, 2), scope);
            long count = scope.declared().values().stream().mapToLong(declared -> declared.tensor().elements()).sum();
            // (2E + 2N + H)·d + (E + 2N)·5 + 3H + E + E·d with E = 512, N = 128, H = 8.
            assertThat(count).isEqualTo((1024 + 256 + 8) * 256 + 768 * 5 + 24 + 512 + 512 * 256);
            assertThat(mixer.stateLayout().floats(7)).isEqualTo(8 * 128 * 64 + 3 * 768);
        }
    }

    /** Steps of a thousandth within limits that are far away: a bound of 100 rounded them to five digits after the point. */
    @Test
    void limitsThatAreFarAwayChangeNoBit() {
        double[][] y = new double[3][];
        for (int i = 0; i < 3; i++) {
            try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
                SeededParameters p = new SeededParameters(DType.F32, 3, 0, memory);
                SequenceMixer mixer = new Mamba2Config(4, 3, 5, 2, 3, false, false, 1e-5, i == 0 ? 0 : 1e-12,
                        i == 0 ? Double.MAX_VALUE : i == 1 ? 100 : 1e300, false, false)
                        .build(new BranchContext(6, 8, 0, 2), p);
                p.get("step").fill(-7);
                Tensor x = Tensors.normal(DType.F32, Seeds.random(5), memory, 1, TIME, 6);
                State empty = State.empty(mixer.stateLayout(), DType.F32, 1, 0, memory);
                y[i] = mixer.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x), empty).y().toDoubles();
            }
        }
        assertThat(y[1]).isEqualTo(y[0]);
        assertThat(y[2]).isEqualTo(y[0]);
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Mamba2Config(4, 3, 5, 3, 3, true, false, 1e-5, 0, 1, true, true))
                .withMessageContaining("groups is 3").withMessageContaining("heads 4");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Mamba2Config(4, 3, 5, 2, 3, true, false, 1e-5, 1, 1, true, true))
                .withMessageContaining("shortest 1.0 and longest 1.0");
    }
}
