package tern.mixers.fourier;

import tern.ops.Ops;
import tern.sequence.EncoderMixer;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.State;
import tern.tensor.Tensor;

/**
 * y = Re F_time F_width x / √(T·D) = (C_T x C_D − S_T x S_D)/√(T·D) (arXiv 2105.03824, section 3), over both directions; padding does not
 * count. Published models leave out the divisor, as a norm follows there; here norms come first. As matrix products: T²·D
 * operations twice, which for some thousand positions is less than a transform takes. No parameters, no state. Immutable.
 */
public final class FNet implements EncoderMixer {
    private final int width;

    FNet(int width) {
        this.width = width;
    }

    @Override
    public Mixed parallel(Ops ops, MixerInput in, State state) {
        return new Mixed(Transforms.eachWhole(ops, in, x -> mixed(ops, x)), state.next());
    }

    private Tensor mixed(Ops ops, Tensor x) {
        int time = x.dim(1);
        Tensor even = ops.mixPositions(matrix(ops, x, time, 0), ops.linear(x, matrix(ops, x, width, 0)));
        Tensor odd = ops.mixPositions(matrix(ops, x, time, -Math.PI / 2),
                ops.linear(x, matrix(ops, x, width, -Math.PI / 2)));
        return ops.add(even, ops.scale(odd, -1));
    }

    private Tensor matrix(Ops ops, Tensor x, int n, double shift) {
        return ops.derived(this, n + " " + shift,
                () -> Transforms.fourier(ops, x.dtype(), n, shift, 1 / Math.sqrt(n)));
    }
}
