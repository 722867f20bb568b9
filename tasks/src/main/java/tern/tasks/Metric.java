package tern.tasks;

/** What a task is judged by, over scored positions only. */
public enum Metric {
    /** Share of right answers. */
    ACCURACY("accuracy", true),
    /** Mean squared error. */
    SQUARED_ERROR("mean squared error", false),
    /** Mean negative log-likelihood in bits a symbol. */
    BITS("bits a symbol", false);

    private final String title;
    private final boolean higherIsBetter;

    Metric(String title, boolean higherIsBetter) {
        this.title = title;
        this.higherIsBetter = higherIsBetter;
    }

    /** What it is called. */
    public String title() {
        return title;
    }

    /** Whether more is better. */
    public boolean higherIsBetter() {
        return higherIsBetter;
    }
}
