package tern.tasks;

/**
 * What somebody gets who does not look, or looks at almost nothing.
 *
 * @param name what is guessed by
 * @param value in the task's metric
 */
public record Baseline(String name, double value) {
}
