package tern.sequence;

/** How a stretch of positions is computed. A form is only a speed: all give the same outputs and the same next state. */
public enum Form {
    /** One position after another: the reference. */
    STEP,
    /** Several positions at a time, from and to a state. */
    CHUNK,
    /** All positions at once, as in training. */
    PARALLEL;

    /** The form that is usually fastest for this many positions. */
    public static Form fastestFor(int time) {
        return time == 1 ? STEP : time < 64 ? CHUNK : PARALLEL;
    }
}
