package tern.sequence;

/**
 * Where in a stack a mixer stands.
 *
 * @param width D of the stack
 * @param context number of positions that the stack is trained on; the length of tables such as filter taps
 * @param branch index of the branch from the bottom; branches that {@linkplain MixerConfig#readsNormalised read the
 *            residual stream as it is} do not count
 * @param branches number of branches that count
 * @param vocabulary number of token identifiers of the stack
 */
public record BranchContext(int width, int context, int branch, int branches, int vocabulary) {
    /** Checks that all numbers are positive. */
    public BranchContext {
        if (width < 1 || context < 1 || branch < 0 || branches <= branch || vocabulary < 1) {
            throw new IllegalArgumentException("branch context: width " + width + ", context " + context
                    + " and vocabulary " + vocabulary + " must be positive, branch " + branch + " must lie below "
                    + branches);
        }
    }

    /** A branch of a stack over bytes. */
    public BranchContext(int width, int context, int branch, int branches) {
        this(width, context, branch, branches, 256);
    }
}
