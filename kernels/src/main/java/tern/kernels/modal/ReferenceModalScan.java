package tern.kernels.modal;

import tern.kernels.ThreadTeam;
import tern.ops.Modes;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Plain loops in double precision, for F32 and F64: position after position, filter after filter. A scalar convolution is
 * the case of heads of width 1 whose query and value are 1 and whose key is x.
 */
public final class ReferenceModalScan implements ModalScan {
    /** A body without state. */
    public ReferenceModalScan() {
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Modes modes, Tensor poles, Tensor passThrough, Tensor state,
            Tensor y,
            Tensor nextState) {
        Workspace.Mark mark = team.scratch().mark();
        Tensor ones = team.scratch().allocate(x.dtype(), x.shape()).fill(1);
        forwardHeads(team, asHeads(ones), asHeads(x), asHeads(ones), modes, poles, passThrough, stateOfHeads(state),
                asHeads(y), stateOfHeads(nextState));
        team.scratch().release(mark);
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Modes modes, Tensor passThrough, Tensor state, Tensor dy,
            Tensor dNextState, Tensor dx, Modes dModes, Tensor dPassThrough, Tensor dState) {
        Workspace.Mark mark = team.scratch().mark();
        Tensor ones = team.scratch().allocate(x.dtype(), x.shape()).fill(1);
        Tensor unused = team.scratch().allocate(x.dtype(), x.shape());
        backwardHeads(team, asHeads(ones), asHeads(x), asHeads(ones), modes, passThrough, stateOfHeads(state),
                asHeads(dy),
                stateOfHeads(dNextState), asHeads(unused), asHeads(dx), asHeads(unused), dModes, dPassThrough,
                stateOfHeads(dState));
        team.scratch().release(mark);
    }

    private static Tensor asHeads(Tensor x) {
        return x.reshape(x.dim(0), x.dim(1), x.dim(2), 1);
    }

    private static Tensor stateOfHeads(Tensor state) {
        return state.reshape(state.dim(0), state.dim(1), 1, 1);
    }

