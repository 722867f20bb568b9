package tern.kernels.convolution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.kernels.elementwise.VectorElementwise;
import tern.kernels.matmul.VectorMatmul;
import tern.ops.Activation;
import tern.ops.Dilations;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The vector body against the plain one, on one thread and on four. */
class VectorDilatedConvolutionTest {
    private static final DType F32 = DType.F32;
    private static final List<Activation> FUNCTIONS = List.of(Activation.IDENTITY, Activation.SILU, Activation.RELU);

    static IntStream lengths() {
        return KernelLaw.lengths();
    }

    /** One case: what to convolve, and how. Layers are [taps, dilation]. */
    private record Case(int batch, int time, int channels, Activation f, boolean residual, boolean ringed,
            List<int[]> layers) {
        Case(int batch, int time, int channels, int draw, boolean ringed, int[]... layers) {
            this(batch, time, channels, FUNCTIONS.get(draw % FUNCTIONS.size()), draw % 2 == 0, ringed,
                    List.of(layers));
        }

        @Override
        public String toString() {
            return "B=" + batch + " T=" + time + " C=" + channels + " " + f + (residual ? " residual" : "")
                    + (ringed ? " with rings" : "") + " "
                    + layers.stream().map(Arrays::toString).toList() + " ";
        }
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyNumberOfChannels(int channels) {
        for (int draw = 0; draw < 6; draw++) {
            check(31L * channels + draw, new Case(2, 23 + draw, channels, draw, draw % 2 == 1, new int[] {3 + draw, 1},
                    new int[] {2 + draw, 3}));
        }
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyNumberOfPositions(int time) {
        for (int draw = 0; draw < 6; draw++) {
            check(9000L + 31L * time + draw, new Case(1 + time % 3, time, 21, draw, draw % 3 == 1,
                    new int[] {1 + draw, 1 + draw}, new int[] {4, 2}, new int[] {3, 7 - draw}));
        }
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyNumberOfTaps(int taps) {
        for (int dilation : new int[] {1, 2, 5}) {
            check(500L * dilation + taps, new Case(1, 90, 17, taps, dilation == 2, new int[] {taps + 1, dilation}));
        }
    }

    @Test
    void manyBlocks() {
        check(1, new Case(1, 2500, 40, 1, false, new int[] {17, 1}, new int[] {17, 8}, new int[] {17, 64}));
        check(2, new Case(2, 2100, 17, 4, true, new int[] {3, 1}, new int[] {5, 129}, new int[] {2, 300}));
        check(3, new Case(1, 5000, 16, 2, false, new int[] {9, 600}, new int[] {4, 1}));
        check(4, new Case(1, 300, 130, 0, true, new int[] {4, 512}, new int[] {4, 1}));
        check(5, new Case(2, 300, 20, 4, false, new int[] {3, 1}, new int[] {3, 2}, new int[] {3, 64},
                new int[] {3, 256}));
    }

    /** Where e^(−c) or its inverse leaves the range of floats. */
    @Test
    void sumsFarOut() {
        double[] sums = {-3e38, -1e30, -200, -89, -87, 87, 89, 200, 1e30};
        try (KernelLaw law = new KernelLaw(11)) {
            Tensor weight = law.zeros(F32, 3, sums.length);
            Tensor bias = law.zeros(F32, sums.length);
            Tensor x = law.gaussian(F32, 1, 5, sums.length);
            Tensor dy = law.zeros(F32, 1, 5, sums.length).fill(1);
            Tensor y = law.blank(F32, 1, 5, sums.length);
            Tensor dBias = law.zeros(F32, sums.length);
            for (int c = 0; c < sums.length; c++) {
                bias.set(c, sums[c]);
            }
            Dilations layer = new Dilations(List.of(new Dilations.Layer(weight, bias, 1)), Activation.SILU, true);
            List<Tensor> rings = List.of(law.zeros(F32, 1, 0, sums.length));
            VectorDilatedConvolution body = new VectorDilatedConvolution(new VectorMatmul(), new VectorElementwise());
            body.forward(law.team(1), x, layer, List.of(), rings, new long[1], y);
            body.backward(law.team(1), x, layer, List.of(), rings, new long[1], dy, rings,
                    new DilatedConvolution.Slopes(law.blank(F32, 1, 5, sums.length),
                            List.of(law.zeros(F32, 3, sums.length)), List.of(dBias), List.of()));
            for (int c = 0; c < sums.length; c++) {
                assertThat(y.get(c)).as("g + SiLU(%s)", sums[c])
                        .isEqualTo((float) x.get(c) + (sums[c] < 0 ? 0 : (float) sums[c]));
                assertThat(dBias.get(c)).as("slope at %s of 5 rows", sums[c]).isCloseTo(sums[c] < 0 ? 0 : 5,
                        within(1e-30));
            }
        }
    }

    /** Groups, narrowing and widening layers, and a depthwise one between them. */
    @Test
    void groups() {
        for (int draw = 0; draw < 6; draw++) {
            try (KernelLaw law = new KernelLaw(70 + draw)) {
                Activation f = FUNCTIONS.get(draw % 3);
                boolean ringed = draw % 2 == 0;
                compare(law, "groups, draw " + draw + " ", new Dilations(List.of(
                        layer(law, 2, 3, 6, 4), layer(law, 1, 2, 6), layer(law, 3, 2, 9, 2)), f, false), 2,
                        5 + 9 * draw, 8, ringed);
                compare(law, "residual, draw " + draw + " ", new Dilations(List.of(
                        layer(law, 4, 3, 6, 2), layer(law, 1, 2, 6, 6)), f, true), 1, 1 + 11 * draw, 6, ringed);
            }
        }
    }

    private static Dilations.Layer layer(KernelLaw law, int dilation, int... weight) {
        return new Dilations.Layer(law.gaussian(F32, weight), law.gaussian(F32, weight[1]), dilation);
    }

    private static void check(long seed, Case of) {
        try (KernelLaw law = new KernelLaw(seed)) {
            List<Dilations.Layer> layers = of.layers.stream()
                    .map(shape -> layer(law, shape[1], shape[0], of.channels)).toList();
            compare(law, of.toString(), new Dilations(layers, of.f, of.residual), of.batch, of.time, of.channels,
                    of.ringed);
        }
    }

    private static void compare(KernelLaw law, String what, Dilations layers, int batch, int time, int channels,
            boolean ringed) {
        List<ThreadTeam> teams = List.of(law.team(1), law.team(4));
        Tensor x = law.gaussian(F32, batch, time, channels);
        long[] ages = new long[batch];
        List<Tensor> rings = new ArrayList<>();
        List<Tensor> dNext = new ArrayList<>();
        int inputs = channels;
        for (Dilations.Layer layer : layers.layers()) {
            rings.add(law.gaussian(F32, batch, ringed ? layer.reach() : 0, inputs));
            dNext.add(law.gaussian(F32, batch, ringed ? layer.reach() : 0, inputs));
            inputs = layer.outputs();
        }
        for (int b = 0; ringed && b < batch; b++) {
            ages[b] = law.random().nextInt(5000);
        }
        Tensor dy = law.gaussian(F32, batch, time, layers.outputs());
        Results expected = run(new ReferenceDilatedConvolution(), teams.getFirst(), x, layers, rings, ages, dy,
                dNext, new Results(law, x, layers, rings));
        List<Tensor> alone = List.of();
        for (ThreadTeam team : teams) {
            Results found = run(new VectorDilatedConvolution(new VectorMatmul(), new VectorElementwise()), team,
                    x, layers, rings, ages, dy, dNext, expected.another(law, x, rings));
            List<Tensor> all = found.all();
            for (int i = 0; i < all.size(); i++) {
                law.assertClose(what + found.names().get(i), all.get(i), expected.all().get(i), 3e-5);
            }
            for (int i = 0; i < alone.size(); i++) {
                law.assertSame(what + found.names().get(i) + " on more threads", all.get(i), alone.get(i));
            }
            alone = all;
            madeAgain(law, what, team, x, layers, rings, ages, dy, dNext, found);
        }
        Tensor y = law.blank(F32, batch, time, layers.outputs());
        new VectorDilatedConvolution(new VectorMatmul(), new VectorElementwise()).forward(teams.getLast(), x, layers,
                List.of(), rings.stream().map(law::copy).toList(), ages, y);
        law.assertSame(what + "y where nobody wants the layers' inputs", y, alone.getFirst());
        law.assertGuardsUntouched();
    }

    /** Backward without what forward wrote down, where it says that it does without. */
    private static void madeAgain(KernelLaw law, String what, ThreadTeam team, Tensor x, Dilations layers,
            List<Tensor> rings, long[] ages, Tensor dy, List<Tensor> dNext, Results expected) {
        VectorDilatedConvolution body = new VectorDilatedConvolution(new VectorMatmul(), new VectorElementwise());
        if (body.readsInner(x, layers, rings)) {
            return;
        }
        Results found = expected.another(law, x, rings);
        body.backward(team, x, layers, List.of(), rings, ages, dy, dNext, found.slopes);
        List<Tensor> slopes = found.gradients();
        for (int i = 0; i < slopes.size(); i++) {
            law.assertSame(what + "gradient " + i + " without the layers' inputs", slopes.get(i),
                    expected.gradients().get(i));
        }
        DilatedConvolution.Slopes ringless = new DilatedConvolution.Slopes(law.blank(F32, x.shape().toArray()),
                found.another(law, x, rings).slopes.dWeights(), found.another(law, x, rings).slopes.dBiases(),
                List.of());
        body.backward(team, x, layers, List.of(), rings, ages, dy, dNext, ringless);
        law.assertSame(what + "dx where nobody wants the rings' gradients", ringless.dx(), expected.slopes.dx());
    }

    private static Results run(DilatedConvolution body, ThreadTeam team, Tensor x, Dilations layers,
            List<Tensor> rings, long[] ages, Tensor dy, List<Tensor> dNext, Results into) {
        body.forward(team, x, layers, into.inner, into.next, ages, into.y);
        body.backward(team, x, layers, into.inner, rings, ages, dy, dNext, into.slopes);
        return into;
    }

    private record Results(Tensor y, List<Tensor> inner, List<Tensor> next, DilatedConvolution.Slopes slopes) {
        Results(KernelLaw law, Tensor x, Dilations layers, List<Tensor> rings) {
            this(law.blank(F32, x.dim(0), x.dim(1), layers.outputs()),
                    layers.layers().subList(0, rings.size() - 1).stream()
                            .map(layer -> law.blank(F32, x.dim(0), x.dim(1), layer.outputs())).toList(),
                    rings.stream().map(law::copy).toList(),
                    new DilatedConvolution.Slopes(law.blank(F32, x.shape().toArray()),
                            layers.layers().stream()
                                    .map(layer -> law.zeros(F32, layer.weight().shape().toArray())).toList(),
                            layers.layers().stream().map(layer -> law.zeros(F32, layer.outputs())).toList(),
                            rings.stream().map(ring -> law.blank(F32, ring.shape().toArray())).toList()));
        }

        Results another(KernelLaw law, Tensor x, List<Tensor> rings) {
            return new Results(law.blank(F32, y.shape().toArray()),
                    inner.stream().map(tensor -> law.blank(F32, tensor.shape().toArray())).toList(),
                    rings.stream().map(law::copy).toList(),
                    new DilatedConvolution.Slopes(law.blank(F32, x.shape().toArray()),
                            slopes.dWeights().stream().map(w -> law.zeros(F32, w.shape().toArray())).toList(),
                            slopes.dBiases().stream().map(w -> law.zeros(F32, w.shape().toArray())).toList(),
                            rings.stream().map(ring -> law.blank(F32, ring.shape().toArray())).toList()));
        }

        List<Tensor> all() {
            List<Tensor> all = new ArrayList<>(List.of(y, slopes.dx()));
            all.addAll(inner);
            all.addAll(next);
            all.addAll(slopes.dWeights());
            all.addAll(slopes.dBiases());
            all.addAll(slopes.dRings());
            return all;
        }

        List<Tensor> gradients() {
            List<Tensor> all = new ArrayList<>(List.of(slopes.dx()));
            all.addAll(slopes.dWeights());
            all.addAll(slopes.dBiases());
            all.addAll(slopes.dRings());
            return all;
        }

        List<String> names() {
            List<String> names = new ArrayList<>(List.of("y", "dx"));
            for (String what : List.of("input of layer", "ring", "dWeight", "dBias", "dRing")) {
                for (int l = what.startsWith("input") ? 1 : 0; l < next.size(); l++) {
                    names.add(what + " " + l);
                }
            }
            return names;
        }
    }
}
