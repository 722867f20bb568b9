package tern.mixers.parts;

import java.util.Optional;

import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.Slot;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A short causal convolution over all projected streams of a recurrence, then SiLU (Mamba, DeltaNet) or nothing (Griffin): parameters
 * {@code weight} [C,K] and, if asked for, {@code bias} [C]; state: the last K−1 inputs. Immutable.
 */
public final class ShortFilter {
    private final Slot slot;
    private final int channels;
    private final Tensor weight;
    private final Optional<Tensor> bias;

    /** Declares the parameters, which start uniform within ±1/√K. */
    public ShortFilter(ParameterScope scope, int channels, int taps, boolean biased) {
        this.slot = new Slot.Fixed("short", Shape.of(taps - 1, channels));
        this.channels = channels;
        this.weight = scope.parameter("weight", Shape.of(channels, taps), Role.FILTER, Initialiser.fanIn(taps));
        this.bias = biased
                ? Optional.of(scope.parameter("bias", Shape.of(channels), Role.VECTOR, Initialiser.fanIn(taps)))
                : Optional.empty();
    }

    /** The slot for the last inputs: [K−1,C]. */
    public Slot slot() {
        return slot;
    }

    /** SiLU of the filtered x [B,T,C], and the next contents of {@link #slot}. */
    public Scanned apply(Ops ops, Tensor x, Tensor history) {
        Scanned filtered = linear(ops, x, history);
        return new Scanned(ops.activate(filtered.y(), Activation.SILU), filtered.state());
    }

    /** The filtered x [B,T,C] as it is, and the next contents of {@link #slot}. */
    public Scanned linear(Ops ops, Tensor x, Tensor history) {
        Tensor shift = bias.orElseGet(() -> Heads.constant(ops, this, x.dtype(), Shape.of(channels), 0));
        return ops.shortConvolution(x, weight, shift, history);
    }
}
