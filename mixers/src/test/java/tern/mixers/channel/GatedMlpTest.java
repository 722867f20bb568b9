package tern.mixers.channel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

import org.junit.jupiter.api.Test;

import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.ops.Activation;
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

class GatedMlpTest extends MixerContract {
    /** Those whose slopes differences can find. */
    private static final Set<Activation> SMOOTH = EnumSet
            .complementOf(EnumSet.of(Activation.COMPLEMENT, Activation.SPIKE));

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        List<MixerCase> cases = new ArrayList<>();
        for (Activation gate : SMOOTH) {
            cases.add(MixerCase.of("gated by " + gate, new GatedMlpConfig(11, gate, true, gate == Activation.SILU), 6,
                    8, 9));
        }
        cases.add(MixerCase.of("plain GELU", GatedMlpConfig.plain(12, Activation.GELU), 6, 8, 9));
        cases.add(MixerCase.of("plain squared ReLU", GatedMlpConfig.plain(5, Activation.RELU_SQUARED), 6, 8, 9));
        return cases;
    }

    /** y = W_o·(f(W_g x) ⊙ W_v x), written out in plain Java for every variant. */
    @Test
    void equalsTheDefinition() {
        for (boolean gated : new boolean[] {true, false}) {
            for (Activation f : Activation.values()) {
                if (!gated && f == Activation.IDENTITY) {
                    continue;
                }
                try (OpsUnderTest ops = ops(); Memory memory = new Memory()) {
                    SeededParameters parameters = new SeededParameters(DType.F64, 7, 0.1, memory);
                    SequenceMixer mixer = new GatedMlpConfig(5, f, gated, true).build(new BranchContext(4, 8, 0, 1),
                            parameters);
                    Tensor x = Tensors.normal(DType.F64, Seeds.random(3), memory, 1, 1, 4);
                    Tensor y = mixer.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x),
                            State.empty(mixer.stateLayout(), DType.F64, 1, 0, memory)).y();
                    double[] inner = map(x.toDoubles(), parameters, "value");
                    double[] gate = gated ? map(x.toDoubles(), parameters, "gate") : inner;
                    for (int i = 0; i < inner.length; i++) {
                        inner[i] = value(f, gate[i]) * (gated ? inner[i] : 1);
                    }
                    Tensors.assertClose(f + (gated ? " gate" : ""), y.toDoubles(), map(inner, parameters, "output"),
                            Tensors.F64_TOLERANCE);
                }
            }
        }
    }

    /** Numbers from another implementation: x = sin(1 + 0.7k), W_g, W_v and W_o = 0.5·sin(0.1, 0.2 and 0.3 + 0.7k). */
    @Test
    void equalsNumbersComputedElsewhere() {
        elsewhere(Activation.SIGMOID, 1e-9, -.099442145, .017730834, .082056678, -.098189183);
        elsewhere(Activation.IDENTITY, 1e-9, .011226836, .071945858, -.081771307, .008232678);
        elsewhere(Activation.RELU, 1e-9, -.097828642, .046724119, .052014632, -.097725591);
        elsewhere(Activation.SILU, 1e-9, -.032824858, .045233477, -.011527545, -.033930470);
        // Those of GELU by the error function, from which the tanh form departs by up to 5e-4.
        elsewhere(Activation.GELU, 5e-4, -.052496281, .048621313, .004822031, -.053349419);
    }

    private static void elsewhere(Activation gate, double tolerance, double... expected) {
        try (OpsUnderTest ops = TapedOps.fastest(); Memory memory = new Memory()) {
            SeededParameters parameters = new SeededParameters(DType.F64, 1, 0, memory);
            SequenceMixer mixer = GatedMlpConfig.gated(6, gate).build(new BranchContext(4, 8, 0, 1), parameters);
            sine(parameters.get("gate.weight"), 0.1, 0.5);
            sine(parameters.get("value.weight"), 0.2, 0.5);
            sine(parameters.get("output.weight"), 0.3, 0.5);
            Tensor x = sine(memory.zeros(DType.F64, 1, 1, 4), 1, 1);
            assertThat(mixer.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x),
                    State.empty(mixer.stateLayout(), DType.F64, 1, 0, memory)).y().toDoubles()).as("gated by " + gate)
                    .containsExactly(expected, within(tolerance));
        }
    }

    private static Tensor sine(Tensor tensor, double phase, double size) {
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, size * Math.sin(phase + 0.7 * i));
        }
        return tensor;
    }

    private static double[] map(double[] x, SeededParameters parameters, String name) {
        return Plain.linear(new double[][] {x}, parameters, name)[0];
    }

    private static double value(Activation f, double x) {
        return switch (f) {
            case IDENTITY -> x;
            case RELU -> Math.max(x, 0);
            case RELU_SQUARED -> Math.max(x, 0) * Math.max(x, 0);
            case GELU -> x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
            case SILU -> x / (1 + Math.exp(-x));
            case SIGMOID -> 1 / (1 + Math.exp(-x));
            case TANH -> Math.tanh(x);
            case EXP -> Math.exp(x);
            case EXPM1 -> Math.exp(x) - 1;
            case SOFTPLUS -> Math.log(1 + Math.exp(x));
            case COMPLEMENT -> x > 0 ? 0 : Math.sqrt(1 - Math.exp(2 * x));
            case SPIKE -> x < 0 ? 0 : 1;
        };
    }

    @Test
    void remembersNothing() {
        try (Memory memory = new Memory()) {
            SequenceMixer mixer = GatedMlpConfig.gated(8, Activation.SILU).build(new BranchContext(4, 8, 0, 1),
                    new SeededParameters(DType.F32, 1, 0, memory));
            assertThat(mixer.stateLayout().floats(1_000)).isZero();
        }
    }

    @Test
    void aConfigNamesWhatItExpects() {
        assertThatIllegalArgumentException().isThrownBy(() -> GatedMlpConfig.gated(0, Activation.GELU)).withMessage(
                "mlp: inner is 0, expected 1 or more (2 to 4 times the width is usual)");
        assertThatIllegalArgumentException().isThrownBy(() -> GatedMlpConfig.plain(4, Activation.IDENTITY))
                .withMessageContaining("makes the layer linear");
    }
}
