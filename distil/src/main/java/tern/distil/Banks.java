package tern.distil;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.modal.MixerOfParts;
import tern.mixers.modal.ModalBank;
import tern.mixers.modal.ModalBanks;
import tern.sequence.MixerConfig;
import tern.sequence.SequenceMixer;

/** The banks of filters of a branch, whether it is a long convolution itself or has them among its parts. Stateless. */
final class Banks {
    private Banks() {
    }

    /**
     * A bank of a teacher.
     *
     * @param mixer whose it is
     * @param index among the mixer's
     * @param uses how many states of the mixer the branch holds
     */
    record Bank(LongConvolutionMixer mixer, int index, int uses) {
    }

    /** All banks of a branch, part by part. */
    static List<Bank> of(SequenceMixer branch) {
        List<Bank> all = new ArrayList<>();
        collect(branch, 1, all);
        return all;
    }

    private static void collect(SequenceMixer mixer, int uses, List<Bank> into) {
        if (isConvolution(mixer)) {
            LongConvolutionMixer own = (LongConvolutionMixer) mixer;
            for (int bank = 0; bank < own.banks(); bank++) {
                into.add(new Bank(own, bank, uses));
            }
        } else if (mixer instanceof MixerOfParts whole) {
            whole.parts().forEach(part -> collect(part, uses * whole.uses(), into));
        }
    }

    private static boolean isConvolution(SequenceMixer mixer) {
        return mixer instanceof LongConvolutionMixer convolution && convolution.banks() > 0;
    }

    /** The banks of what a branch has become, in the order of those of its teacher. */
    static List<ModalBank> modal(SequenceMixer teacher, SequenceMixer student) {
        List<ModalBank> all = new ArrayList<>();
        collect(teacher, student, all);
        return all;
    }

    private static void collect(SequenceMixer teacher, SequenceMixer student, List<ModalBank> into) {
        if (isConvolution(teacher)) {
            for (int bank = 0; bank < ((LongConvolutionMixer) teacher).banks(); bank++) {
                into.add(((ModalBanks) student).bank(bank));
            }
        } else if (teacher instanceof MixerOfParts whole) {
            List<SequenceMixer> parts = ((MixerOfParts) student).parts();
            for (int i = 0; i < parts.size(); i++) {
                collect(whole.parts().get(i), parts.get(i), into);
            }
        }
    }

    /**
     * What a branch becomes; empty if it has no banks.
     *
     * @param pairs number of conjugate pairs of each filter of all banks; what was used is taken off the front
     * @param reals number of real poles, likewise
     */
    static Optional<MixerConfig> replaced(SequenceMixer mixer, List<Integer> pairs, List<Integer> reals) {
        if (isConvolution(mixer)) {
            LongConvolutionMixer own = (LongConvolutionMixer) mixer;
            int count = own.banks() * own.filters();
            return Optional.of(own.modal(taken(pairs, count), taken(reals, count)));
        }
        if (!(mixer instanceof MixerOfParts whole)) {
            return Optional.empty();
        }
        List<Optional<MixerConfig>> parts = new ArrayList<>();
        whole.parts().forEach(part -> parts.add(replaced(part, pairs, reals)));
        return parts.stream().anyMatch(Optional::isPresent) ? Optional.of(whole.with(parts)) : Optional.empty();
    }

    private static List<Integer> taken(List<Integer> from, int count) {
        List<Integer> first = List.copyOf(from.subList(0, count));
        from.subList(0, count).clear();
        return first;
    }
}
