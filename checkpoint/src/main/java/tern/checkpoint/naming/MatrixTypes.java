package tern.checkpoint.naming;

import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * How the large matrices of one file are stored: in the type asked for, or, where its blocks do not fit a matrix's rows, in the
 * one nearest in size that does. Counts the latter. Not safe for several threads.
 */
final class MatrixTypes {
    private final DType wanted;
    private int eights;
    private int floats;

    MatrixTypes(DType wanted) {
        this.wanted = wanted;
    }

    /** The type of a matrix, which is counted. */
    DType of(Tensor matrix) {
        int row = matrix.shape().last();
        if (row % wanted.blockLength() == 0) {
            return wanted;
        }
        if (row % DType.Q8_0.blockLength() == 0) {
            eights++;
            return DType.Q8_0;
        }
        floats++;
        return DType.F32;
    }

    LlamaFile.Otherwise otherwise() {
        return new LlamaFile.Otherwise(eights, floats);
    }
}
