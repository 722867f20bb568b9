package tern.inference;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.zip.CRC32C;

import tern.mixers.rwkv.TunedHeads;
import tern.model.ForwardingModel;
import tern.model.ModelInput;
import tern.model.ModelState;
import tern.model.Passed;
import tern.model.SequenceModel;
import tern.ops.Ops;
import tern.sequence.Form;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/**
 * A network whose sequences begin with a state that was tuned for it: what the heads of an RWKV remember before the first token. A row
 * that has read nothing is given it when it first reads.
 */
final class BegunModel extends ForwardingModel {
    private final List<Start> starts = new ArrayList<>();

    /** What a slot of a branch begins with. */
    private record Start(int branch, int slot, float[] values) {
    }

    /** @param first the state of a sequence of this network that has read nothing */
    BegunModel(SequenceModel network, Snapshot first) {
        super(network);
        List<StateLayout> layouts = network.stateLayouts();
        for (int branch = 0; branch < layouts.size(); branch++) {
            OptionalInt slot = TunedHeads.slot(layouts.get(branch));
            if (slot.isPresent()) {
                starts.add(new Start(branch, slot.getAsInt(), first.slot(branch, slot.getAsInt()).toFloats()));
            }
        }
    }

    /** What tells this beginning from others. */
    String mark() {
        CRC32C sum = new CRC32C();
        for (Start start : starts) {
            byte[] bytes = new byte[Float.BYTES * start.values.length];
            MemorySegment.ofArray(bytes).copyFrom(MemorySegment.ofArray(start.values));
            sum.update(bytes);
        }
        return "%08x".formatted(sum.getValue());
    }

    @Override
    public Passed forward(Form form, Ops ops, ModelInput in, ModelState state) {
        for (int row = 0; row < state.batch(); row++) {
            if (state.ages()[row] == 0) {
                for (Start start : starts) {
                    Tensor into = state.states().get(start.branch).slots().get(start.slot).slice(row, row + 1);
                    MemorySegment.copy(start.values, 0, into.data(), Tensor.FLOAT, 0, start.values.length);
                }
            }
        }
        return model().forward(form, ops, in, state);
    }
}
