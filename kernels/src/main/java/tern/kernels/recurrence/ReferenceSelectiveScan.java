package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.ops.Selection;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** Plain loops for F32 and F64, one state of one channel after another; backward keeps that state at every position. */
public final class ReferenceSelectiveScan implements SelectiveScan {
    /** A body without state. */
    public ReferenceSelectiveScan() {
    }

    @Override
    public void forward(ThreadTeam team, Selection in, Tensor state, Tensor y, Tensor nextState) {
        int time = in.x().dim(1);
        int width = in.width();
        int states = in.states();
        if (nextState != state) {
            nextState.copyFrom(state);
        }
        for (int b = 0; b < in.x().dim(0); b++) {
            for (int t = 0; t < time; t++) {
                long row = (long) b * time + t;
                for (int e = 0; e < width; e++) {
                    long at = row * width + e;
                    double step = in.step().get(at);
                    double sum = in.skip().get(e) * in.x().get(at);
                    for (int n = 0; n < states; n++) {
                        long own = ((long) b * states + n) * width + e;
                        double kept = Math.exp(step * in.rate().get((long) n * width + e)) * nextState.get(own);
                        nextState.set(own, kept + in.write().get(row * states + n) * step * in.x().get(at));
                        sum += in.read().get(row * states + n) * nextState.get(own);
                    }
                    y.set(at, sum);
                }
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Selection in, Tensor state, Tensor dy, Tensor dNextState, Selection dIn,
            Tensor dState) {
        dIn.step().fill(0);
        dIn.write().fill(0);
        dIn.read().fill(0);
        Workspace.Mark mark = team.scratch().mark();
        Tensor all = team.scratch().allocate(DType.F64, Shape.of(in.x().dim(1) + 1));
        for (int b = 0; b < in.x().dim(0); b++) {
            for (int e = 0; e < in.width(); e++) {
                skipBackward(in, dy, dIn, b, e);
                for (int n = 0; n < in.states(); n++) {
                    backward(in, state, dy, dNextState, dIn, dState, b, n, e, all);
                }
            }
        }
        team.scratch().release(mark);
    }

    private static void skipBackward(Selection in, Tensor dy, Selection dIn, int b, int e) {
        int time = in.x().dim(1);
        double dSkip = 0;
        for (int t = 0; t < time; t++) {
            long at = ((long) b * time + t) * in.width() + e;
            dIn.x().set(at, in.skip().get(e) * dy.get(at));
            dSkip += dy.get(at) * in.x().get(at);
        }
        add(dIn.skip(), e, dSkip);
    }

    private static void backward(Selection in, Tensor state, Tensor dy, Tensor dNextState, Selection dIn,
            Tensor dState, int b, int n, int e, Tensor all) {
        int time = in.x().dim(1);
        int width = in.width();
        int states = in.states();
        long own = ((long) b * states + n) * width + e;
        double rate = in.rate().get((long) n * width + e);
        all.set(0, state.get(own));
        for (int t = 0; t < time; t++) {
            long row = (long) b * time + t;
            double step = in.step().get(row * width + e);
            double written = in.write().get(row * states + n) * step * in.x().get(row * width + e);
            all.set(t + 1L, Math.exp(step * rate) * all.get(t) + written);
        }
        double given = dNextState.get(own);
        double dRate = 0;
        for (int t = time - 1; t >= 0; t--) {
            long row = (long) b * time + t;
            long at = row * width + e;
            double step = in.step().get(at);
            double x = in.x().get(at);
            double write = in.write().get(row * states + n);
            add(dIn.read(), row * states + n, dy.get(at) * all.get(t + 1L));
            given += dy.get(at) * in.read().get(row * states + n);
            add(dIn.write(), row * states + n, given * step * x);
            add(dIn.x(), at, given * step * write);
            double decay = Math.exp(step * rate);
            double dExponent = given * decay * all.get(t);
            add(dIn.step(), at, given * write * x + dExponent * rate);
            dRate += dExponent * step;
            given *= decay;
        }
        add(dIn.rate(), (long) n * width + e, dRate);
        dState.set(own, given);
    }

    private static void add(Tensor to, long at, double value) {
        to.set(at, to.get(at) + value);
    }
}
