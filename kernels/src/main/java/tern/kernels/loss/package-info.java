/** The projection onto a vocabulary, its softmax and the negative log-likelihood, fused. */
@NullMarked
package tern.kernels.loss;

import org.jspecify.annotations.NullMarked;
