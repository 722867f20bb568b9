package tern.mixers.goldfinch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.mixers.rwkv.Rwkv6Config;
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
import tern.testkit.Wired;

/**
 * The laws for each mixer by itself; GOLD over its cache keeps them as a stack, which the room of stacks tests, and values are
 * held against published checkpoints by the room that reads those.
 */
class GoldFinchTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        Positions turning = new Positions(Positions.Kind.ROTARY, 100, 2, 3);
        Positions binary = new Positions(Positions.Kind.BINARY, 10_000, 1, 1);
        return List.of(MixerCase.of("finch-c2", new FinchC2Config(4, 3, 2, 5, true, true), 8, 8, 40),
                MixerCase.of("finch-c2 with the bonus", new FinchC2Config(4, 3, 2, 5, true, false), 8, 8, 40),
                MixerCase.of("finch-c2 with whole keys", new FinchC2Config(2, 3, 2, 5, false, true), 6, 8, 40),
                MixerCase.of("finch-c2, long", new FinchC2Config(16, 3, 2, 5, true, true), 32, 8, 150),
                MixerCase.of("gold", new Wired(new GoldConfig(4, 3, 2, Positions.NONE, GoldCache.FULL)), 8, 8, 30),
                MixerCase.of("gold, rotary", new Wired(new GoldConfig(4, 3, 2, turning, GoldCache.FULL)), 8, 8, 30),
                MixerCase.of("gptalpha", new GptAlphaConfig(4, 3, turning), 8, 8, 30),
                MixerCase.of("gptalpha, binary", new GptAlphaConfig(8, 3, binary), 8, 8, 30),
                MixerCase.of("gptalpha without positions", new GptAlphaConfig(3, 2, Positions.NONE), 6, 8, 30));
    }

    private static SeededParameters scope(Memory memory) {
        return new SeededParameters(DType.F64, 1, 0.1, memory);
    }

    /** The first position of a sequence reads itself through the second value alone: with that zero, nothing. */
    @Test
    void theFirstPositionReadsTheSecondValueAlone() {
        try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
            SeededParameters parameters = scope(memory);
            SequenceMixer mixer = new FinchC2Config(4, 2, 2, 2, true, true).build(new BranchContext(8, 8, 0, 2),
                    parameters);
            Tensor x = Tensors.normal(DType.F64, Seeds.random(3), memory, 1, 1, 8);
            parameters.get("value.weight").fill(0);
            parameters.get("value2Up.weight").fill(0);
            parameters.get("norm.bias").fill(0);
            Tensor y = mixer.mix(Form.STEP, ops.eager(), MixerInput.fresh(x),
                    State.empty(mixer.stateLayout(), DType.F64, 1, 0, memory)).y();
            assertThat(y.toDoubles()).containsOnly(0);
        }
    }

    /** Without second value, (1 − decay) and gate, the recurrence is RWKV-6's: the same state from the same parameters. */
    @Test
    void theStateIsThatOfRwkv6() {
        try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
            SeededParameters own = scope(memory);
            SeededParameters other = scope(memory);
            BranchContext at = new BranchContext(8, 8, 0, 2);
            SequenceMixer c2 = new FinchC2Config(4, 2, 3, 2, false, false).build(at, own);
            SequenceMixer six = new Rwkv6Config(4, 2, 3, 64e-5).build(at, other);
            List<String> together = List.of("mix.base", "mix.receptance", "mix.key", "mix.value", "mix.decay",
                    "mixUp.receptance.weight", "mixUp.key.weight", "mixUp.value.weight", "mixUp.decay.weight",
                    "receptance.weight", "key.weight", "value.weight", "decayDown.weight", "decayUp.weight",
                    "decayUp.bias", "bonus");
            together.forEach(name -> other.get(name).copyFrom(own.get(name)));
            // Rows of the first matrix of the shares: receptance, key, value, decay, value2 here; decay, key, value, receptance there.
            int[] rows = {3, 1, 2, 0};
            Tensor ours = own.get("mixDown.weight");
            Tensor theirs = other.get("mixDown.weight");
            for (int c = 0; c < rows.length; c++) {
                theirs.slice(2 * c, 2 * c + 2).copyFrom(ours.slice(2 * rows[c], 2 * rows[c] + 2));
            }
            Tensor x = Tensors.normal(DType.F64, Seeds.random(4), memory, 2, 9, 8);
            State found = c2.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x),
                    State.empty(c2.stateLayout(), DType.F64, 2, 0, memory)).state();
            State expected = six.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x),
                    State.empty(six.stateLayout(), DType.F64, 2, 0, memory)).state();
            Tensors.assertClose("heads", found.slot("heads"), expected.slot("heads"));
        }
    }

    /** Keys are scaled by what their channel forgets: with nothing forgotten nothing is written, and nothing is NaN. */
    @Test
    void aChannelThatForgetsNothingIsNotWritten() {
        try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
            SeededParameters parameters = new SeededParameters(DType.F32, 1, 0.1, memory);
            SequenceMixer mixer = new FinchC2Config(4, 2, 2, 2, true, true).build(new BranchContext(8, 8, 0, 2),
                    parameters);
            Tensor x = Tensors.normal(DType.F32, Seeds.random(5), memory, 1, 20, 8);
            for (double decay : new double[] {-100, 80}) {
                parameters.get("decayUp.bias").fill(decay);
                State last = mixer.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x),
                        State.empty(mixer.stateLayout(), DType.F32, 1, 0, memory)).state();
                double sum = 0;
                for (double value : last.slot("heads").toDoubles()) {
                    sum += Math.abs(value);
                }
                assertThat(sum).as("state with decay e^" + decay).isFinite();
                if (decay < 0) {
                    assertThat(sum).isLessThan(1e-30);
                } else {
                    assertThat(sum).isGreaterThan(1e-3);
                }
            }
        }
    }

    @Test
    void speedsOfPositions() {
        assertThat(Positions.rotary(10_000).speeds(4, 64)).containsExactly(1, 0.01);
        double[] interpolated = new Positions(Positions.Kind.ROTARY, 100, 2, 100).speeds(4, 64);
        assertThat(interpolated[0]).isEqualTo(0.5);
        assertThat(interpolated[1]).isCloseTo(0.005, within(1e-15));
        assertThat(new Positions(Positions.Kind.BINARY, 2, 1, 1).speeds(8, 8)).containsExactly(Math.PI, Math.PI / 2,
                Math.PI / 4, 0);
        assertThat(Positions.NONE.speeds(3, 8)).isEmpty();
        assertThatIllegalArgumentException().isThrownBy(() -> Positions.rotary(100).speeds(3, 8))
                .withMessageContaining("3 wide").withMessageContaining("even");
    }

    @Test
    void aConfigNamesWhatItExpects() {
        try (Memory memory = new Memory()) {
            assertThatIllegalArgumentException().isThrownBy(() -> new CompressorConfig(3, GoldCache.FULL)
                    .build(new BranchContext(8, 8, 0, 2), scope(memory)))
                    .withMessage(
                            "gold-cache: ratio is 3, which does not divide the width 8; choose one of its divisors");
            assertThatIllegalArgumentException().isThrownBy(() -> GoldConfig.of(5, 8)
                    .build(new BranchContext(8, 8, 0, 2), scope(memory))).withMessageContaining("headWidth is 5");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> Positions.rotary(0.5))
                .withMessageContaining("base is 0.5");
    }
}
