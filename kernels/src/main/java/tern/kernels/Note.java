package tern.kernels;

/**
 * What a layer took note of beside its outputs ({@link tern.ops.Ops#note}).
 *
 * @param owner the layer
 * @param name what it is, in words for people
 * @param sum over positions
 * @param count how many positions
 */
public record Note(Object owner, String name, double sum, double count) {
    /** The mean over positions. */
    public double mean() {
        return sum / count;
    }
}
