package tern.mixers.modal;

import java.util.List;
import java.util.Optional;

import tern.ops.Ops;
import tern.sequence.MixerConfig;
import tern.sequence.SequenceMixer;
import tern.tensor.Tensor;

/**
 * A mixer with another one in front of its attention or its output, the mover. Its filters are those of the mover, if that has
 * any; what else it has stays what it is.
 */
public interface OverMover extends MixerOfParts, LongConvolutionMixer, ModalBanks {
    /** What stands in front. */
    SequenceMixer mover();

    /** What this mixer is over another mover. */
    MixerConfig over(MixerConfig other);

    @Override
    default List<SequenceMixer> parts() {
        return List.of(mover());
    }

    @Override
    default MixerConfig with(List<Optional<MixerConfig>> others) {
        return over(others.getFirst().orElseThrow());
    }

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
