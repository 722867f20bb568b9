package tern.model;

import java.util.List;

import tern.ops.Ops;
import tern.sequence.Form;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/**
 * A model over sequences, mostly a language model over token identifiers, that carries a state. Immutable apart from its parameters' contents; safe to
 * share between threads that bring their own {@link Ops}.
 */
public interface SequenceModel {
    /** What the model is, as data. */
    StackConfig config();

    /** Its parameters. */
    Parameters parameters();

    /** Whether no output depends on a later token. A model of which that is not true reads whole sequences only. */
    default boolean causal() {
        return true;
    }

    /** Positions of the longest sequence that it can read; {@link Integer#MAX_VALUE} if there is none. */
    default int limit() {
        return Integer.MAX_VALUE;
    }

    /** What each branch remembers, from the bottom. */
    List<StateLayout> stateLayouts();

    /**
     * Reads tokens.
     *
     * @param ids [B,T] I32
     * @param state moved; use the one that comes back
     * @param resets positions before which a new sequence begins in every row, ascending
     */
    default Passed forward(Form form, Ops ops, Tensor ids, ModelState state, int... resets) {
        return forward(form, ops, ids, state, Outputs.ALL, resets);
    }

    /**
     * Reads tokens, of which the outputs may not all be wanted.
     *
     * @param ids [B,T] I32; or, where {@link StackConfig#features} says so, values [B,T,F]
     * @param outputs which outputs {@link Passed#hidden} holds: of all tokens, of the last, or of none
     */
    default Passed forward(Form form, Ops ops, Tensor ids, ModelState state, Outputs outputs, int... resets) {
        return forward(form, ops, new ModelInput(ids, resets, new int[0], outputs), state);
    }

    /**
     * Reads a batch.
     *
     * @param state moved; use the one that comes back
     * @throws IllegalArgumentException if the model is not {@link #causal} and this is not the parallel form over whole
     *             sequences
     */
    Passed forward(Form form, Ops ops, ModelInput in, ModelState state);

    /** How many tokens must be read at once, after others were read as {@link Outputs#UNFINISHED}, to be exact again. */
    default int tail() {
        return 1;
    }

    /** The head's matrix [V,D]: logits are hidden·headᵀ, or {@link #read(Ops, Tensor, int...)}·headᵀ. */
    Tensor head();

    /**
     * The rows that the head's matrix reads: every position's, unless {@link StackConfig#readout} says otherwise.
     *
     * @param hidden [B,T,D], as {@link Passed#hidden} holds it
     * @param lengths positions of each sequence that count, from its first; none if all do
     * @return [B·T,D], or [B,·] where the head pools
     */
    Tensor read(Ops ops, Tensor hidden, int... lengths);

    /** What the head says of rows that {@link #read} gave: logits [R,V], capped where {@link StackConfig#logitCap} says so, or values. */
    Tensor outputs(Ops ops, Tensor rows);

    /** {@link Ops#crossEntropy} of the logits that {@link #outputs} would give for these rows [R,D]. */
    default Tensor crossEntropy(Ops ops, Tensor rows, Tensor targets) {
        return crossEntropy(ops, rows, targets, 0);
    }

    /** {@link #crossEntropy(Ops, Tensor, Tensor)}, trained as {@link Ops#crossEntropy(Tensor, Tensor, Tensor, double, double)} says. */
    default Tensor crossEntropy(Ops ops, Tensor rows, Tensor targets, double wrap) {
        return ops.crossEntropy(rows, head(), targets, config().logitCap().orElse(0.0), wrap);
    }

    /** Bytes of state per sequence after {@code time} positions. */
    default long stateBytes(long time) {
        return stateLayouts().stream().mapToLong(layout -> layout.bytes(time)).sum();
    }

    /** Numbers of state per sequence after {@code time} positions. */
    default long stateFloats(long time) {
        return stateLayouts().stream().mapToLong(layout -> layout.floats(time)).sum();
    }
}
