package tern.sequence;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

import tern.ops.Ops;
import tern.tensor.Tensor;

/**
 * What a mixer reads besides its state.
 *
 * @param x [B,T,D]
 * @param ages position of the first row of each sequence, that is, how many positions its state has seen; B entries
 * @param wires what earlier branches published, by name, each [B,T,…]
 * @param resets positions in 0..T−1, ascending, before which a new sequence begins in every row of the batch: the state is
 *            emptied and ages restart at 0
 * @param shared what can be looked up in earlier branches
 * @param lengths of a padded batch of whole sequences: how many positions of each are valid, 1 to T, B entries; the padding
 *            stands at the end. Empty if all are valid. Outputs at padded positions, and a state after them, mean nothing;
 *            no valid output may depend on what x holds there
 */
public record MixerInput(Tensor x, long[] ages, Map<String, Tensor> wires, int[] resets, Shared shared, int[] lengths) {
    /** Checks that ages, resets and lengths fit the input. */
    public MixerInput {
        if (x.shape().rank() != 3) {
            throw new IllegalArgumentException("mixer input must be [batch,time,width], found " + x.shape());
        }
        if (ages.length != x.dim(0)) {
            throw new IllegalArgumentException(
                    "mixer input has " + x.dim(0) + " sequences but " + ages.length + " ages");
        }
        for (int i = 0; i < resets.length; i++) {
            if (resets[i] < 0 || resets[i] >= x.dim(1) || i > 0 && resets[i] <= resets[i - 1]) {
                throw new IllegalArgumentException("resets must ascend within 0.." + (x.dim(1) - 1) + ", found "
                        + Arrays.toString(resets));
            }
        }
        requireLengths(lengths, x.dim(0), x.dim(1), resets, ages);
    }

    private static void requireLengths(int[] lengths, int batch, int time, int[] resets, long[] ages) {
        if (lengths.length == 0) {
            return;
        }
        if (lengths.length != batch || Arrays.stream(lengths).anyMatch(length -> length < 1 || length > time)) {
            throw new IllegalArgumentException("lengths must be " + batch + " numbers within 1.." + time
                    + ", one for each sequence, found " + Arrays.toString(lengths));
        }
        if (resets.length > 0 || Arrays.stream(ages).anyMatch(age -> age != 0)) {
            throw new IllegalArgumentException("a batch is padded to lengths " + Arrays.toString(lengths)
                    + " and also packed or continued; give lengths for whole sequences only, without resets and at age 0");
        }
    }

    /** Input without padding. */
    public MixerInput(Tensor x, long[] ages, Map<String, Tensor> wires, int[] resets, Shared shared) {
        this(x, ages, wires, resets, shared, new int[0]);
    }

    /** Input that can look nothing up. */
    public MixerInput(Tensor x, long[] ages, Map<String, Tensor> wires, int[] resets) {
        this(x, ages, wires, resets, Shared.NOTHING);
    }

    /** Input without wires or resets. */
    public static MixerInput of(Tensor x, long... ages) {
        return new MixerInput(x, ages, Map.of(), new int[0]);
    }

    /** Input of fresh sequences: all ages 0. */
    public static MixerInput fresh(Tensor x) {
        return of(x, new long[x.dim(0)]);
    }

    /** Fresh sequences of different lengths, padded at the end. */
    public static MixerInput padded(Tensor x, int... lengths) {
        return new MixerInput(x, new long[x.dim(0)], Map.of(), new int[0], Shared.NOTHING, lengths);
    }

    /** The same with another x of the same batch and time, without wires. */
    public MixerInput with(Tensor other) {
        return new MixerInput(other, ages, Map.of(), resets, shared, lengths);
    }

    /** Number of sequences. */
    public int batch() {
        return x.dim(0);
    }

    /** Number of positions. */
    public int time() {
        return x.dim(1);
    }

    /** One wire. */
    public Tensor wire(String name) {
        Tensor wire = wires.get(name);
        if (wire == null) {
            throw new IllegalArgumentException(
                    "wire \"" + name + "\" was not published by an earlier branch; published are "
                            + wires.keySet());
        }
        return wire;
    }

    /**
     * Positions {@code from} to {@code to} with the same sequences; ages move on, or restart at the last reset before. What was
     * padding is a position like any other: only causal mixers are cut, whose valid outputs it does not reach.
     */
    public MixerInput slice(Ops ops, int from, int to) {
        int restart = -1;
        int[] inside = new int[resets.length];
        int count = 0;
        for (int reset : resets) {
            if (reset < from) {
                restart = reset;
            } else if (reset < to) {
                inside[count++] = reset - from;
            }
        }
        long[] moved = new long[ages.length];
        for (int b = 0; b < moved.length; b++) {
            moved[b] = restart >= 0 ? from - restart : ages[b] + from;
        }
        Map<String, Tensor> parts = new HashMap<>();
        wires.forEach((name, wire) -> parts.put(name, ops.slice(wire, 1, from, to)));
        return new MixerInput(ops.slice(x, 1, from, to), moved, parts, Arrays.copyOf(inside, count), shared);
    }
}
