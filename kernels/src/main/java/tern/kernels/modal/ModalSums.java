package tern.kernels.modal;

import tern.ops.Modes;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Gradients of a bank in double precision, one row for each sequence of the batch so that tasks do not meet, added up in
 * the order of the batch.
 *
 * @param poles [B,order] in the order of {@link Poles#evaluate}
 * @param residues [B,order]: Re R, Im R, S
 * @param passThrough [B,F]
 */
record ModalSums(Tensor poles, Tensor residues, Tensor passThrough) {

    static ModalSums zeros(Workspace scratch, int batch, Modes modes) {
        return new ModalSums(scratch.zeros(DType.F64, Shape.of(batch, modes.order())),
                scratch.zeros(DType.F64, Shape.of(batch, modes.order())),
                scratch.zeros(DType.F64, Shape.of(batch, modes.filters())));
    }

    static void add(Tensor sums, long at, double value) {
        sums.set(at, sums.get(at) + value);
    }

    /** Accumulates into the gradients of the parameters. */
    void into(Modes modes, Modes dModes, Tensor dPassThrough, Workspace scratch) {
        int pairs = modes.pairs();
        Tensor dPoles = scratch.allocate(DType.F64, Shape.of(modes.order()));
        for (int row = 0; row < modes.order(); row++) {
            dPoles.set(row, total(poles, row, modes.order()));
            double dResidue = total(residues, row, modes.order());
            if (row < pairs) {
                add(dModes.residueReal(), row, dResidue);
            } else if (row < 2 * pairs) {
                add(dModes.residueImaginary(), row - pairs, dResidue);
            } else {
                add(dModes.realResidue(), row - 2 * pairs, dResidue);
            }
        }
        for (int f = 0; f < modes.filters(); f++) {
            add(dPassThrough, f, total(passThrough, f, modes.filters()));
        }
        Poles.backward(modes, dPoles, dModes);
    }

    private static double total(Tensor sums, int at, int stride) {
        double sum = 0;
        for (int b = 0; b < sums.dim(0); b++) {
            sum += sums.get((long) b * stride + at);
        }
        return sum;
    }
}
