package tern.kernels;

import java.util.Optional;

import tern.kernels.attention.Attention;
import tern.kernels.attention.ChunkedAttention;
import tern.kernels.attention.CrossAttention;
import tern.kernels.attention.ReferenceAttention;
import tern.kernels.attention.ReferenceChunkedAttention;
import tern.kernels.attention.ReferenceCrossAttention;
import tern.kernels.cells.CellScan;
import tern.kernels.cells.ReferenceCellScan;
import tern.kernels.cells.ReferenceUnitScan;
import tern.kernels.cells.UnitScan;
import tern.kernels.channels.Channels;
import tern.kernels.channels.Heads;
import tern.kernels.channels.ReferenceChannels;
import tern.kernels.channels.ReferenceHeads;
import tern.kernels.convolution.DilatedConvolution;
import tern.kernels.convolution.FilterShaping;
import tern.kernels.convolution.HeadConvolution;
import tern.kernels.convolution.LongConvolution;
import tern.kernels.convolution.ReferenceDilatedConvolution;
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
import tern.kernels.memory.MemoryScan;
import tern.kernels.memory.ReferenceMemoryScan;
import tern.kernels.modal.ModalScan;
import tern.kernels.modal.ReferenceModalScan;
import tern.kernels.norm.Norm;
import tern.kernels.norm.ReferenceNorm;
import tern.kernels.optimise.AdamWStep;
import tern.kernels.optimise.ReferenceAdamW;
import tern.kernels.recurrence.AffineScan;
import tern.kernels.recurrence.AverageScan;
import tern.kernels.recurrence.DiagonalScan;
import tern.kernels.recurrence.ReferenceAffineScan;
import tern.kernels.recurrence.ReferenceAverageScan;
import tern.kernels.recurrence.ReferenceDiagonalScan;
import tern.kernels.recurrence.ReferenceSelectiveScan;
import tern.kernels.recurrence.ReferenceStateScan;
import tern.kernels.recurrence.SelectiveScan;
import tern.kernels.recurrence.StateScan;
import tern.kernels.stored.ReferenceStoredWeights;
import tern.kernels.stored.RoundedActivations;
import tern.kernels.stored.StoredWeights;

/**
 * One body for each kernel family. Bodies keep no state and are safe to share; the {@link ThreadTeam} handed to each call
 * brings threads and scratch memory.
 *
 * @param name "reference" or "vector" and how they differ from the usual, as reports print it
 * @param isSteady whether these are bodies of {@link #steady} or {@link #steadyReference}
 */
public record KernelSet(String name, boolean isSteady, Matmul matmul, StoredWeights stored, Elementwise elementwise,
        Norm norm,
        Channels channels, Heads heads,
        Embedding embedding,
        ShortConvolution shortConvolution, DilatedConvolution dilatedConvolution, LongConvolution longConvolution,
        HeadConvolution headConvolution,
        FilterShaping filters, ModalScan modal, StateScan stateScan, AverageScan averageScan, DiagonalScan diagonalScan,
        AffineScan affineScan, SelectiveScan selectiveScan,
        CellScan cellScan, UnitScan unitScan, MemoryScan memoryScan,
        Attention attention, ChunkedAttention chunkedAttention, CrossAttention crossAttention,
        CrossEntropy crossEntropy, AdamWStep adamW) {
    private static final KernelSet REFERENCE = new KernelSet("reference", false, new ReferenceMatmul(),
            new ReferenceStoredWeights(),
            new ReferenceElementwise(),
            new ReferenceNorm(), new ReferenceChannels(), new ReferenceHeads(), new ReferenceEmbedding(),
            new ReferenceShortConvolution(), new ReferenceDilatedConvolution(),
            new ReferenceLongConvolution(),
            new ReferenceHeadConvolution(), new ReferenceFilterShaping(), new ReferenceModalScan(),
            new ReferenceStateScan(), new ReferenceAverageScan(), new ReferenceDiagonalScan(),
            new ReferenceAffineScan(), new ReferenceSelectiveScan(),
            new ReferenceCellScan(), new ReferenceUnitScan(), new ReferenceMemoryScan(),
            new ReferenceAttention(), new ReferenceChunkedAttention(), new ReferenceCrossAttention(),
            new ReferenceCrossEntropy(),
            new ReferenceAdamW());

    /** The plain bodies: loops in double precision, for F32 and F64. */
    public static KernelSet reference() {
        return REFERENCE;
    }

    /** The vector bodies where this JVM can run them fast, else the plain bodies; {@link #whyNotVector} tells why. */
    public static KernelSet fastest() {
        return Chosen.FASTEST;
    }

    /**
     * The bodies of {@link #fastest} that give a position of a sequence the same bits whatever stands beside it: whichever
     * sequences share the batch, wherever time is cut into calls, and whether a call steps or reads a whole prompt. So what
     * a model computes is a function of the tokens alone. Forward only as fast as that allows: linear layers of many
     * rows keep 55 to 70 % of their speed, recurrences step, attention takes tiles of keys at fixed positions, long convolutions
     * blocks at fixed positions. Backward passes are those of {@link #fastest}.
     */
    public static KernelSet steady() {
        return Chosen.STEADY;
    }

    /** {@link #steady} of the plain bodies. */
    public static KernelSet steadyReference() {
        return SteadyBodies.overPlain(REFERENCE);
    }

    /**
     * These bodies, but activations are rounded before they meet weights of a blocked type, as ggml rounds them: see
     * {@link RoundedActivations}.
     */
    public KernelSet withRoundedActivations() {
        return new KernelSet(name + ", rounded activations", isSteady, matmul, new RoundedActivations(stored),
                elementwise, norm,
                channels, heads, embedding, shortConvolution, dilatedConvolution, longConvolution, headConvolution,
                filters, modal, stateScan, averageScan, diagonalScan, affineScan, selectiveScan, cellScan, unitScan,
                memoryScan, attention,
                chunkedAttention, crossAttention, crossEntropy, adamW);
    }

    /** Why the plain bodies were chosen, and what changes that; empty if the vector bodies are in use. */
    public static Optional<String> whyNotVector() {
        return Chosen.WHY_NOT;
    }

    /** Decided once, at the first use; the classes of the vector bodies are not loaded where they cannot run. */
    private static final class Chosen {
        private static final Optional<String> WHY_NOT = VectorSupport.missing();
        private static final KernelSet FASTEST = choose();
        private static final KernelSet STEADY = WHY_NOT.isEmpty() ? VectorBodies.steady()
                : SteadyBodies.overPlain(REFERENCE);

        private static KernelSet choose() {
            if (WHY_NOT.isEmpty()) {
                return VectorBodies.SET;
            }
            System.getLogger("tern.kernels").log(System.Logger.Level.WARNING,
                    "the plain kernels are in use, many times slower than the vector ones: " + WHY_NOT.get());
            return REFERENCE;
        }
    }
}
