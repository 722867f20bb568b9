package tern.mixers.modal;

import java.util.List;
import java.util.Optional;

import tern.ops.Ops;
import tern.sequence.MixerConfig;
import tern.sequence.SequenceMixer;
import tern.tensor.Tensor;

/**
 * A mixer whose only long memory is one or more banks of causal filters, however it computes them, so that distillation can
 * read them and say what replaces it, without knowing which mixer it is. Everything but the banks carries over to
 * {@link #modal} under the same parameter names.
 */
public interface LongConvolutionMixer extends SequenceMixer {
    /** Number of banks; 0 if this one's memory is not of that kind after all, and nothing else may be asked. */
    int banks();

    /** Number of filters F of each bank. */
    int filters();

    /** Number of channels that share a filter; above 1, filters act on outer products of keys and values. */
    int headWidth();

    /**
     * The trained filters of a bank, [L,F], lag outermost. Tap 0 is not all that the newest input contributes: {@link #skip}
     * comes on top.
     */
    Tensor taps(Ops ops, int bank);

    /** What the newest input contributes besides tap 0, [F]: the pass-through of the modal form is {@code taps[0] + skip}. */
    Tensor skip(int bank);

    /** What is added to a bank's outputs whatever was read [F], once the filters' first L positions are over; if anything. */
    default Optional<Tensor> offset(Ops ops, int bank) {
        return Optional.empty();
    }

    /**
     * The recurrence that takes this mixer's place; a {@link ModalBanks} when it is built.
     *
     * @param pairs number of conjugate pairs of each filter, bank by bank: {@code banks·F} entries, or one for all
     * @param reals number of real poles of each filter, likewise
     */
    MixerConfig modal(List<Integer> pairs, List<Integer> reals);
}
