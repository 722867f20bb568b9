package tern.kernels.convolution;

import java.util.List;

import tern.kernels.ThreadTeam;
import tern.kernels.elementwise.Functions;
import tern.ops.Dilations;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** {@link DilatedConvolution} in plain loops, summed in double precision; serves every computed type. Stateless, safe to share. */
public final class ReferenceDilatedConvolution implements DilatedConvolution {

    /** A body without state. */
    public ReferenceDilatedConvolution() {
    }

    /** A layer's input: rows of the call, and before them those of the ring. */
    private record Input(Tensor g, Tensor ring, long[] ages) {
        double at(int b, int t, int c) {
            if (t >= 0) {
                return g.get(((long) b * g.dim(1) + t) * g.dim(2) + c);
            }
            return ring.dim(1) == 0 ? 0 : ring.get(ringRow(b, t) * g.dim(2) + c);
        }

        /** The row of the ring that holds a position of the call, as a row of all sequences. */
        long ringRow(int b, int t) {
            return (long) b * ring.dim(1) + Math.floorMod(ages[b] + t, ring.dim(1));
        }
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Dilations layers, List<Tensor> inner, List<Tensor> rings,
            long[] ages, Tensor y) {
        Workspace.Mark mark = team.scratch().mark();
        Tensor g = x;
        for (int l = 0; l < layers.layers().size(); l++) {
            Dilations.Layer layer = layers.layers().get(l);
            Tensor next = l == layers.layers().size() - 1 ? y
                    : inner.isEmpty()
                            ? team.scratch().allocate(x.dtype(), Shape.of(x.dim(0), x.dim(1), layer.outputs()))
                    : inner.get(l);
            Input input = new Input(g, rings.get(l), ages);
            for (int b = 0; b < g.dim(0); b++) {
                for (int t = 0; t < g.dim(1); t++) {
                    for (int o = 0; o < layer.outputs(); o++) {
                        double value = Functions.value(layers.activation(), sum(layer, input, b, t, o));
                        next.set(((long) b * g.dim(1) + t) * layer.outputs() + o,
                                layers.residual() ? value + input.at(b, t, o) : value);
                    }
                }
            }
            keep(input);
            g = next;
        }
        team.scratch().release(mark);
    }

    /** c_t of one output. */
    private static double sum(Dilations.Layer layer, Input input, int b, int t, int o) {
        int each = layer.groupInputs();
        int first = firstInput(layer, input, o);
        double sum = layer.bias().get(o);
        for (int i = 0; i < each; i++) {
            for (int k = 0; k < layer.taps(); k++) {
                sum += layer.weight().get(((long) k * layer.outputs() + o) * each + i)
                        * input.at(b, t - k * layer.dilation(), first + i);
            }
        }
        return sum;
    }

    /** The first channel that an output reads. */
    private static int firstInput(Dilations.Layer layer, Input input, int o) {
        int groups = input.g.dim(2) / layer.groupInputs();
        return o / (layer.outputs() / groups) * layer.groupInputs();
    }

