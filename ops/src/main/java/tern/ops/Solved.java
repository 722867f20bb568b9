package tern.ops;

import tern.tensor.Tensor;

/**
 * What a recurrence gives back that was solved for all positions at once.
 *
 * @param y the output
 * @param state the next state
 * @param iterations of Newton's method: linear recurrences that were solved
 * @param residual the largest |f(s_(t−1), x_t) − s_t| that was left; if it was more than asked for after the last iteration, the
 *            recurrence was carried out position by position instead, and y is that
 */
public record Solved(Tensor y, Tensor state, int iterations, double residual) {
}
