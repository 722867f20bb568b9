package tern.mixers.titans;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * A memory that learns while it reads.
 *
 * @param heads H, divides the width; each has a memory of its own
 * @param chunk positions whose gradients are taken at one memory; 1 for the newest each time
 * @param shortFilter taps of the filter over q, k and v
 * @param arrangement of memory and attention
 * @param window positions of a chunk of attention; not read without attention
 */
public record TitansConfig(int heads, int chunk, int shortFilter, Arrangement arrangement,
        int window) implements MixerConfig {
    /** Where attention stands. */
    public enum Arrangement {
        /** Nowhere. */
        MEMORY,
        /** Beside the memory, which gates it. */
        GATE,
        /** Above the memory. */
        LAYER
    }

    /** Checks the numbers. */
    public TitansConfig {
        Expect.atLeast("titans", "heads", heads, 1, "width/64 is usual");
        Expect.atLeast("titans", "chunk", chunk, 1, "1 = every gradient at the newest memory, 16 to 64 is usual");
        Expect.atLeast("titans", "shortFilter", shortFilter, 2, "4 is usual");
        Expect.that(arrangement == Arrangement.MEMORY || window >= 1, "titans: window is " + window
                + ", expected 1 or more positions for attention; choose the arrangement MEMORY to have none");
    }

    /** Memory alone. */
    public static TitansConfig memory(int heads) {
        return new TitansConfig(heads, 16, 4, Arrangement.MEMORY, 0);
    }

    /** Memory as a gate. */
    public static TitansConfig gate(int heads, int window) {
        return new TitansConfig(heads, 16, 4, Arrangement.GATE, window);
    }

    /** Memory as a layer. */
    public static TitansConfig layer(int heads, int window) {
        return new TitansConfig(heads, 16, 4, Arrangement.LAYER, window);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Titans(this, Expect.divides("titans", "heads", heads, "width", at.width()), at, scope);
    }
}
