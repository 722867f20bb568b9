package tern.mixers.hyena;

import java.util.List;

import tern.mixers.modal.ModalRecurrenceConfig;
import tern.ops.Ops;
import tern.sequence.SequenceMixer;
import tern.tensor.Tensor;

/**
 * A mixer whose only long memory is one or more banks of causal filters, so that distillation can read them and say what
 * replaces it, without knowing which mixer it is. Everything but the banks carries over to {@link #modal} under the same
 * parameter names.
 */
public interface LongConvolutionMixer extends SequenceMixer {
    /** Number of banks, 1 or more. */
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

    /**
     * The recurrence that takes this mixer's place.
     *
     * @param pairs number of conjugate pairs of each filter, bank by bank: {@code banks·F} entries, or one for all
     * @param reals number of real poles of each filter, likewise
     */
    ModalRecurrenceConfig modal(List<Integer> pairs, List<Integer> reals);
}
