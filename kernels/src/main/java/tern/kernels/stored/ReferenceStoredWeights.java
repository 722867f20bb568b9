package tern.kernels.stored;

import tern.kernels.ThreadTeam;
import tern.kernels.matmul.LinearShape;
import tern.tensor.Tensor;

/** Stored weights in plain loops: a row of the weight is decoded, then multiplied, summed in double. Immutable. */
public final class ReferenceStoredWeights implements StoredWeights {
    /** Keeps no state. */
    public ReferenceStoredWeights() {
    }

    @Override
    public void linear(ThreadTeam team, Tensor x, Tensor weight, Tensor bias, Tensor y) {
        LinearShape shape = StoredShape.of(x, weight, bias, y);
        int in = shape.in(), out = shape.out();
        float[] row = new float[in];
        for (int j = 0; j < out; j++) {
            weight.read((long) j * in, row, 0, in);
            for (int r = 0; r < shape.rows(); r++) {
                double sum = shape.biased() ? bias.get(j) : 0;
                for (int i = 0; i < in; i++) {
                    sum += x.get((long) r * in + i) * row[i];
                }
                y.set((long) r * out + j, sum);
            }
        }
    }

    @Override
    public void rows(ThreadTeam team, Tensor table, Tensor ids, Tensor y) {
        LinearShape shape = StoredShape.ofTable(table, ids, y);
        int width = shape.in();
        float[] row = new float[width];
        for (int r = 0; r < shape.rows(); r++) {
            table.read((long) ids.getInt(r) * width, row, 0, width);
            for (int d = 0; d < width; d++) {
                y.set((long) r * width + d, row[d]);
            }
        }
    }
}
