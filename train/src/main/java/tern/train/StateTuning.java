package tern.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

import tern.checkpoint.Safetensors;
import tern.mixers.rwkv.TunedHeads;
import tern.model.ForwardingModel;
import tern.model.ModelInput;
import tern.model.ModelState;
import tern.model.Parameters;
import tern.model.Passed;
import tern.model.SequenceModel;
import tern.ops.Ops;
import tern.sequence.Form;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A model whose weights stand still: its parameters are what the heads of RWKV-5, 6 or 7 remember before the first token ("state
 * tuning", as RWKV's authors call it). A fresh sequence, and none but a fresh one, begins with them; token shifts begin at zero. They are
 * named and written as they are published: {@code blocks.N.att.time_state} [H,V,K], value axis before key axis, for the N-th branch
 * that has heads.
 */
final class StateTuning extends ForwardingModel {
    /** The file that {@link #write} is meant to make, in a run's folder. */
    static final String FILE = "state.safetensors";

    private final Parameters parameters;
    private final List<Start> starts = new ArrayList<>();

    /** Where a state stands, and what it begins with: [1,H·K·V], a table of one row. */
    private record Start(int branch, int slot, Shape shape, String name, Tensor table) {
    }

    /**
     * States of zeros, with which the model is what it was.
     *
     * @param source where they live
     * @throws IllegalArgumentException if no branch has such heads
     */
    StateTuning(SequenceModel model, Parameters.Source source) {
        super(model);
        this.parameters = new Parameters(source);
        ParameterScope blocks = parameters.scope().child("blocks");
        List<StateLayout> layouts = model.stateLayouts();
        for (int branch = 0; branch < layouts.size(); branch++) {
            OptionalInt slot = TunedHeads.slot(layouts.get(branch));
            if (slot.isPresent()) {
                String number = Integer.toString(starts.size());
                Shape shape = ((Slot.Fixed) layouts.get(branch).slots().get(slot.getAsInt())).shape();
                Tensor table = blocks.child(number).child("att").parameter("time_state",
                        Shape.of(1, Math.toIntExact(shape.elements())), Role.VECTOR, Initialiser.constant(0));
                starts.add(new Start(branch, slot.getAsInt(), shape, "blocks." + number + ".att.time_state", table));
            }
        }
        if (starts.isEmpty()) {
            throw new IllegalArgumentException(
                    "only what the heads of RWKV-5, 6 and 7 remember can be tuned, and this model"
                            + " has none; train its weights");
        }
    }

    @Override
    public Parameters parameters() {
        return parameters;
    }

    @Override
    public Passed forward(Form form, Ops ops, ModelInput in, ModelState state) {
        boolean fresh = Arrays.stream(state.ages()).allMatch(age -> age == 0);
        return model().forward(form, ops, in, fresh ? begun(ops, state) : state);
    }

    private ModelState begun(Ops ops, ModelState state) {
        Tensor first = ops.zeros(DType.I32, Shape.of(state.batch(), 1));
        List<State> states = new ArrayList<>(state.states());
        for (Start start : starts) {
            State old = states.get(start.branch);
            Tensor[] slots = old.slots().toArray(Tensor[]::new);
            slots[start.slot] = ops.reshape(ops.embed(start.table, first), start.shape.prepend(state.batch()));
            states.set(start.branch, old.next(slots));
        }
        return new ModelState(states, state.ages());
    }

    /**
     * Writes the states, atomically.
     *
     * @param notes anything worth keeping
     */
    void write(Path path, Map<String, String> notes) throws IOException {
        try (Memory memory = new Memory()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (Start start : starts) {
                int heads = start.shape.dim(0);
                int keys = start.shape.dim(1);
                int values = start.shape.dim(2);
                Tensor turned = memory.zeros(DType.F32, Shape.of(heads, values, keys));
                for (int head = 0; head < heads; head++) {
                    for (int key = 0; key < keys; key++) {
                        for (int value = 0; value < values; value++) {
                            turned.set(((long) head * values + value) * keys + key,
                                    start.table.get(((long) head * keys + key) * values + value));
                        }
                    }
                }
                tensors.put(start.name, turned);
            }
            Safetensors.write(path, tensors, notes);
        }
    }
}
