package tern.kernels;

import tern.kernels.attention.Attention;
import tern.kernels.attention.ReferenceAttention;
import tern.kernels.convolution.FilterShaping;
import tern.kernels.convolution.HeadConvolution;
import tern.kernels.convolution.LongConvolution;
import tern.kernels.convolution.ReferenceFilterShaping;
import tern.kernels.convolution.ReferenceHeadConvolution;
import tern.kernels.convolution.ReferenceLongConvolution;
import tern.kernels.convolution.ReferenceShortConvolution;
import tern.kernels.convolution.ShortConvolution;
import tern.kernels.elementwise.Elementwise;
import tern.kernels.elementwise.ReferenceElementwise;
import tern.kernels.embedding.Embedding;
import tern.kernels.embedding.ReferenceEmbedding;
import tern.kernels.loss.CrossEntropy;
import tern.kernels.loss.ReferenceCrossEntropy;
import tern.kernels.matmul.Matmul;
import tern.kernels.matmul.ReferenceMatmul;
import tern.kernels.modal.ModalScan;
import tern.kernels.modal.ReferenceModalScan;
import tern.kernels.norm.Norm;
import tern.kernels.norm.ReferenceNorm;
import tern.kernels.optimise.AdamWStep;
import tern.kernels.optimise.ReferenceAdamW;

/**
 * One body for each kernel family. Bodies keep no state and are safe to share; the {@link ThreadTeam} handed to each call
 * brings threads and scratch memory.
 *
 * @param name "reference" or "vector", as reports print it
 */
public record KernelSet(String name, Matmul matmul, Elementwise elementwise, Norm norm, Embedding embedding,
        ShortConvolution shortConvolution, LongConvolution longConvolution, HeadConvolution headConvolution,
        FilterShaping filters, ModalScan modal, Attention attention, CrossEntropy crossEntropy, AdamWStep adamW) {
    private static final KernelSet REFERENCE = new KernelSet("reference", new ReferenceMatmul(),
            new ReferenceElementwise(),
            new ReferenceNorm(), new ReferenceEmbedding(), new ReferenceShortConvolution(),
            new ReferenceLongConvolution(),
            new ReferenceHeadConvolution(), new ReferenceFilterShaping(), new ReferenceModalScan(),
            new ReferenceAttention(), new ReferenceCrossEntropy(), new ReferenceAdamW());

    /** The plain bodies: loops in double precision, for F32 and F64. */
    public static KernelSet reference() {
        return REFERENCE;
    }

    /** The vector bodies if this JVM has the vector module and compiles it well, else the plain bodies. */
    public static KernelSet fastest() {
        return Bodies.FASTEST;
    }

    private static final class Bodies {
        private static final KernelSet FASTEST = reference();
    }
}
