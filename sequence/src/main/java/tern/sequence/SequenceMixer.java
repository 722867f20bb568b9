package tern.sequence;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import tern.ops.Ops;
import tern.tensor.Tensor;

/**
 * A layer that maps a sequence to a sequence, causally, carrying a state. Every form is (input, state) → (output, next
 * state) over the same parameters and with the same meaning; resets are handled once, in {@link #mix}. A mixer that reads in
 * both directions says so by {@link #causal}: it takes whole sequences only. Implementations hold parameters and nothing
 * else and are immutable; safe to share between threads that bring their own {@link Ops}.
 */
public interface SequenceMixer {
    /** The {@link #reach} of a mixer whose outputs may depend on every earlier position. */
    int UNBOUNDED = Integer.MAX_VALUE;

    /**
     * Whether no output depends on a later position. A mixer of which that is not true has no state, runs in the
     * {@link Form#PARALLEL} form on sequences that begin and end with the call, and has an {@link #UNBOUNDED} reach.
     */
    default boolean causal() {
        return true;
    }

    /** Positions of the longest sequence that it can read; {@link #UNBOUNDED} if there is none. */
    default int limit() {
        return UNBOUNDED;
    }

    /** Named slots; empty for a stateless layer. */
    StateLayout stateLayout();

    /** One position, or several one after another: the reference form. The input has no resets. */
    Mixed step(Ops ops, MixerInput in, State state);

    /** T positions from and to a state; by default T steps. The input has no resets. */
    default Mixed chunk(Ops ops, MixerInput in, State state) {
        return stepByStep(ops, in, state);
    }

    /** T positions as in training; by default as a chunk. The input has no resets. */
    default Mixed parallel(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    /** Names of the wires read from {@link MixerInput}. */
    default Set<String> reads() {
        return Set.of();
    }

    /** Names of the wires published in {@link Mixed}. */
    default Set<String> publishes() {
        return Set.of();
    }

    /** Names of what is remembered for later branches, which read it through {@link Shared}. */
    default Set<String> shares() {
        return Set.of();
    }

    /** Names of what earlier branches remember and this one reads. */
    default Set<String> recalls() {
        return Set.of();
    }

    /**
     * Rows of what is remembered for later branches, as {@link Shared.History#rows} gives them.
     *
     * @param name one of {@link #shares}
     * @param slots the own state, by slot name; not moved
     * @param tokens the stack's embedding
     */
    default Tensor remembered(Ops ops, String name, Map<String, Tensor> slots, TokenTable tokens, int from, int to) {
        throw new IllegalArgumentException("nothing is remembered by the name of \"" + name + "\"");
    }

    /**
     * How many positions before an output its value depends on through {@link MixerInput#x()}, and how many last positions
     * the slots of the state depend on through it. What comes by wires or histories does not count. A stack that needs the
     * last outputs only runs the branches above its last unbounded one on the last positions only.
     */
    default int reach() {
        return UNBOUNDED;
    }

    /**
     * Takes note of positions whose outputs nobody needs. Called before {@link #mix} on the positions that follow, and only
     * if {@link #reach} is bounded; for the state's other slots those positions have then been seen by {@code mix}.
     *
     * @param wires what {@link #reads} names, [B,T,…] each
     * @param ages position of the first row of each sequence, B entries
     * @param state moved
     */
    default State skip(Ops ops, Map<String, Tensor> wires, long[] ages, State state) {
        return state;
    }

    /** One of the three forms; a packed input is cut at its resets, each sequence starting from the empty state. */
    default Mixed mix(Form form, Ops ops, MixerInput in, State state) {
        if (!causal()) {
            requireWhole(form, in.ages());
        }
        if (in.resets().length == 0) {
            return switch (form) {
                case STEP -> in.time() == 1 ? step(ops, in, state) : stepByStep(ops, in, state);
                case CHUNK -> chunk(ops, in, state);
                case PARALLEL -> parallel(ops, in, state);
            };
        }
        List<Mixed> pieces = new ArrayList<>();
        State current = state;
        int from = 0;
        for (int i = 0; i <= in.resets().length; i++) {
            int to = i < in.resets().length ? in.resets()[i] : in.time();
            if (to > from) {
                Mixed piece = mix(form, ops, unpacked(in.slice(ops, from, to), i > 0), current);
                pieces.add(piece);
                current = piece.state();
            }
            if (i < in.resets().length) {
                current = current.restarted(ops);
            }
            from = to;
        }
        return join(ops, pieces, current);
    }

    /**
     * Checks a call of something that reads in both directions.
     *
     * @throws IllegalArgumentException if it is not the parallel form at age 0
     */
    static void requireWhole(Form form, long[] ages) {
        if (form != Form.PARALLEL || Arrays.stream(ages).anyMatch(age -> age != 0)) {
            throw new IllegalArgumentException("a mixer that reads in both directions cannot step, stream or generate;"
                    + " give it whole sequences in the parallel form at age 0 (found form " + form + ", ages "
                    + Arrays.toString(ages) + "), or train a causal one");
        }
    }

    private static MixerInput unpacked(MixerInput in, boolean restarted) {
        return new MixerInput(in.x(), restarted ? new long[in.batch()] : in.ages(), in.wires(), new int[0],
                in.shared());
    }

    private Mixed stepByStep(Ops ops, MixerInput in, State state) {
        List<Mixed> pieces = new ArrayList<>();
        State current = state;
        for (int t = 0; t < in.time(); t++) {
            Mixed piece = step(ops, in.slice(ops, t, t + 1), current);
            pieces.add(piece);
            current = piece.state();
        }
        return join(ops, pieces, current);
    }

    private static Mixed join(Ops ops, List<Mixed> pieces, State last) {
        if (pieces.size() == 1) {
            return new Mixed(pieces.getFirst().y(), last, pieces.getFirst().wires());
        }
        Map<String, Tensor> wires = new HashMap<>();
        for (String name : pieces.getFirst().wires().keySet()) {
            wires.put(name, ops.concat(pieces.stream().map(piece -> piece.wires().get(name)).toList(), 1));
        }
        return new Mixed(ops.concat(pieces.stream().map(Mixed::y).toList(), 1), last, wires);
    }
}
