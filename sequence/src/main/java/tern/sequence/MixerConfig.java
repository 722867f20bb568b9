package tern.sequence;

/**
 * What a mixer is, as data: a record that checks itself, is saved as JSON with the model, and builds the mixer. Open for
 * new kinds; the catalogue of mixers maps each kind's name to its record.
 */
public interface MixerConfig {
    /**
     * Declares the parameters in the scope and gives back the mixer.
     *
     * @throws IllegalArgumentException if the config does not fit the stack, such as heads that do not divide the width
     */
    SequenceMixer build(BranchContext at, ParameterScope scope);

    /**
     * Whether the stack normalises what the mixer reads. One that does not want it reads the residual stream itself, and
     * its branch has no parameters for a norm.
     */
    default boolean readsNormalised() {
        return true;
    }
}
