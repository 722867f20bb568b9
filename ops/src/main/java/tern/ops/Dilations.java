package tern.ops;

import java.util.List;

import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Dilated causal convolutions one upon the other: c^l_t = b_l + Σ_k W_l[k]·g^l_(t−k·d_l), g^(l+1) = f(c^l), or g^l + f(c^l) if
 * residual; see {@link Ops#dilatedConvolution}. Immutable.
 *
 * @param layers from the first to the last, at least one
 * @param activation f, after every layer
 * @param residual whether each layer adds to what it reads, which must then be as wide as what it makes
 */
public record Dilations(List<Layer> layers, Activation activation, boolean residual) {
    /**
     * One layer: W, b and d.
     *
     * @param weight taps outermost, tap 0 meets the current position: [K,C] for each channel by itself, or [K,O,I] with I input
     *            channels for each output, where C/I groups of neighbouring channels do not see each other
     * @param bias [O]
     * @param dilation positions from tap to tap, 1 or more
     */
    public record Layer(Tensor weight, Tensor bias, int dilation) {
        /** Checks what does not depend on the input. */
        public Layer {
            int rank = weight.shape().rank();
            if (rank != 2 && rank != 3 || weight.dim(0) < 1 || rank == 3 && weight.dim(2) < 1) {
                throw new IllegalArgumentException("dilatedConvolution: weight must be [taps,channels] or"
                        + " [taps,outputs,inputs of a group], found " + weight.shape());
            }
            if (!bias.shape().equals(Shape.of(weight.dim(1))) || bias.dtype() != weight.dtype()) {
                throw new IllegalArgumentException("dilatedConvolution: bias must be " + weight.dtype() + "["
                        + weight.dim(1) + "] like the weight's outputs, found " + bias);
            }
            if (dilation < 1) {
                throw new IllegalArgumentException(
                        "dilatedConvolution: dilation is " + dilation + ", expected 1 or more");
            }
        }

        /** Whether each channel is convolved by itself. */
        public boolean depthwise() {
            return weight.shape().rank() == 2;
        }

        /** Taps K. */
        public int taps() {
            return weight.dim(0);
        }

        /** Output channels O. */
        public int outputs() {
            return weight.dim(1);
        }

        /** Input channels of a group. */
        public int groupInputs() {
            return depthwise() ? 1 : weight.dim(2);
        }

        /** Positions before the current one that are read: (K−1)·d, also the rows of its ring. */
        public int reach() {
            return (taps() - 1) * dilation;
        }
    }

    /** Checks that the layers fit each other. */
    public Dilations {
        layers = List.copyOf(layers);
        if (layers.isEmpty()) {
            throw new IllegalArgumentException("dilatedConvolution: there are no layers, expected at least one");
        }
        for (int i = 1; i < layers.size(); i++) {
            requireInputs(layers.get(i), layers.get(i - 1).outputs(), residual);
        }
    }

    private static void requireInputs(Layer layer, int channels, boolean residual) {
        int outputs = layer.outputs();
        boolean fits = layer.depthwise() ? outputs == channels
                : channels % layer.groupInputs() == 0 && outputs % (channels / layer.groupInputs()) == 0;
        if (!fits) {
            throw new IllegalArgumentException("dilatedConvolution: weight " + layer.weight().shape() + " does not fit "
                    + channels + " input channels; expected [taps," + channels
                    + "], or [taps,outputs,inputs of a group]"
                    + " where the group's inputs divide them and the groups divide the outputs");
        }
        if (residual && outputs != channels) {
            throw new IllegalArgumentException("dilatedConvolution: a residual layer has " + channels + " inputs and "
                    + outputs + " outputs, expected as many");
        }
    }

    /**
     * Checks that an input has as many channels as the first layer reads.
     *
     * @throws IllegalArgumentException if not
     */
    public void requireInputs(int channels) {
        requireInputs(layers.getFirst(), channels, residual);
    }

    /** Channels of the last layer's output. */
    public int outputs() {
        return layers.getLast().outputs();
    }

    /** Whether every layer convolves each channel by itself. */
    public boolean depthwise() {
        return layers.stream().allMatch(Layer::depthwise);
    }
}
