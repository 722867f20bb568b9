package tern.kernels.elementwise;

import tern.kernels.ThreadTeam;
import tern.ops.Activation;
import tern.tensor.Tensor;

/** Plain loops in double precision, for F32 and F64. Every input element is read before an output element is written. */
public final class ReferenceElementwise implements Elementwise {
    /** A body without state. */
    public ReferenceElementwise() {
    }

    @Override
    public void add(ThreadTeam team, Tensor a, Tensor b, Tensor y) {
        for (long i = 0; i < y.elements(); i++) {
            y.set(i, a.get(i) + b.get(i));
        }
    }

    @Override
    public void addToColumns(ThreadTeam team, Tensor part, Tensor whole, int from) {
        int width = part.dim(1);
        for (long i = 0; i < part.elements(); i++) {
            long to = i / width * whole.dim(1) + from + i % width;
            whole.set(to, whole.get(to) + part.get(i));
        }
    }

    @Override
    public void multiply(ThreadTeam team, Tensor a, Tensor b, Tensor y) {
        for (long i = 0; i < y.elements(); i++) {
            y.set(i, a.get(i) * b.get(i));
        }
    }

    @Override
    public void multiplyBackward(ThreadTeam team, Tensor a, Tensor b, Tensor dy, Tensor da, Tensor db) {
        for (long i = 0; i < dy.elements(); i++) {
            double left = a.get(i);
            double right = b.get(i);
            double gradient = dy.get(i);
            da.set(i, gradient * right);
            db.set(i, gradient * left);
        }
    }

    @Override
    public void scale(ThreadTeam team, Tensor x, double factor, Tensor y) {
        for (long i = 0; i < y.elements(); i++) {
            y.set(i, factor * x.get(i));
        }
    }

    @Override
    public void activate(ThreadTeam team, Tensor x, Activation f, Tensor y) {
        for (long i = 0; i < y.elements(); i++) {
            y.set(i, Functions.value(f, x.get(i)));
        }
    }

    @Override
    public void activateBackward(ThreadTeam team, Tensor x, Activation f, Tensor dy, Tensor dx) {
        for (long i = 0; i < dx.elements(); i++) {
            double gradient = dy.get(i);
            dx.set(i, gradient == 0 ? 0 : gradient * Functions.slope(f, x.get(i)));
        }
    }

    @Override
    public void gate(ThreadTeam team, Tensor gate, Tensor value, Activation f, Tensor y) {
        for (long i = 0; i < y.elements(); i++) {
            y.set(i, Functions.value(f, gate.get(i)) * value.get(i));
        }
    }

    @Override
    public void gateBackward(ThreadTeam team, Tensor gate, Tensor value, Activation f, Tensor dy, Tensor dGate,
            Tensor dValue) {
        for (long i = 0; i < dy.elements(); i++) {
            double x = gate.get(i);
            double factor = value.get(i);
            double gradient = dy.get(i);
            dGate.set(i, gradient * factor * Functions.slope(f, x));
            dValue.set(i, gradient * Functions.value(f, x));
        }
    }

    @Override
    public double sum(ThreadTeam team, Tensor x) {
        double sum = 0;
        for (long i = 0; i < x.elements(); i++) {
            sum += x.get(i);
        }
        return sum;
    }

    @Override
    public double sumOfSquares(ThreadTeam team, Tensor x) {
        double sum = 0;
        for (long i = 0; i < x.elements(); i++) {
            sum += x.get(i) * x.get(i);
        }
        return sum;
    }
}
