package tern.mixers.universal;

import java.util.Optional;

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
 * @param ponder what training pays for steps, if anything: so many times the mean of n + R over positions, n the steps that a position
 *            takes and R what is left for its last (Graves 2016, arXiv 1603.08983, section 2.1); 0.01 is usual
 */
public record UniversalConfig(MixerConfig attention, MixerConfig transition, int steps, double epsilon,
        Optional<Double> ponder) implements MixerConfig {
    /** Checks the numbers. */
    public UniversalConfig {
        Expect.atLeast("universal", "steps", steps, 1, "1 = an ordinary layer, 4 to 8 is usual");
        Expect.within("universal", "epsilon", epsilon, 0, 0.5, "0.01 is usual");
        ponder.ifPresent(factor -> Expect.within("universal", "ponder", factor, 0, 100, "0.01 is usual"));
    }

    /** Training pays nothing for steps. */
    public UniversalConfig(MixerConfig attention, MixerConfig transition, int steps, double epsilon) {
        this(attention, transition, steps, epsilon, Optional.empty());
    }

    /** The same where training pays for steps. */
    public UniversalConfig withPonder(double factor) {
        return new UniversalConfig(attention, transition, steps, epsilon, Optional.of(factor));
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Universal(this, at, scope);
    }
}
