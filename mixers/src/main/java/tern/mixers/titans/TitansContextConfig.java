package tern.mixers.titans;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * A memory that learns while it reads, and what it remembers as a context of attention.
 *
 * @param heads H of memory and attention, divides the width
 * @param segment C, positions that attention reads together; gradients of the memory are taken where it begins
 * @param shortFilter taps of the filter over what the memory learns and is asked
 * @param persistent rows that every query reads besides, the same for all inputs; 0 for none
 */
public record TitansContextConfig(int heads, int segment, int shortFilter, int persistent) implements MixerConfig {
    /** Checks the numbers. */
    public TitansContextConfig {
        Expect.atLeast("titans-context", "heads", heads, 1, "width/64 is usual");
        Expect.atLeast("titans-context", "segment", segment, 1, "64 to 512 is usual");
        Expect.atLeast("titans-context", "shortFilter", shortFilter, 2, "4 is usual");
        Expect.atLeast("titans-context", "persistent", persistent, 0, "4 to 16 is usual, 0 = none");
    }

    /** The usual filter and four persistent rows. */
    public static TitansContextConfig of(int heads, int segment) {
        return new TitansContextConfig(heads, segment, 4, 4);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new TitansContext(this, Expect.divides("titans-context", "heads", heads, "width", at.width()), at,
                scope);
    }
}