    private static void keep(Input input) {
        int rows = input.ring.dim(1);
        int channels = input.g.dim(2);
        for (int b = 0; rows > 0 && b < input.g.dim(0); b++) {
            for (int t = Math.max(0, input.g.dim(1) - rows); t < input.g.dim(1); t++) {
                for (int c = 0; c < channels; c++) {
                    input.ring.set(input.ringRow(b, t) * channels + c, input.at(b, t, c));
                }
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Dilations layers, List<Tensor> inner, List<Tensor> rings,
            long[] ages, Tensor dy, List<Tensor> dNextRings, Slopes slopes) {
        Workspace.Mark mark = team.scratch().mark();
        Tensor dOut = dy;
        for (int l = layers.layers().size() - 1; l >= 0; l--) {
            Dilations.Layer layer = layers.layers().get(l);
            Input input = new Input(l == 0 ? x : inner.get(l - 1), rings.get(l), ages);
            Tensor dc = team.scratch().allocate(x.dtype(), dOut.shape());
            for (int b = 0; b < x.dim(0); b++) {
                for (int t = 0; t < x.dim(1); t++) {
                    for (int o = 0; o < layer.outputs(); o++) {
                        long at = ((long) b * x.dim(1) + t) * layer.outputs() + o;
                        dc.set(at, dOut.get(at)
                                * Functions.slope(layers.activation(), sum(layer, input, b, t, o)));
                    }
                }
            }
            weightSlopes(layer, input, dc, slopes.dWeights().get(l), slopes.dBiases().get(l));
            Tensor dIn = l == 0 ? slopes.dx() : team.scratch().allocate(x.dtype(), input.g.shape());
            for (int b = 0; b < x.dim(0); b++) {
                for (int t = 0; t < x.dim(1); t++) {
                    for (int c = 0; c < input.g.dim(2); c++) {
                        long at = ((long) b * x.dim(1) + t) * input.g.dim(2) + c;
                        double sum = back(layer, input, dc, b, t, c) + kept(input, dNextRings.get(l), b, t, c);
                        dIn.set(at, layers.residual() ? sum + dOut.get(at) : sum);
                    }
                }
            }
            if (!slopes.dRings().isEmpty()) {
                ringSlopes(layer, input, dc, dNextRings.get(l), slopes.dRings().get(l));
            }
            dOut = dIn;
        }
        team.scratch().release(mark);
    }

    /** What the outputs of the call hand back to an input, which may lie before it. */
    private static double back(Dilations.Layer layer, Input input, Tensor dc, int b, int t, int c) {
        int each = layer.groupInputs();
        int groups = input.g.dim(2) / each;
        int outputs = layer.outputs() / groups;
        double sum = 0;
        for (int o = c / each * outputs; o < (c / each + 1) * outputs; o++) {
            for (int k = 0; k < layer.taps(); k++) {
                int later = t + k * layer.dilation();
                if (later >= 0 && later < dc.dim(1)) {
                    sum += layer.weight().get(((long) k * layer.outputs() + o) * each + c % each)
                            * dc.get(((long) b * dc.dim(1) + later) * layer.outputs() + o);
                }
            }
        }
        return sum;
    }

    /** The gradient of the place in the next ring that a position got or kept; 0 if it has none. */
    private static double kept(Input input, Tensor dNextRing, int b, int t, int c) {
        int rows = dNextRing.dim(1);
        return rows == 0 || t < input.g.dim(1) - rows ? 0 : dNextRing.get(input.ringRow(b, t) * input.g.dim(2) + c);
    }

    private static void ringSlopes(Dilations.Layer layer, Input input, Tensor dc, Tensor dNextRing, Tensor dRing) {
        int channels = input.g.dim(2);
        for (int b = 0; b < input.g.dim(0); b++) {
            for (int t = -input.ring.dim(1); t < 0; t++) {
                for (int c = 0; c < channels; c++) {
                    dRing.set(input.ringRow(b, t) * channels + c,
                            back(layer, input, dc, b, t, c) + kept(input, dNextRing, b, t, c));
                }
            }
        }
    }

    private static void weightSlopes(Dilations.Layer layer, Input input, Tensor dc, Tensor dWeight, Tensor dBias) {
        int each = layer.groupInputs();
        for (int o = 0; o < layer.outputs(); o++) {
            int first = firstInput(layer, input, o);
            double[] sums = new double[each * layer.taps()];
            double biasSum = 0;
            for (int b = 0; b < dc.dim(0); b++) {
                for (int t = 0; t < dc.dim(1); t++) {
                    double slope = dc.get(((long) b * dc.dim(1) + t) * layer.outputs() + o);
                    biasSum += slope;
                    for (int i = 0; i < sums.length; i++) {
                        sums[i] += slope
                                * input.at(b, t - i / each * layer.dilation(), first + i % each);
                    }
                }
            }
            dBias.set(o, dBias.get(o) + biasSum);
            for (int i = 0; i < sums.length; i++) {
                long at = ((long) (i / each) * layer.outputs() + o) * each + i % each;
                dWeight.set(at, dWeight.get(at) + sums[i]);
            }
        }
    }
}
