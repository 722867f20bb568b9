package tern.model;

import java.util.Arrays;

import tern.tensor.Tensor;

/**
 * A batch that a model reads.
 *
 * @param ids tokens [B,T] I32
 * @param resets positions before which a new sequence begins in every row, ascending
 * @param lengths of a padded batch of whole sequences: how many positions of each are valid, B entries; the padding stands at
 *            the end. Empty if all are valid. Outputs at padded positions, and the state, then mean nothing
 * @param outputs which outputs are wanted; all of them in a padded batch
 */
public record ModelInput(Tensor ids, int[] resets, int[] lengths, Outputs outputs) {
    /** Checks that a padded batch is neither packed nor cut. */
    public ModelInput {
        if (lengths.length > 0 && (resets.length > 0 || outputs != Outputs.ALL)) {
            throw new IllegalArgumentException("a batch is padded to lengths " + Arrays.toString(lengths)
                    + " and also packed, or only some outputs are wanted (" + outputs
                    + "); give lengths for whole sequences only, without resets, and ask for all outputs");
        }
    }

    /** Whole sequences padded at the end, or all of one length if none is given. */
    public static ModelInput padded(Tensor ids, int... lengths) {
        return new ModelInput(ids, new int[0], lengths, Outputs.ALL);
    }

    /** Number of positions. */
    public int time() {
        return ids.dim(1);
    }
}
