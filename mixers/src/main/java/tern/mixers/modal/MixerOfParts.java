package tern.mixers.modal;

import java.util.List;
import java.util.Optional;

import tern.sequence.CompositeMixer;
import tern.sequence.MixerConfig;
import tern.sequence.SequenceMixer;

/** A mixer made of others, any of which may be a long convolution that distillation replaces without touching the rest. */
public interface MixerOfParts extends CompositeMixer {
    /** The mixers it is made of, in the order of its configuration. */
    List<SequenceMixer> parts();

    /**
     * What this mixer is with other parts.
     *
     * @param others an entry for each part, empty where it stays
     */
    MixerConfig with(List<Optional<MixerConfig>> others);

    /** How many states of each part this mixer's state holds: more than 1 where a part is used several times. */
    default int uses() {
        return 1;
    }
}
