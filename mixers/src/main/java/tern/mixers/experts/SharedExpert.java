package tern.mixers.experts;

/**
 * The expert that every position uses.
 *
 * @param inner number of channels between its projections
 * @param gated whether what it gives is multiplied by σ(w·x), a number of the position
 */
public record SharedExpert(int inner, boolean gated) {
}
