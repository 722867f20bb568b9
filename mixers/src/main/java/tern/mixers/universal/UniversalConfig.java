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
 * @param epsilon ε: a position halts when its weights come to more than 1 − ε; 0.01 is usual, 1 is one step for all
 * @param ponder what training pays for steps, if anything: so many times the mean of n + R over positions, n the steps that a position
 *            takes and R what is left for its last (Graves 2016, arXiv 1603.08983, section 2.1); 0.01 is usual
 * @param blend what the states of a position's steps become; {@link Blend#SUM} where absent
 */
public record UniversalConfig(MixerConfig attention, MixerConfig transition, int steps, double epsilon,
        Optional<Double> ponder, Optional<Blend> blend) implements MixerConfig {
    private static final int MOST_STEPS = 1 << 10;

    /** What the states of a position's steps become. */
    public enum Blend {
        /** Σ ω_τ s^τ (Graves 2016). */
        SUM,
        /** out ← ω_τ s^τ + (1 − ω_τ) out from 0, as the released code has it: other weights, which need not come to 1. */
        RECURSIVE
    }

    /** Checks the numbers. */
    public UniversalConfig {
        Expect.atLeast("universal", "steps", steps, 1, "1 = an ordinary layer, 4 to 8 is usual");
        Expect.that(steps <= MOST_STEPS, "universal: steps is " + steps + ", expected " + MOST_STEPS
                + " or less, since each has a state of its own (4 to 8 is usual)");
        Expect.within("universal", "epsilon", epsilon, 0, 1, "0.01 is usual");
        ponder.ifPresent(factor -> Expect.that(factor >= 0 && factor <= 100, "universal: ponder is " + factor
                + ", expected 0 to 100 (0.01 is usual, 0 = nothing)"));
    }

    /** Training pays nothing for steps. */
    public UniversalConfig(MixerConfig attention, MixerConfig transition, int steps, double epsilon) {
        this(attention, transition, steps, epsilon, Optional.empty(), Optional.empty());
    }

    /** The same where training pays for steps. */
    public UniversalConfig withPonder(double factor) {
        return new UniversalConfig(attention, transition, steps, epsilon, Optional.of(factor), blend);
    }

    /** The same with states blended in another way. */
    public UniversalConfig withBlend(Blend other) {
        return new UniversalConfig(attention, transition, steps, epsilon, ponder, Optional.of(other));
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Universal(this, at, scope);
    }
}
