package tern.model;

import java.util.List;

import tern.ops.Ops;
import tern.sequence.Form;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/**
 * A language model over token identifiers that carries a state. Immutable apart from its parameters' contents; safe to
 * share between threads that bring their own {@link Ops}.
 */
public interface SequenceModel {
    /** What the model is, as data. */
    StackConfig config();

    /** Its parameters. */
    Parameters parameters();

    /** What each branch remembers, from the bottom. */
    List<StateLayout> stateLayouts();

    /**
     * Reads tokens.
     *
     * @param ids [B,T] I32
     * @param state moved; use the one that comes back
     * @param resets positions before which a new sequence begins in every row, ascending
     */
    Passed forward(Form form, Ops ops, Tensor ids, ModelState state, int... resets);

    /** The head's matrix [V,D]: logits are hidden·headᵀ. */
    Tensor head();

    /** Floats of state per sequence after {@code time} positions. */
    default long stateFloats(long time) {
        return stateLayouts().stream().mapToLong(layout -> layout.floats(time)).sum();
    }
}
