package tern.mixers.gla;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static tern.mixers.Matrices.constant;
import static tern.mixers.Matrices.each;
import static tern.mixers.Matrices.gain;
import static tern.mixers.Matrices.map;
import static tern.mixers.Matrices.normalise;
import static tern.mixers.Matrices.plus;
import static tern.mixers.Matrices.product;
import static tern.mixers.Matrices.read;

import java.util.List;

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
class GlaTest extends MixerContract {
    private static final int TIME = 9;

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("gla", new GlaConfig(2, 2, 3, 16), 6, 8, 40),
                MixerCase.of("gla, impatient", new GlaConfig(2, 4, 3, 0.5), 6, 8, 40),
                MixerCase.of("hgrn2, first", new Hgrn2Config(3), 6, 8, 40),
                new MixerCase("hgrn2", new Hgrn2Config(3), new BranchContext(6, 8, 2, 6), 40),
                MixerCase.of("gla, long", GlaConfig.of(2, 16), 32, 8, 150));
    }

    @Test
    void glaEqualsItsEquations() {
        try (Bench bench = new Bench(new GlaConfig(2, 2, 3, 16), 6, 8, 3)) {
            SeededParameters p = bench.parameters;
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, TIME, 6);
            double[][] rows = Plain.rows(x);
            double[][] z = plus(map(map(rows, p.get("decayDown.weight")), p.get("decayUp.weight")),
                    p.get("decayUp.bias"));
            double[][] q = each(map(rows, p.get("query.weight")), value -> value / Math.sqrt(2));
            double[][] read = read(2, q, map(rows, p.get("key.weight")), map(rows, p.get("value.weight")),
                    each(z, value -> Math.log(Matrices.sigmoid(value)) / 16), constant(TIME, 2, 1), 0);
            double[][] gate = each(map(rows, p.get("gate.weight")), Matrices::silu);
            double[][] y = map(product(gate, gain(normalise(read, 2, false, 1e-5), p.get("norm.gain"))),
                    p.get("output.weight"));
            Tensors.assertClose("gla", bench.y(x), Plain.flat(y), Tensors.F64_TOLERANCE);
        }
    }

    /** Layer 1 of 3: bounds start at a third, and what is not forgotten is not written. */
    @Test
    void hgrn2EqualsItsEquations() {
        try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
            SeededParameters p = new SeededParameters(DType.F64, 8, 0, memory);
            SequenceMixer mixer = new Hgrn2Config(3).build(new BranchContext(6, 8, 2, 6), p);
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), memory, 1, TIME, 6);
            double[][] rows = Plain.rows(x);
            double[][] f = each(map(rows, p.get("forget.weight")),
                    value -> 1 / 3.0 + 2 / 3.0 * Matrices.sigmoid(value));
            double[][] q = each(map(rows, p.get("query.weight")), Matrices::silu);
            double[][] read = read(2, q, each(f, value -> 1 - value), map(rows, p.get("value.weight")),
                    each(f, Math::log), constant(TIME, 2, 1), 0);
            double[][] y = map(normalise(read, 1, false, 1e-5), p.get("output.weight"));
            double[] found = mixer.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x),
                    State.empty(mixer.stateLayout(), DType.F64, 1, 0, memory)).y().toDoubles();
            // Parameters are rounded to floats.
            Tensors.assertClose("hgrn2", found, Plain.flat(y), 1e-6);
        }
    }

    /** Bounds of 0.99995, as layers that remember for long learn them: 1 − f is not what rounding leaves of it. */
    @Test
    void whatBoundsNearOneForgetIsExact() {
        double[][] y = new double[2][];
        for (DType type : List.of(DType.F64, DType.F32)) {
            try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
                SeededParameters p = new SeededParameters(type, 8, 0, memory);
                SequenceMixer mixer = new Hgrn2Config(8).build(new BranchContext(16, 8, 2, 6), p);
                p.get("bound").fill(10);
                Tensor wide = Tensors.normal(DType.F64, Seeds.random(5), memory, 1, 200, 16);
                for (long i = 0; i < wide.elements(); i++) {
                    // Rounded alike for both types.
                    wide.set(i, 4 * (float) wide.get(i));
                }
                y[type == DType.F64 ? 0 : 1] = mixer.mix(Form.PARALLEL, ops.eager(),
                        MixerInput.fresh(type == DType.F64 ? wide : Tensors.as(type, wide, memory)),
                        State.empty(mixer.stateLayout(), type, 1, 0, memory)).y().toDoubles();
            }
        }
        Tensors.assertClose("hgrn2 with bounds near one", y[1], y[0], 1e-5);
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new GlaConfig(4, 0, 16, 16))
                .withMessageContaining("keyWidth is 0");
    }
}
