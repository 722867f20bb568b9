package tern.checkpoint.naming;

import tern.checkpoint.MalformedFileException;

/**
 * Sizes of a Mamba-2 layer, as the shapes of its tensors give them; only the number of groups is told apart.
 *
 * @param keyWidth N, of B and C of one group
 * @param taps of the short convolution
 */
record Mamba2Sizes(int heads, int headWidth, int keyWidth, int groups, int taps) {
    /**
     * Those of one layer.
     *
     * @param rates name of the tensor with a rate for each head
     * @param output name of the projection of all heads' channels, its columns
     * @param filter name of the short convolution over the heads' channels, B and C
     * @param groups what is told; at least 1 is taken
     * @param key where it is told
     * @throws MalformedFileException if they do not fit one another
     */
    static Mamba2Sizes of(Shapes shapes, String rates, String output, String filter, long groups, String key)
            throws MalformedFileException {
        int heads = shapes.elements(rates);
        int inner = shapes.length(output, 1);
        int channels = shapes.length(filter, 0);
        int shared = Math.clamp(groups, 1, channels);
        if (inner % heads != 0 || (channels - inner) % (2 * shared) != 0 || heads % shared != 0) {
            throw new MalformedFileException(shapes.file().path() + ": " + heads + " heads of \"" + rates + "\" in "
                    + shared + " groups (" + key + ") do not fit " + inner + " columns of \"" + output + "\" and "
                    + channels + " channels of \"" + filter + "\"");
        }
        return new Mamba2Sizes(heads, inner / heads, (channels - inner) / 2 / shared, shared,
                shapes.length(filter, -1));
    }
}
