package tern.kernels;

import tern.kernels.steady.SteadyAttention;
import tern.kernels.steady.SteadyAverageScan;
import tern.kernels.steady.SteadyCellScan;
import tern.kernels.steady.SteadyChunkedAttention;
import tern.kernels.steady.SteadyDiagonalScan;
import tern.kernels.steady.SteadyDilatedConvolution;
import tern.kernels.steady.SteadyElementwise;
import tern.kernels.steady.SteadyHeadConvolution;
import tern.kernels.steady.SteadyLongConvolution;
import tern.kernels.steady.SteadyMemoryScan;
import tern.kernels.steady.SteadyModalScan;
import tern.kernels.steady.SteadyStateScan;
import tern.kernels.steady.SteadyUnitScan;

/** What makes a set steady whose other bodies are: see {@link KernelSet#steady}. */
final class SteadyBodies {
    private SteadyBodies() {
    }

    /** On top of bodies whose matrix products and recurrences are steady already. */
    static KernelSet over(KernelSet set) {
        return new KernelSet(set.name(), true, set.matmul(), set.stored(), new SteadyElementwise(set.elementwise()),
                set.norm(), set.channels(), set.heads(), set.embedding(), set.shortConvolution(),
                set.dilatedConvolution().positionsAlone() ? set.dilatedConvolution()
                        : new SteadyDilatedConvolution(set.dilatedConvolution()),
                set.longConvolution().positionsAlone() ? set.longConvolution()
                        : new SteadyLongConvolution(set.longConvolution()),
                set.headConvolution().positionsAlone() ? set.headConvolution()
                        : new SteadyHeadConvolution(set.headConvolution()),
                set.filters(), set.modal(), set.stateScan(), set.averageScan(), set.diagonalScan(),
                set.affineScan(), set.selectiveScan(), new SteadyCellScan(set.cellScan()),
                new SteadyUnitScan(set.unitScan()), set.memoryScan(),
                set.attention().positionsAlone() ? set.attention() : new SteadyAttention(set.attention()),
                set.chunkedAttention().positionsAlone() ? set.chunkedAttention()
                        : new SteadyChunkedAttention(set.chunkedAttention()),
                set.crossAttention(), set.crossEntropy(), set.adamW());
    }

    /** On top of the plain bodies, whose recurrences keep their states in double precision within a call. */
    static KernelSet overPlain(KernelSet set) {
        return over(new KernelSet(set.name() + ", steady", true, set.matmul(), set.stored(), set.elementwise(),
                set.norm(),
                set.channels(), set.heads(), set.embedding(), set.shortConvolution(),
                set.dilatedConvolution(), set.longConvolution(), set.headConvolution(), set.filters(),
                new SteadyModalScan(set.modal()), new SteadyStateScan(set.stateScan()),
                new SteadyAverageScan(set.averageScan()), new SteadyDiagonalScan(set.diagonalScan()),
                set.affineScan(), set.selectiveScan(), set.cellScan(), set.unitScan(),
                new SteadyMemoryScan(set.memoryScan()),
                set.attention(),
                set.chunkedAttention(), set.crossAttention(), set.crossEntropy(), set.adamW()));
    }
}
