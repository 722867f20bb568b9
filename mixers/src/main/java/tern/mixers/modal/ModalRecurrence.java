package tern.mixers.modal;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

import tern.mixers.parts.GatedStreams;
import tern.mixers.parts.Projection;
import tern.ops.Modes;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
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
public final class ModalRecurrence implements SequenceMixer {
    private final int headWidth;
    private final int filters;
    private final GatedStreams streams;
    private final List<Bank> banks = new ArrayList<>();
    private final Projection output;
    private final StateLayout layout;

    private record Bank(Modes modes, Tensor passThrough) {
    }

    ModalRecurrence(ModalRecurrenceConfig config, BranchContext at, ParameterScope scope) {
        this.headWidth = config.headWidth();
        this.filters = at.width() / headWidth;
        this.streams = new GatedStreams(scope, config.order() + 1, at.width(), config.shortFilter());
        List<Slot> slots = new ArrayList<>();
        slots.add(streams.slot());
        for (int i = 0; i < config.banks(); i++) {
            Bank bank = bank(config, i, scope.child("bank" + i));
            banks.add(bank);
            int order = bank.modes().order();
            slots.add(new Slot.Fixed("modes" + i,
                    headWidth == 1 ? Shape.of(order) : Shape.of(order, headWidth, headWidth)));
        }
        this.output = Projection.outOf(scope.child("output"), at.width(), true, at);
        this.layout = new StateLayout(slots);
    }

    private Bank bank(ModalRecurrenceConfig config, int index, ParameterScope scope) {
        int[] pairStart = ModalRecurrenceConfig.offsets(config.pairs(), index, filters);
        int[] realStart = ModalRecurrenceConfig.offsets(config.reals(), index, filters);
        Shape pairs = Shape.of(pairStart[filters]);
        Shape reals = Shape.of(realStart[filters]);
        Initialiser decay = (parameter, random) -> fillDecay(parameter, random, config);
        Initialiser pairResidue = (parameter, random) -> fillResidues(parameter, random, pairStart, pairStart,
                realStart);
        Initialiser realResidue = (parameter, random) -> fillResidues(parameter, random, realStart, pairStart,
                realStart);
        Modes modes = new Modes(scope.parameter("decay", pairs, Role.FILTER, decay),
                scope.parameter("phase", pairs, Role.FILTER, Initialiser.uniform(0, 2 * Math.PI)),
                scope.parameter("residueReal", pairs, Role.FILTER, pairResidue),
                scope.parameter("residueImaginary", pairs, Role.FILTER, pairResidue),
                scope.parameter("realDecay", reals, Role.FILTER, decay),
                scope.parameter("realSign", reals, Role.BUFFER, Initialiser.constant(1)),
                scope.parameter("realResidue", reals, Role.FILTER, realResidue), pairStart, realStart);
        return new Bank(modes, scope.parameter("passThrough", Shape.of(filters), Role.FILTER, Initialiser.constant(1)));
    }

    /** ν = ln(−ln r) with the radius r uniform between the config's bounds. */
    private static void fillDecay(Tensor parameter, RandomGenerator random, ModalRecurrenceConfig config) {
        for (long i = 0; i < parameter.elements(); i++) {
            double radius = config.smallestRadius()
                    + (config.largestRadius() - config.smallestRadius()) * random.nextDouble();
            parameter.set(i, Math.log(-Math.log(radius)));
        }
    }

    /** Variance 1/(number of modes of the filter), so that filters of all orders start equally loud. */
    private static void fillResidues(Tensor parameter, RandomGenerator random, int[] start, int[] pairStart,
            int[] realStart) {
        for (int f = 0; f < start.length - 1; f++) {
            int modes = pairStart[f + 1] - pairStart[f] + realStart[f + 1] - realStart[f];
            for (int i = start[f]; i < start[f + 1]; i++) {
                parameter.set(i, random.nextGaussian() / Math.sqrt(modes));
            }
        }
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
            Bank bank = banks.get(i);
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
        Bank bank = banks.getFirst();
        Scanned scanned = ops.modalHeads(ops.reshape(split.streams().get(0), heads),
                ops.reshape(split.streams().get(1), heads), ops.reshape(split.streams().get(2), heads), bank.modes(),
                bank.passThrough(), slots.get(1));
        next[1] = scanned.state();
        return ops.reshape(scanned.y(), flat);
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
