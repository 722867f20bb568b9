package tern.kernels;

import tern.kernels.attention.VectorAttention;
import tern.kernels.attention.VectorChunkedAttention;
import tern.kernels.attention.VectorCrossAttention;
import tern.kernels.cells.VectorCellScan;
import tern.kernels.cells.VectorUnitScan;
import tern.kernels.channels.VectorChannels;
import tern.kernels.channels.VectorHeads;
import tern.kernels.convolution.VectorDilatedConvolution;
import tern.kernels.convolution.VectorFilterShaping;
import tern.kernels.convolution.VectorHeadConvolution;
import tern.kernels.convolution.VectorLongConvolution;
import tern.kernels.convolution.VectorShortConvolution;
import tern.kernels.elementwise.VectorElementwise;
import tern.kernels.embedding.VectorEmbedding;
import tern.kernels.loss.VectorCrossEntropy;
import tern.kernels.matmul.RowwiseMatmul;
import tern.kernels.matmul.VectorMatmul;
import tern.kernels.memory.VectorMemoryScan;
import tern.kernels.modal.VectorModalScan;
import tern.kernels.norm.VectorNorm;
import tern.kernels.optimise.VectorAdamW;
import tern.kernels.recurrence.VectorAffineScan;
import tern.kernels.recurrence.VectorAverageScan;
import tern.kernels.recurrence.VectorDiagonalScan;
import tern.kernels.recurrence.VectorSelectiveScan;
import tern.kernels.recurrence.VectorStateScan;
import tern.kernels.steady.SteadyElementwise;
import tern.kernels.stored.VectorStoredWeights;

/** The set of vector bodies; loading this class loads the vector module. */
final class VectorBodies {
    static final KernelSet SET = new KernelSet("vector", false, new VectorMatmul(), new VectorStoredWeights(),
            new VectorElementwise(), new VectorNorm(),
            new VectorChannels(), new VectorHeads(),
            new VectorEmbedding(), new VectorShortConvolution(),
            new VectorDilatedConvolution(new VectorMatmul(), new VectorElementwise()),
            new VectorLongConvolution(),
            new VectorHeadConvolution(),
            new VectorFilterShaping(), new VectorModalScan(), new VectorStateScan(), new VectorAverageScan(),
            new VectorDiagonalScan(), new VectorAffineScan(), new VectorSelectiveScan(),
            new VectorCellScan(new VectorMatmul()), new VectorUnitScan(), new VectorMemoryScan(), new VectorAttention(),
            new VectorChunkedAttention(), new VectorCrossAttention(),
            new VectorCrossEntropy(),
            new VectorAdamW());

    private VectorBodies() {
    }

    /** The set whose bits do not depend on what stands beside a position. */
    static KernelSet steady() {
        return SteadyBodies.over(new KernelSet("vector, steady", true, new RowwiseMatmul(),
                new VectorStoredWeights(Integer.MAX_VALUE), SET.elementwise(), SET.norm(), SET.channels(), SET.heads(),
                SET.embedding(), SET.shortConvolution(),
                new VectorDilatedConvolution(new RowwiseMatmul(), new SteadyElementwise(new VectorElementwise()))
                        .positionByPosition(),
                VectorLongConvolution.positionByPosition(),
                VectorHeadConvolution.positionByPosition(), SET.filters(), VectorModalScan.stepping(),
                new VectorStateScan(Integer.MAX_VALUE), SET.averageScan(), SET.diagonalScan(),
                SET.affineScan(), SET.selectiveScan(), SET.cellScan(), SET.unitScan(),
                VectorMemoryScan.stepping(),
                VectorAttention.positionByPosition(), VectorChunkedAttention.positionByPosition(),
                SET.crossAttention(), SET.crossEntropy(),
                SET.adamW()));
    }
}
