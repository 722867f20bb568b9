package tern.train;

/** Thrown when a loss or a gradient is NaN or infinite. Parameters are as they were before the step. */
public final class TrainingDiverged extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final long step;
    private final String parameter;

    TrainingDiverged(long step, String what, double value, String parameter, String advice) {
        super("step " + step + ": the " + what + " is " + value + "; the first parameter concerned is " + parameter
                + "; " + advice);
        this.step = step;
        this.parameter = parameter;
    }

    /** The step that was not made, from 1. */
    public long step() {
        return step;
    }

    /** The first parameter whose values or gradient are not finite, in the order of declaration. */
    public String parameter() {
        return parameter;
    }
}
