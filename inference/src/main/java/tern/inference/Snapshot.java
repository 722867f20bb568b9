package tern.inference;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

import tern.model.ModelState;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * What one sequence remembers at one position: position, state, and the fingerprint of the model it belongs to. Histories
 * hold exactly the rows that count. Immutable; release it with {@link #close}.
 */
public final class Snapshot implements AutoCloseable {
    private final String fingerprint;
    private final long position;
    private final Memory memory;
    private final List<List<Tensor>> slots;

    Snapshot(String fingerprint, long position, Memory memory, List<List<Tensor>> slots) {
        this.fingerprint = fingerprint;
        this.position = position;
        this.memory = memory;
        this.slots = slots;
    }

    static Snapshot of(LanguageModel model, ModelState state, int row) {
        Memory memory = new Memory();
        int position = Math.toIntExact(state.ages()[row]);
        List<List<Tensor>> branches = new ArrayList<>();
        for (State branch : state.states()) {
            List<Tensor> own = new ArrayList<>();
            for (int i = 0; i < branch.slots().size(); i++) {
                Tensor mine = branch.slots().get(i).slice(row, row + 1);
                boolean grows = branch.layout().slots().get(i) instanceof Slot.Growing;
                Tensor part = grows ? mine.reshape(mine.shape().with(0, mine.dim(1)).with(1, 1)).slice(0, position)
                        : mine;
                own.add(memory.copyOf(part));
            }
            branches.add(own);
        }
        return new Snapshot(model.fingerprint(), position, memory, branches);
    }

    /**
     * A state as large as that of a sequence of this age, with small random contents: what a step costs does not depend on
     * what is remembered, so benchmarks need not read a long prompt first. Use it for nothing else.
     */
    public static Snapshot random(LanguageModel model, int position, long seed) {
        Memory memory = new Memory();
        SplittableRandom random = new SplittableRandom(seed);
        List<List<Tensor>> branches = new ArrayList<>();
        for (StateLayout layout : model.network().stateLayouts()) {
            List<Tensor> own = new ArrayList<>();
            for (Slot slot : layout.slots()) {
                Shape shape = switch (slot) {
                    case Slot.Fixed fixed -> fixed.shape().prepend(1);
                    case Slot.Growing growing -> growing.row().prepend(1).prepend(position);
                };
                Tensor tensor = memory.allocate(DType.F32, shape);
                for (long i = 0; i < tensor.elements(); i++) {
                    tensor.data().setAtIndex(Tensor.FLOAT, i, random.nextFloat() - 0.5f);
                }
                own.add(tensor);
            }
            branches.add(own);
        }
        return new Snapshot(model.fingerprint(), position, memory, branches);
    }

    /** Number of tokens read when it was taken. */
    public long position() {
        return position;
    }

    /** Fingerprint of the model it belongs to. */
    public String fingerprint() {
        return fingerprint;
    }

    /** Bytes held in native memory. */
    public long bytes() {
        return memory.bytes();
    }

    /** The slots of every branch, in order: fixed ones [1,…], histories [position,1,…]. */
    List<List<Tensor>> slots() {
        return slots;
    }

    void requireModel(LanguageModel model) {
        if (!model.fingerprint().equals(fingerprint)) {
            throw new IllegalArgumentException("this state belongs to the model with fingerprint " + fingerprint
                    + ", not to the one with fingerprint " + model.fingerprint()
                    + "; load the model it was saved from");
        }
    }

    void writeTo(ModelState state, int row) {
        for (int branch = 0; branch < slots.size(); branch++) {
            List<Tensor> own = slots.get(branch);
            for (int i = 0; i < own.size(); i++) {
                Tensor target = state.states().get(branch).slots().get(i).slice(row, row + 1);
                target.data().asSlice(0, own.get(i).bytes()).copyFrom(own.get(i).data());
            }
        }
        state.ages()[row] = position;
    }

    @Override
    public void close() {
        memory.close();
    }
}
