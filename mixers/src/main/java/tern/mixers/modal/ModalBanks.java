package tern.mixers.modal;

import tern.sequence.SequenceMixer;

/** A mixer whose long memory is banks of modes: what a {@link LongConvolutionMixer} becomes. */
public interface ModalBanks extends SequenceMixer {
    /** One bank: its tensors are the parameters themselves, which a conversion writes. */
    ModalBank bank(int index);
}
