package tern.mixers;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;

import org.junit.jupiter.api.Test;

import tern.mixers.modal.ModalRecurrenceConfig;
import tern.ops.Ops;
import tern.sequence.Form;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;

/** Every law must fail for a mixer that breaks it: one that keeps them all is broken in one way at a time. */
class LawsTest extends MixerContract {
    private static final MixerConfig SOUND = ModalRecurrenceConfig.of(1, 2, 1);

    /** A way to break a mixer. */
    @FunctionalInterface
    private interface Twist {
        Mixed mix(SequenceMixer sound, Form form, Ops ops, MixerInput in, State state);
    }

    private record Broken(SequenceMixer sound, StateLayout stateLayout, Twist twist) implements SequenceMixer {
        @Override
        public Mixed step(Ops ops, MixerInput in, State state) {
            return twist.mix(sound, Form.STEP, ops, in, state);
        }

        @Override
        public Mixed mix(Form form, Ops ops, MixerInput in, State state) {
            return twist.mix(sound, form, ops, in, state);
        }
    }

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(broken(SequenceMixer::mix));
    }

    private static MixerCase broken(Twist twist) {
        MixerConfig config = (at, scope) -> {
            SequenceMixer sound = SOUND.build(at, scope);
            return new Broken(sound, sound.stateLayout(), twist);
        };
        return MixerCase.of("broken", config, 4, 8, 12);
    }

    private void assertCaught(BiConsumer<MixerContract, MixerCase> law, String message, Twist twist) {
        assertThatThrownBy(() -> law.accept(this, broken(twist))).isInstanceOf(AssertionError.class)
                .hasMessageStartingWith("seed ").hasMessageContaining(message);
    }

    @Test
    void cutsCatchAForgottenState() {
        assertCaught(MixerContract::anyCutInAnyFormGivesTheSame, "y of [", (sound, form, ops, in, state) -> {
            Tensor[] zeros = state.slots().stream().map(slot -> ops.zeros(slot.dtype(), slot.shape()))
                    .toArray(Tensor[]::new);
            return sound.mix(form, ops, in, state.next(zeros));
        });
    }

    @Test
    void cutsCatchAFormThatMeansSomethingElse() {
        assertCaught(MixerContract::anyCutInAnyFormGivesTheSame, "y of CHUNK", (sound, form, ops, in, state) -> {
            Mixed mixed = sound.mix(form, ops, in, state);
            return new Mixed(form == Form.CHUNK ? ops.scale(mixed.y(), 1.01) : mixed.y(), mixed.state());
        });
    }

    @Test
    void causalityCatchesALookAhead() {
        assertCaught(MixerContract::noOutputDependsOnALaterPosition, "PARALLEL: y before position",
                (sound, form, ops, in,
                        state) -> {
                    Mixed mixed = sound.mix(form, ops, in, state);
                    if (form != Form.PARALLEL || in.time() == 1) {
                        return mixed;
                    }
                    Tensor last = ops.slice(in.x(), 1, in.time() - 1, in.time());
                    Tensor ahead = ops.concat(List.of(ops.slice(in.x(), 1, 1, in.time()), last), 1);
                    return new Mixed(ops.add(mixed.y(), ops.scale(ahead, 0.01)), mixed.state());
                });
    }

    @Test
    void batchesCatchASequenceThatSeesAnother() {
        assertCaught(MixerContract::aBatchGivesEachSequenceWhatItGetsAlone, "in a batch of",
                (sound, form, ops, in, state) -> {
                    Mixed mixed = sound.mix(form, ops, in, state);
                    List<Tensor> first = new ArrayList<>();
                    for (int b = 0; b < in.batch(); b++) {
                        first.add(ops.slice(in.x(), 0, 0, 1));
                    }
                    return new Mixed(ops.add(mixed.y(), ops.scale(ops.concat(first, 0), 0.01)), mixed.state());
                });
    }

    @Test
    void batchesCatchAnAgeTakenFromAnotherSequence() {
        assertCaught(MixerContract::aBatchGivesEachSequenceWhatItGetsAlone, "in a batch of",
                (sound, form, ops, in, state) -> {
                    Mixed mixed = sound.mix(form, ops, in, state);
                    Tensor offset = ops.zeros(mixed.y().dtype(), mixed.y().shape()).fill(0.01 * in.ages()[0]);
                    return new Mixed(ops.add(mixed.y(), offset), mixed.state());
                });
    }

    @Test
    void packingCatchesIgnoredResets() {
        assertCaught(MixerContract::packedSequencesWithResetsGiveEachWhatItGetsAlone, "with resets",
                (sound, form, ops, in,
                        state) -> sound.mix(form, ops, MixerInput.of(in.x(), in.ages()), state));
    }

    @Test
    void statesCatchMemoryOutsideTheState() {
        AtomicInteger calls = new AtomicInteger();
        assertCaught(MixerContract::aStateCanBeCopiedAndSaved, "copied state", (sound, form, ops, in, state) -> {
            Mixed mixed = sound.mix(form, ops, in, state);
            return new Mixed(ops.scale(mixed.y(), 1 + 1e-3 * calls.incrementAndGet()), mixed.state());
        });
    }

    @Test
    void movesCatchAStateThatIsStillUsable() {
        assertCaught(MixerContract::aMovedStateThrows, "Expecting code to raise a throwable", (sound, form, ops, in,
                state) -> sound.mix(form, ops, in, State.of(state.layout(), state.slots())));
    }

    @Test
    void layoutsCatchASlotThatGrowsInSecret() {
        assertCaught(MixerContract::theLayoutCountsWhatIsHeld, "floats of two sequences",
                (sound, form, ops, in, state) -> {
                    Slot more = new Slot.Fixed("more", Shape.of(1));
                    List<Slot> slots = new ArrayList<>(sound.stateLayout().slots());
                    List<Tensor> held = new ArrayList<>(
                            sound.mix(form, ops, in, State.of(sound.stateLayout(), state.slots().subList(0,
                                    slots.size()))).state().slots());
                    slots.add(more);
                    held.add(ops.zeros(in.x().dtype(), Shape.of(in.batch(), 1)));
                    return new Mixed(in.x(), State.of(new StateLayout(slots), held));
                });
    }

    @Test
    void gradientsCatchAValueThatWentAroundTheTape() {
        assertCaught(MixerContract::gradientsAreTheSlopes, "against the central difference",
                (sound, form, ops, in, state) -> {
                    Mixed mixed = sound.mix(form, ops, in, state);
                    Tensor around = ops.zeros(in.x().dtype(), in.x().shape()).copyFrom(in.x());
                    return new Mixed(ops.multiply(mixed.y(), around), mixed.state());
                });
    }

    @Test
    void gradientsCatchAnInitialStateThatIsNotSeen() {
        assertCaught(MixerContract::gradientsAreTheSlopes, "initial state", (sound, form, ops, in, state) -> {
            Tensor[] around = state.slots().stream().map(slot -> ops.zeros(slot.dtype(), slot.shape()).copyFrom(slot))
                    .toArray(
                            Tensor[]::new);
            return sound.mix(form, ops, in, state.next(around));
        });
    }
}
