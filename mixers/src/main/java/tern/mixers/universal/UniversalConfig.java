package tern.mixers.universal;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * A block used several times.
 *
 * @param attention a, or any causal mixer of the past
 * @param transition f, a channel mixer
 * @param steps T, the most that a position takes
 * @param epsilon ε: a position halts when its weights come to more than 1 − ε; 0.01 is usual
 */
public record UniversalConfig(MixerConfig attention, MixerConfig transition, int steps,
        double epsilon) implements MixerConfig {
    /** Checks the numbers. */
    public UniversalConfig {
        Expect.atLeast("universal", "steps", steps, 1, "1 = an ordinary layer, 4 to 8 is usual");
        Expect.within("universal", "epsilon", epsilon, 0, 0.5, "0.01 is usual");
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Universal(this, at, scope);
    }
}
