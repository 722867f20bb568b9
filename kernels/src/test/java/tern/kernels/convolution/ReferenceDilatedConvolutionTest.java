package tern.kernels.convolution;

import static org.assertj.core.api.Assertions.assertThat;
import static tern.kernels.convolution.Gradients.check;
import static tern.kernels.convolution.Gradients.copy;
import static tern.kernels.convolution.Gradients.dot;
import static tern.kernels.convolution.Gradients.random;
import static tern.kernels.convolution.Gradients.zeros;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleSupplier;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.kernels.ThreadTeam;
import tern.ops.Activation;
import tern.ops.Dilations;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** The plain body against values worked out by hand and against finite differences. */
class ReferenceDilatedConvolutionTest {
    private final Memory memory = new Memory();
    private final ThreadTeam team = new ThreadTeam(1);
    private final SplittableRandom random = new SplittableRandom(1803_01271);

    @AfterEach
    void close() {
        team.close();
        memory.close();
    }

    private Tensor tensor(int... lengths) {
        return memory.allocate(DType.F64, Shape.of(lengths));
    }

    private Tensor gaussian(int... lengths) {
        return random(memory, random, DType.F64, lengths);
    }

    /** Dilation 2: position t meets t, t−2 and t−4; what came before stands in the ring by its position. */
    @Test
    void oneChannelByHand() {
        Tensor x = tensor(1, 3, 1).setAll(1, 2, 3);
        Dilations layers = new Dilations(List.of(new Dilations.Layer(tensor(3, 1).setAll(100, 10, 1),
                tensor(1).setAll(0.5), 2)), Activation.IDENTITY, false);
        // Positions 1, 2, 3, 4 hold 5, 6, 7, 8; x begins at position 5.
        Tensor ring = tensor(1, 4, 1).setAll(8, 5, 6, 7);
        Tensor y = tensor(1, 3, 1);
        new ReferenceDilatedConvolution().forward(team, x, layers, List.of(), List.of(ring), new long[] {5}, y);
        assertThat(y.toDoubles()).containsExactly(100 + 70 + 5 + 0.5, 200 + 80 + 6 + 0.5, 300 + 10 + 7 + 0.5);
        assertThat(ring.toDoubles()).as("positions 4 … 7").containsExactly(8, 1, 2, 3);
    }

    /** Two groups of two inputs and one output each. */
    @Test
    void groupsByHand() {
        Tensor x = tensor(1, 1, 4).setAll(1, 2, 3, 4);
        Dilations layers = new Dilations(List.of(new Dilations.Layer(tensor(1, 2, 2).setAll(10, 1, 100, -1),
                tensor(2).setAll(0, -1000), 1)), Activation.RELU, false);
        Tensor y = tensor(1, 1, 2);
        new ReferenceDilatedConvolution().forward(team, x, layers, List.of(), List.of(tensor(1, 0, 4)),
                new long[] {0}, y);
        assertThat(y.toDoubles()).containsExactly(12, 0);
    }

    @Test
    void gradientsOfDepthwiseLayers() {
        for (int seed = 0; seed < 6; seed++) {
            boolean residual = seed % 2 == 0;
            Activation f = seed < 2 ? Activation.IDENTITY : seed < 4 ? Activation.SILU : Activation.TANH;
            gradients(new Dilations(List.of(depthwise(3, 3, 1), depthwise(3, 2, 3)), f, residual), 3, 1 + 2 * seed);
        }
    }

    @Test
    void gradientsOfGroups() {
        gradients(new Dilations(List.of(new Dilations.Layer(gaussian(2, 6, 2), gaussian(6), 2),
                new Dilations.Layer(gaussian(3, 3, 6), gaussian(3), 1)), Activation.SILU, false), 4, 5);
        gradients(new Dilations(List.of(new Dilations.Layer(gaussian(3, 4, 2), gaussian(4), 2), depthwise(4, 1, 1)),
                Activation.SILU, true), 4, 7);
    }

    private Dilations.Layer depthwise(int channels, int taps, int dilation) {
        return new Dilations.Layer(gaussian(taps, channels), gaussian(channels), dilation);
    }

    private void gradients(Dilations layers, int channels, int time) {
        Tensor x = gaussian(2, time, channels);
        long[] ages = {7, 2};
        List<Tensor> rings = new ArrayList<>();
        List<Tensor> inner = new ArrayList<>();
        int inputs = channels;
        for (Dilations.Layer layer : layers.layers()) {
            rings.add(gaussian(2, layer.reach(), inputs));
            inputs = layer.outputs();
            inner.add(tensor(2, time, inputs));
        }
        Tensor y = inner.removeLast();
        Tensor dy = gaussian(2, time, layers.outputs());
        List<Tensor> dNext = rings.stream().map(ring -> gaussian(ring.shape().toArray())).toList();
        DilatedConvolution body = new ReferenceDilatedConvolution();
        DoubleSupplier loss = () -> {
            List<Tensor> next = rings.stream().map(ring -> copy(memory, ring)).toList();
            body.forward(team, x, layers, inner, next, ages, y);
            double sum = dot(dy, y);
            for (int l = 0; l < next.size(); l++) {
                sum += dot(dNext.get(l), next.get(l));
            }
            return sum;
        };
        assertThat(loss.getAsDouble()).isFinite();
        DilatedConvolution.Slopes slopes = new DilatedConvolution.Slopes(zeros(memory, x),
                layers.layers().stream().map(layer -> zeros(memory, layer.weight())).toList(),
                layers.layers().stream().map(layer -> zeros(memory, layer.bias())).toList(),
                rings.stream().map(ring -> zeros(memory, ring)).toList());
        body.backward(team, x, layers, inner, rings, ages, dy, dNext, slopes);
        check("x", x, slopes.dx(), loss);
        for (int l = 0; l < rings.size(); l++) {
            check("weight " + l, layers.layers().get(l).weight(), slopes.dWeights().get(l), loss);
            check("bias " + l, layers.layers().get(l).bias(), slopes.dBiases().get(l), loss);
            check("ring " + l, rings.get(l), slopes.dRings().get(l), loss);
        }
    }
}
