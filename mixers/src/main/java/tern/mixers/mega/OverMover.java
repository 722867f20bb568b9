package tern.mixers.mega;

import java.util.List;
import java.util.Optional;

import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.modal.ModalBank;
import tern.mixers.modal.ModalBanks;
import tern.ops.Ops;
import tern.sequence.MixerConfig;
import tern.sequence.SequenceMixer;
import tern.tensor.Tensor;

/**
 * A mixer with another one in front of its attention, the mover. Its filters are those of the mover, if that has any; keys and
 * values of a chunk stay what they are.
 */
public interface OverMover extends LongConvolutionMixer, ModalBanks {
    /** What stands in front of the attention. */
    SequenceMixer mover();

    /** What this mixer is over another mover. */
    MixerConfig over(MixerConfig other);

    private LongConvolutionMixer convolution() {
        return (LongConvolutionMixer) mover();
    }

    @Override
    default int banks() {
        return mover() instanceof LongConvolutionMixer linear ? linear.banks() : 0;
    }

    @Override
    default int filters() {
        return convolution().filters();
    }

    @Override
    default int headWidth() {
        return convolution().headWidth();
    }

    @Override
    default Tensor taps(Ops ops, int of) {
        return convolution().taps(ops, of);
    }

    @Override
    default Tensor skip(int of) {
        return convolution().skip(of);
    }

    @Override
    default Optional<Tensor> offset(Ops ops, int of) {
        return convolution().offset(ops, of);
    }

    @Override
    default MixerConfig modal(List<Integer> pairs, List<Integer> reals) {
        return over(convolution().modal(pairs, reals));
    }

    @Override
    default ModalBank bank(int index) {
        return ((ModalBanks) mover()).bank(index);
    }
}