    @Override
    public void forwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor poles,
            Tensor passThrough, Tensor state, Tensor y, Tensor nextState) {
        Workspace.Mark mark = team.scratch().mark();
        int time = query.dim(1);
        int width = query.dim(3);
        Tensor s = team.scratch().allocate(DType.F64, Shape.of(modes.order(), width, width));
        for (int b = 0; b < query.dim(0); b++) {
            s.copyFrom(state.slice(b, b + 1));
            for (int t = 0; t < time; t++) {
                for (int f = 0; f < modes.filters(); f++) {
                    long at = (((long) b * time + t) * modes.filters() + f) * width;
                    double score = passThrough.get(f) * dot(query, at, key, at, width);
                    for (int j = 0; j < width; j++) {
                        double sum = score * value.get(at + j);
                        for (int i = 0; i < width; i++) {
                            sum += query.get(at + i) * readOut(modes, f, s, 0, i * width + j, width * width);
                        }
                        y.set(at + j, sum);
                    }
                    for (int i = 0; i < width; i++) {
                        for (int j = 0; j < width; j++) {
                            double entry = key.get(at + i) * value.get(at + j);
                            advance(modes, f, poles, s, 0, 0, i * width + j, width * width, entry);
                        }
                    }
                }
            }
            nextState.slice(b, b + 1).copyFrom(s);
        }
        team.scratch().release(mark);
    }

    @Override
    public void backwardHeads(ThreadTeam team, Tensor query, Tensor key, Tensor value, Modes modes, Tensor passThrough,
            Tensor state, Tensor dy, Tensor dNextState, Tensor dQuery, Tensor dKey, Tensor dValue, Modes dModes,
            Tensor dPassThrough, Tensor dState) {
        Workspace.Mark mark = team.scratch().mark();
        int time = query.dim(1);
        int width = query.dim(3);
        int pairs = modes.pairs();
        int entries = width * width;
        long block = (long) modes.order() * entries;
        Tensor poles = Poles.evaluate(modes, team.scratch());
        Tensor dPoles = team.scratch().zeros(DType.F64, modes.order());
        Tensor states = team.scratch().allocate(DType.F64, Shape.of(time + 1, modes.order(), entries));
        Tensor gradient = team.scratch().allocate(DType.F64, Shape.of(modes.order(), width, width));
        for (int b = 0; b < query.dim(0); b++) {
            states.slice(0, 1).copyFrom(state.slice(b, b + 1));
            gradient.copyFrom(dNextState.slice(b, b + 1));
            for (int t = 0; t < time; t++) {
                for (int f = 0; f < modes.filters(); f++) {
                    long at = (((long) b * time + t) * modes.filters() + f) * width;
                    for (int entry = 0; entry < entries; entry++) {
                        double added = key.get(at + entry / width) * value.get(at + entry % width);
                        advance(modes, f, poles, states, t * block, (t + 1) * block, entry, entries, added);
                    }
                }
            }
            for (int t = time - 1; t >= 0; t--) {
                for (int f = 0; f < modes.filters(); f++) {
                    long at = (((long) b * time + t) * modes.filters() + f) * width;
                    double h0 = passThrough.get(f);
                    double score = dot(query, at, key, at, width);
                    double dScore = dot(value, at, dy, at, width);
                    dPassThrough.set(f, dPassThrough.get(f) + score * dScore);
                    for (int i = 0; i < width; i++) {
                        double fromState = 0;
                        for (int j = 0; j < width; j++) {
                            fromState += dy.get(at + j) * readOut(modes, f, states, t * block, i * width + j, entries);
                        }
                        dQuery.set(at + i, fromState + h0 * dScore * key.get(at + i));
                        double intoState = 0;
                        for (int j = 0; j < width; j++) {
                            intoState += value.get(at + j) * added(modes, f, gradient, i * width + j, entries);
                        }
                        dKey.set(at + i, intoState + h0 * dScore * query.get(at + i));
                    }
                    for (int j = 0; j < width; j++) {
                        double intoState = 0;
                        for (int i = 0; i < width; i++) {
                            intoState += key.get(at + i) * added(modes, f, gradient, i * width + j, entries);
                        }
                        dValue.set(at + j, intoState + h0 * score * dy.get(at + j));
                    }
                    for (int entry = 0; entry < entries; entry++) {
                        double dRead = query.get(at + entry / width) * dy.get(at + entry % width);
                        for (int n = modes.pairStart()[f]; n < modes.pairStart()[f + 1]; n++) {
                            long realAt = (long) n * entries + entry;
                            long imaginaryAt = (long) (pairs + n) * entries + entry;
                            double real = states.get(t * block + realAt);
                            double imaginary = states.get(t * block + imaginaryAt);
                            double dReal = gradient.get(realAt);
                            double dImaginary = gradient.get(imaginaryAt);
                            add(dModes.residueReal(), n, dRead * real);
                            add(dModes.residueImaginary(), n, -dRead * imaginary);
                            add(dPoles, n, dReal * real + dImaginary * imaginary);
                            add(dPoles, pairs + n, dImaginary * real - dReal * imaginary);
                            double poleReal = poles.get(n);
                            double poleImaginary = poles.get(pairs + n);
                            gradient.set(realAt, poleReal * dReal + poleImaginary * dImaginary
                                    + modes.residueReal().get(n) * dRead);
                            gradient.set(imaginaryAt, poleReal * dImaginary - poleImaginary * dReal
                                    - modes.residueImaginary().get(n) * dRead);
                        }
                        for (int m = modes.realStart()[f]; m < modes.realStart()[f + 1]; m++) {
                            long stateAt = (2L * pairs + m) * entries + entry;
                            double value0 = states.get(t * block + stateAt);
                            double dNext = gradient.get(stateAt);
                            add(dModes.realResidue(), m, dRead * value0);
                            add(dPoles, 2L * pairs + m, dNext * value0);
                            gradient.set(stateAt,
                                    poles.get(2L * pairs + m) * dNext + modes.realResidue().get(m) * dRead);
                        }
                    }
                }
            }
            dState.slice(b, b + 1).copyFrom(gradient);
        }
        Poles.backward(modes, dPoles, dModes);
        team.scratch().release(mark);
    }

    // Re Σ R·S of one entry of a filter's matrices.
    private static double readOut(Modes modes, int f, Tensor s, long base, int entry, int entries) {
        double sum = 0;
        for (int n = modes.pairStart()[f]; n < modes.pairStart()[f + 1]; n++) {
            sum += modes.residueReal().get(n) * s.get(base + (long) n * entries + entry)
                    - modes.residueImaginary().get(n) * s.get(base + (long) (modes.pairs() + n) * entries + entry);
        }
        for (int m = modes.realStart()[f]; m < modes.realStart()[f + 1]; m++) {
            sum += modes.realResidue().get(m) * s.get(base + (2L * modes.pairs() + m) * entries + entry);
        }
        return sum;
    }

    // What an addition to all modes of an entry changes: its gradient is the sum over real parts and real modes.
    private static double added(Modes modes, int f, Tensor gradient, int entry, int entries) {
        double sum = 0;
        for (int n = modes.pairStart()[f]; n < modes.pairStart()[f + 1]; n++) {
            sum += gradient.get((long) n * entries + entry);
        }
        for (int m = modes.realStart()[f]; m < modes.realStart()[f + 1]; m++) {
            sum += gradient.get((2L * modes.pairs() + m) * entries + entry);
        }
        return sum;
    }

    // S ← λ·S + added for one entry of a filter's matrices, from one place to another.
    private static void advance(Modes modes, int f, Tensor poles, Tensor s, long from, long to, int entry, int entries,
            double added) {
        int pairs = modes.pairs();
        for (int n = modes.pairStart()[f]; n < modes.pairStart()[f + 1]; n++) {
            long realAt = (long) n * entries + entry;
            long imaginaryAt = (long) (pairs + n) * entries + entry;
            double real = s.get(from + realAt);
            double imaginary = s.get(from + imaginaryAt);
            s.set(to + realAt, poles.get(n) * real - poles.get(pairs + n) * imaginary + added);
            s.set(to + imaginaryAt, poles.get(n) * imaginary + poles.get(pairs + n) * real);
        }
        for (int m = modes.realStart()[f]; m < modes.realStart()[f + 1]; m++) {
            long at = (2L * pairs + m) * entries + entry;
            s.set(to + at, poles.get(2L * pairs + m) * s.get(from + at) + added);
        }
    }

    private static double dot(Tensor a, long aAt, Tensor b, long bAt, int width) {
        double sum = 0;
        for (int i = 0; i < width; i++) {
            sum += a.get(aAt + i) * b.get(bAt + i);
        }
        return sum;
    }

    private static void add(Tensor sum, long at, double value) {
        sum.set(at, sum.get(at) + value);
    }
}
