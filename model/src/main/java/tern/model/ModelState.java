package tern.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Allocator;
import tern.tensor.DType;

/**
 * What a model remembers of a batch of sequences: one {@link State} a branch and the position of every sequence. Moved like
 * its parts: use the one that a pass gives back. Confined to one thread.
 *
 * @param states one a branch, from the bottom
 * @param ages positions seen by each sequence
 */
public record ModelState(List<State> states, long[] ages) {
    /**
     * The state before the first position.
     *
     * @param capacity rows to reserve in growing slots; 0 if the sequences will not be continued
     */
    public static ModelState empty(List<StateLayout> layouts, DType dtype, int batch, int capacity, Allocator memory) {
        List<State> states = new ArrayList<>();
        for (StateLayout layout : layouts) {
            states.add(State.empty(layout, dtype, batch, capacity, memory));
        }
        return new ModelState(states, new long[batch]);
    }

    /** Number of sequences. */
    public int batch() {
        return ages.length;
    }

    /** The state {@code time} positions later, with these parts. */
    public ModelState next(List<State> later, int time) {
        return new ModelState(later, Arrays.stream(ages).map(age -> age + time).toArray());
    }

    /** An independent copy. */
    public ModelState copy(Allocator memory) {
        return new ModelState(states.stream().map(state -> state.copy(memory)).toList(), ages.clone());
    }

    /** Room for at least {@code capacity} positions in every growing slot; moves the states that are enlarged. */
    public ModelState reserve(int capacity, Allocator memory) {
        return new ModelState(states.stream().map(state -> state.reserve(capacity, memory)).toList(), ages);
    }

    /** Rows that growing slots have room for. */
    public int capacity() {
        return states.stream().mapToInt(State::capacity).min().orElse(Integer.MAX_VALUE);
    }

    /** Copies one sequence of another state of the same model into a row of this one. */
    public void copySequence(ModelState from, int fromRow, int toRow) {
        for (int i = 0; i < states.size(); i++) {
            states.get(i).copySequence(from.states.get(i), fromRow, toRow, from.ages[fromRow]);
        }
        ages[toRow] = from.ages[fromRow];
    }

    /** Puts one sequence back to before its first position. */
    public void clearSequence(int row) {
        states.forEach(state -> state.clearSequence(row));
        ages[row] = 0;
    }

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }
}
