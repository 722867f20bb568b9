package tern.mixers.mega;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Optional;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.ops.Activation;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Mixed;
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

class MovingAverageTest extends MixerContract {
    private static final double GOLDEN = 1e-8;

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    private static MovingAverageConfig config(int modes, boolean turning, boolean bidirectional, int taps) {
        return new MovingAverageConfig(modes, turning, bidirectional, Activation.SILU,
                taps == 0 ? Optional.empty() : Optional.of(taps));
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("two averages", config(2, false, false, 0), 5, 16, 24),
                MixerCase.of("sixteen averages", MovingAverageConfig.of(16), 19, 16, 24),
                MixerCase.of("five that turn", config(5, true, false, 0), 17, 16, 24),
                MixerCase.of("by taps", config(3, false, false, 24), 6, 16, 24),
                MixerCase.of("turning, by taps", config(2, true, false, 24), 6, 16, 24),
                MixerCase.of("long", config(4, false, false, 0), 3, 16, 300),
                MixerCase.of("both directions", MovingAverageConfig.bidirectional(4), 6, 16, 24),
                MixerCase.of("both directions, turning", config(3, true, true, 0), 6, 16, 24),
                MixerCase.of("both directions, by taps", config(4, false, true, 24), 6, 16, 24));
    }

    private static void fill(Filled parameters, String scope, int skipped) {
        parameters.fillTurned(scope + "delta", 0.1, skipped);
        parameters.fillTurned(scope + "alpha", 0.2, skipped);
        parameters.fillTurned(scope + "beta", 0.3, skipped);
        parameters.fillTurned(scope + "gamma", 0.4, skipped);
    }

    /** Numbers of the public reference code, causal (specification, E1). */
    @Test
    void goldenCausalAverage() {
        for (int taps : new int[] {0, 8}) {
            try (OpsUnderTest ops = ops(); Memory memory = new Memory()) {
                Filled parameters = new Filled(memory);
                SequenceMixer mixer = config(2, false, false, taps).build(new BranchContext(3, 8, 0, 1), parameters);
                fill(parameters, "", 0);
                parameters.fill("omega", 0, 0.5);
                Tensor x = Filled.input(memory, 8, 3);
                Mixed whole = mixer.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x), empty(mixer, memory));
                assertRow(whole.y(), 0, 0.157024470, 0.395215298, 0.199824171);
                assertRow(whole.y(), 1, 0.032313025, -0.122114191, -0.182597513);
                assertRow(whole.y(), 7, 0.014485366, -0.137049974, -0.183968069);
                double[] y = whole.y().toDoubles();
                double sum = 0;
                double squares = 0;
                for (double value : y) {
                    sum += value;
                    squares += value * value;
                }
                assertThat(sum).isCloseTo(0.997574700, within(GOLDEN));
                assertThat(squares).isCloseTo(0.811975608, within(GOLDEN));
                double[] published = {0.025484067, 0.073456344, -0.063182562, -0.037868930, -0.005939702, 0.067140928};
                for (int d = 0; d < 3; d++) {
                    for (int n = 0; n < 2; n++) {
                        assertThat(whole.state().slots().getFirst().get(n * 3L + d)).as("state of channel %d, %d", d, n)
                                .isCloseTo(published[2 * d + n], within(GOLDEN));
                    }
                }
                State state = empty(mixer, memory);
                int from = 0;
                for (int to : new int[] {3, 4, 8}) {
                    Mixed piece = mixer.mix(Form.CHUNK, ops.eager(),
                            MixerInput.fresh(x).slice(ops.eager(), from, to), state);
                    Tensors.assertClose("positions " + from + " to " + to, piece.y(),
                            ops.eager().slice(whole.y(), 1, from, to), 1e-14);
                    state = piece.state();
                    from = to;
                }
            }
        }
    }

    private static State empty(SequenceMixer mixer, Memory memory) {
        return State.empty(mixer.stateLayout(), DType.F64, 1, 0, memory);
    }

    /** Numbers of the public reference code, both directions (specification, E2). */
    @Test
    void goldenAverageInBothDirections() {
        for (int taps : new int[] {0, 8}) {
            try (OpsUnderTest ops = ops(); Memory memory = new Memory()) {
                Filled parameters = new Filled(memory);
                SequenceMixer mixer = config(2, false, true, taps).build(new BranchContext(3, 8, 0, 1), parameters);
                fill(parameters, "", 0);
                fill(parameters, "later.", 3);
                parameters.fill("omega", 0, 0.5);
                Tensor y = mixer.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(Filled.input(memory, 8, 3)),
                        empty(mixer, memory)).y();
                assertRow(y, 0, 0.211378555, 0.403514950, 0.228722744);
                assertRow(y, 7, 0.014961578, -0.141223253, -0.225683705);
            }
        }
    }

    static void assertRow(Tensor y, int row, double... expected) {
        for (int d = 0; d < expected.length; d++) {
            assertThat(y.get((long) row * expected.length + d)).as("row %d, channel %d", row, d)
                    .isCloseTo(expected[d], within(GOLDEN));
        }
    }

    /** The gradient through the recurrence and the one through the taps of the kernel are the same (specification, 4). */
    @Test
    void gradientsByScanAndByTapsAgree() {
        Seeds.forAll(4, (seed, random) -> {
            boolean turning = seed % 2 == 0;
            try (OpsUnderTest ops = ops(); Memory memory = new Memory()) {
                int time = 200;
                Tensor x = Tensors.normal(DType.F64, random, memory, 2, time, 3);
                Tensor weights = Tensors.normal(DType.F64, random, memory, 2, time, 3);
                List<Tensor> expected = null;
                for (int taps : new int[] {0, time}) {
                    SeededParameters parameters = new SeededParameters(DType.F64, seed, 0.1, memory);
                    SequenceMixer mixer = config(4, turning, false, taps).build(new BranchContext(3, time, 0, 1),
                            parameters);
                    List<Tensor> leaves = parameters.declared().values().stream()
                            .map(SeededParameters.Declared::tensor).toList();
                    State start = State.empty(mixer.stateLayout(), DType.F64, 2, 0, memory);
                    List<Tensor> found = ops.gradients(leaves, tape -> tape.mean(tape.multiply(
                            mixer.mix(Form.PARALLEL, tape, MixerInput.fresh(x), start).y(), weights), 1));
                    if (expected == null) {
                        expected = found;
                    } else {
                        for (int i = 0; i < found.size(); i++) {
                            Tensors.assertClose("gradient of parameter " + i, found.get(i), expected.get(i), 1e-9);
                        }
                    }
                }
            }
        });
    }

    /** N floats a channel however long the sequence, twice that if the averages turn. */
    @Test
    void theStateIsThatOfTheTable() {
        try (Memory memory = new Memory()) {
            Filled parameters = new Filled(memory);
            BranchContext at = new BranchContext(512, 2048, 0, 1);
            assertThat(MovingAverageConfig.of(16).build(at, parameters).stateLayout().floats(200_000))
                    .isEqualTo(8_192);
            assertThat(parameters.count()).as("4DN + D").isEqualTo(33_280);
            assertThat(config(16, true, false, 0).build(at, new Filled(memory)).stateLayout().floats(1))
                    .isEqualTo(16_384);
        }
    }

    @Test
    void badNumbersAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> MovingAverageConfig.of(0))
                .withMessageContaining("modes is 0, expected 1 or more");
        assertThatIllegalArgumentException().isThrownBy(() -> config(2, false, false, -1))
                .withMessageContaining("taps is -1");
    }
}
