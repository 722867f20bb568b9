package tern.kernels;

import tern.kernels.attention.Attention;
import tern.kernels.convolution.FilterShaping;
import tern.kernels.convolution.HeadConvolution;
import tern.kernels.convolution.LongConvolution;
import tern.kernels.convolution.ShortConvolution;
import tern.kernels.elementwise.Elementwise;
import tern.kernels.embedding.Embedding;
import tern.kernels.loss.CrossEntropy;
import tern.kernels.matmul.Matmul;
import tern.kernels.modal.ModalScan;
import tern.kernels.norm.Norm;
import tern.kernels.optimise.AdamWStep;

/**
 * One body for each kernel family. Bodies keep no state and are safe to share; the {@link ThreadTeam} handed to each call
 * brings threads and scratch memory.
 *
 * @param name "reference" or "vector", as reports print it
 */
public record KernelSet(String name, Matmul matmul, Elementwise elementwise, Norm norm, Embedding embedding,
        ShortConvolution shortConvolution, LongConvolution longConvolution, HeadConvolution headConvolution,
        FilterShaping filters, ModalScan modal, Attention attention, CrossEntropy crossEntropy, AdamWStep adamW) {
}
