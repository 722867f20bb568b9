package tern.mixers.modal;

import java.util.ArrayList;
import java.util.List;

import tern.mixers.parts.GatedStreams;
import tern.mixers.parts.Projection;
import tern.ops.Modes;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Hyena or MultiHyena with modal filters: y_t = Re Σ R_n s_n + h_0 x_t, s_n ← λ_n s_n + x_t in place of each long convolution
 * (arXiv 2310.18780, sections 3.1 to 3.4).
 *
 * <p>State, the same size at every position: the last inputs of the short filter, and for each bank 2·pairs + reals floats,
 * times n_h² for heads of width n_h. Parameters: those of {@link GatedStreams} and of the output projection, named as in the
 * teacher; for each bank {@code bank0.decay}, {@code .phase}, {@code .residueReal}, {@code .residueImaginary} [pairs of all
 * filters], {@code .realDecay}, {@code .realSign}, {@code .realResidue} [reals of all filters], {@code .passThrough} [F]; see
 * {@link Modes}. Immutable.
 */
public final class ModalRecurrence implements ModalBanks {
    private final int headWidth;
    private final int filters;
    private final GatedStreams streams;
    private final List<ModalBank> banks = new ArrayList<>();
    private final Projection output;
    private final StateLayout layout;

    ModalRecurrence(ModalRecurrenceConfig config, BranchContext at, ParameterScope scope) {
        this.headWidth = config.headWidth();
        this.filters = at.width() / headWidth;
        this.streams = new GatedStreams(scope, config.order() + 1, at.width(), config.shortFilter());
        List<Slot> slots = new ArrayList<>();
        slots.add(streams.slot());
        for (int i = 0; i < config.banks(); i++) {
            ModalBank bank = ModalBank.declare(scope.child("bank" + i),
                    ModalRecurrenceConfig.offsets(config.pairs(), i, filters),
                    ModalRecurrenceConfig.offsets(config.reals(), i, filters), config.smallestRadius(),
                    config.largestRadius(), false);
            banks.add(bank);
            int order = bank.modes().order();
            slots.add(new Slot.Fixed("modes" + i,
                    headWidth == 1 ? Shape.of(order) : Shape.of(order, headWidth, headWidth)));
        }
        this.output = Projection.outOf(scope.child("output"), at.width(), true, at);
        this.layout = new StateLayout(slots);
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        List<Tensor> slots = state.slots();
        Tensor[] next = new Tensor[slots.size()];
        GatedStreams.Split split = streams.apply(ops, in.x(), slots.getFirst());
        next[0] = split.history();
        Tensor read = headWidth == 1 ? channels(ops, split, slots, next) : heads(ops, split, slots, next);
        return new Mixed(output.apply(ops, read), state.next(next));
    }

    /** For i = N−1 … 1: v ← filter^i(v ⊙ x^i); then v ⊙ x⁰. */
    private Tensor channels(Ops ops, GatedStreams.Split split, List<Tensor> slots, Tensor[] next) {
        Tensor v = split.streams().getLast();
        for (int i = banks.size() - 1; i >= 0; i--) {
            ModalBank bank = banks.get(i);
            Scanned scanned = ops.modalConvolution(ops.multiply(v, split.streams().get(i + 1)), bank.modes(),
                    bank.passThrough(), slots.get(i + 1));
            v = scanned.y();
            next[i + 1] = scanned.state();
        }
        return ops.multiply(v, split.streams().getFirst());
    }

    /** The filter over outer products of keys and values, read by the query. */
    private Tensor heads(Ops ops, GatedStreams.Split split, List<Tensor> slots, Tensor[] next) {
        Shape flat = split.streams().getFirst().shape();
        Shape heads = Shape.of(flat.dim(0), flat.dim(1), filters, headWidth);
        ModalBank bank = banks.getFirst();
        Scanned scanned = ops.modalHeads(ops.reshape(split.streams().get(0), heads),
                ops.reshape(split.streams().get(1), heads), ops.reshape(split.streams().get(2), heads), bank.modes(),
                bank.passThrough(), slots.get(1));
        next[1] = scanned.state();
        return ops.reshape(scanned.y(), flat);
    }

    @Override
    public ModalBank bank(int index) {
        return banks.get(index);
    }

    /** Number of banks. */
    public int banks() {
        return banks.size();
    }

    /** Number of filters F of each bank. */
    public int filters() {
        return filters;
    }

    /** Number of channels that share a filter. */
    public int headWidth() {
        return headWidth;
    }

    /** The modes of a bank: the parameters themselves, which a conversion writes. */
    public Modes modes(int bank) {
        return banks.get(bank).modes();
    }

    /** h_0 of a bank [F]: the parameter itself. */
    public Tensor passThrough(int bank) {
        return banks.get(bank).passThrough();
    }
}
