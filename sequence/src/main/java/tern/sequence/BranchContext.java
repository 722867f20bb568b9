package tern.sequence;

/**
 * Where in a stack a mixer stands.
 *
 * @param width D of the stack
 * @param context number of positions that the stack is trained on; the length of tables such as filter taps
 * @param branch index of the branch from the bottom
 * @param branches number of branches
 */
public record BranchContext(int width, int context, int branch, int branches) {
    /** Checks that all numbers are positive. */
    public BranchContext {
        if (width < 1 || context < 1 || branch < 0 || branches <= branch) {
            throw new IllegalArgumentException("branch context: width " + width + " and context " + context
                    + " must be positive, branch " + branch + " must lie below " + branches);
        }
    }
}
