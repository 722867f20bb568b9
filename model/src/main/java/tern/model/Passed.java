package tern.model;

import tern.tensor.Tensor;

/**
 * What a model gives back for a stretch of tokens.
 *
 * @param hidden what the head reads, normalised [B,T,D]
 * @param state the state after the last token
 */
public record Passed(Tensor hidden, ModelState state) {
}
