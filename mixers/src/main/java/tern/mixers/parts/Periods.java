package tern.mixers.parts;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;

import tern.ops.Ops;
import tern.tensor.Tensor;

/**
 * Calls of a mixer that does something at the end of every so many positions of a sequence, cut where these periods end. Sequences whose
 * periods end at different positions go alone, unless the call has but one position. Stateless.
 */
public final class Periods {
    private Periods() {
    }

    /** Outputs [B,T,…] and what is remembered, tensors with the batch axis first. */
    public record Passed(Tensor y, List<Tensor> slots) {
    }

    /** Positions of one period. */
    @FunctionalInterface
    public interface Piece {
        /**
         * Passes them.
         *
         * @param streams what is read [B,T,…]
         * @param slots moved
         * @param ages position of the first row of each sequence
         */
        Passed pass(List<Tensor> streams, List<Tensor> slots, long[] ages);
    }

    /** The end of a period. */
    @FunctionalInterface
    public interface Border {
        /**
         * What is remembered after it.
         *
         * @param slots of sequences that all are there; moved
         * @param ages positions that each has seen
         */
        List<Tensor> cross(List<Tensor> slots, long[] ages);
    }

    /** Passes all positions of a call. */
    public static Passed pass(Ops ops, int period, List<Tensor> streams, List<Tensor> slots, long[] ages, Piece piece,
            Border border) {
        int time = streams.getFirst().dim(1);
        if (time > 1 && Arrays.stream(ages).map(age -> age % period).distinct().count() > 1) {
            List<Passed> each = sequences(ages.length, b -> pass(ops, period, sequence(ops, streams, b),
                    sequence(ops, slots, b), new long[] {ages[b]}, piece, border));
            return new Passed(ops.concat(each.stream().map(Passed::y).toList(), 0),
                    together(ops, each.stream().map(Passed::slots).toList()));
        }
        List<Tensor> outputs = new ArrayList<>();
        List<Tensor> now = slots;
        int from = 0;
        do {
            int start = from;
            int to = time <= 1 ? time : Math.min(time, from + period - (int) ((ages[0] + from) % period));
            Passed passed = piece.pass(streams.stream().map(stream -> ops.slice(stream, 1, start, to)).toList(), now,
                    Arrays.stream(ages).map(age -> age + start).toArray());
            outputs.add(passed.y);
            now = to == from ? passed.slots
                    : bordered(ops, period, passed.slots, Arrays.stream(ages).map(age -> age + to).toArray(), border);
            from = to;
        } while (from < time);
        return new Passed(outputs.size() == 1 ? outputs.getFirst() : ops.concat(outputs, 1), now);
    }

    private static List<Tensor> bordered(Ops ops, int period, List<Tensor> slots, long[] ages, Border border) {
        long ending = Arrays.stream(ages).filter(age -> age % period == 0).count();
        if (ending == 0) {
            return slots;
        }
        if (ending == ages.length) {
            return border.cross(slots, ages);
        }
        return together(ops, sequences(ages.length, b -> {
            List<Tensor> own = sequence(ops, slots, b);
            return ages[b] % period == 0 ? border.cross(own, new long[] {ages[b]}) : own;
        }));
    }

    private static <R> List<R> sequences(int count, IntFunction<R> one) {
        List<R> all = new ArrayList<>();
        for (int b = 0; b < count; b++) {
            all.add(one.apply(b));
        }
        return all;
    }

    private static List<Tensor> sequence(Ops ops, List<Tensor> of, int b) {
        return of.stream().map(slot -> ops.slice(slot, 0, b, b + 1)).toList();
    }

    private static List<Tensor> together(Ops ops, List<List<Tensor>> sequences) {
        List<Tensor> all = new ArrayList<>();
        for (int slot = 0; slot < sequences.getFirst().size(); slot++) {
            int own = slot;
            all.add(ops.concat(sequences.stream().map(one -> one.get(own)).toList(), 0));
        }
        return all;
    }
}
