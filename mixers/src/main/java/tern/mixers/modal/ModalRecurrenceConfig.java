package tern.mixers.modal;

import java.util.List;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * A gated recurrence with modal filters. Lists hold one number for each filter, bank by bank, or a single number if all are
 * equal (a longer list of equal numbers is stored as that one).
 *
 * @param order N: number of gates; there are N−1 banks of filters
 * @param headWidth number of channels n_h that share a filter; above 1 only with order 2
 * @param shortFilter taps of the short convolution over all streams
 * @param pairs number of conjugate pairs of each filter
 * @param reals number of real poles of each filter
 * @param smallestRadius least absolute value of a pole when trained from scratch
 * @param largestRadius largest absolute value of a pole when trained from scratch, less than 1
 */
public record ModalRecurrenceConfig(int order, int headWidth, int shortFilter, List<Integer> pairs, List<Integer> reals,
        double smallestRadius, double largestRadius) implements MixerConfig {
    /** Checks the numbers. */
    public ModalRecurrenceConfig {
        Expect.atLeast("modal", "order", order, 2, "2 = one gated recurrence");
        Expect.atLeast("modal", "headWidth", headWidth, 1, "1 = a filter for each channel");
        Expect.that(headWidth == 1 || order == 2, "modal: headWidth is " + headWidth + " and order is " + order
                + "; heads wider than 1 need order 2");
        Expect.atLeast("modal", "shortFilter", shortFilter, 1, "3 is usual, 1 = no memory");
        pairs = compact("modal", "pairs", pairs);
        reals = compact("modal", "reals", reals);
        Expect.within("modal", "largestRadius", largestRadius, 0, 1 - 1e-12, "less than 1, or the state would grow");
        Expect.within("modal", "smallestRadius", smallestRadius, 0, largestRadius, "at most largestRadius");
    }

    static List<Integer> compact(String kind, String component, List<Integer> counts) {
        Expect.that(!counts.isEmpty(), kind + ": " + component
                + " is empty, expected one number for all filters or one for each");
        for (int count : counts) {
            Expect.atLeast(kind, component, count, 0, "modes of one filter");
        }
        return counts.stream().distinct().count() == 1 ? List.of(counts.getFirst()) : List.copyOf(counts);
    }

    /** With the radii of models trained from scratch: 0.5 to 0.99 (arXiv 2310.18780). */
    public static ModalRecurrenceConfig of(int order, int headWidth, int shortFilter, List<Integer> pairs,
            List<Integer> reals) {
        return new ModalRecurrenceConfig(order, headWidth, shortFilter, pairs, reals, 0.5, 0.99);
    }

    /** Order 2, short filter of 3 taps, the same numbers of modes for every filter. */
    public static ModalRecurrenceConfig of(int headWidth, int pairs, int reals) {
        return of(2, headWidth, 3, List.of(pairs), List.of(reals));
    }

    /** Number of banks: order − 1. */
    public int banks() {
        return order - 1;
    }

    @Override
    public ModalRecurrence build(BranchContext at, ParameterScope scope) {
        int filters = Expect.divides("modal", "headWidth", headWidth, "width", at.width());
        requireCount("pairs", pairs, filters);
        requireCount("reals", reals, filters);
        return new ModalRecurrence(this, at, scope);
    }

    private void requireCount(String component, List<Integer> counts, int filters) {
        Expect.that(counts.size() == 1 || counts.size() == banks() * filters,
                "modal: " + component + " has " + counts.size()
                        + " numbers, expected 1 or " + banks() * filters + " (" + banks() + " banks of " + filters
                        + " filters)");
    }

    /** One bank's offsets as {@link tern.ops.Modes} takes them: {@code filters + 1} entries from 0. */
    static int[] offsets(List<Integer> counts, int bank, int filters) {
        int[] start = new int[filters + 1];
        for (int f = 0; f < filters; f++) {
            start[f + 1] = start[f] + (counts.size() == 1 ? counts.getFirst() : counts.get(bank * filters + f));
        }
        return start;
    }
}
