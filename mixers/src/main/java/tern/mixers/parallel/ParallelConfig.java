package tern.mixers.parallel;

import java.util.List;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Mixers side by side.
 *
 * @param parts the mixers, all causal and without wires to other branches
 */
public record ParallelConfig(List<ParallelPart> parts) implements MixerConfig {
    /** Checks that there are parts, all of one mind about norms. */
    public ParallelConfig {
        parts = List.copyOf(parts);
        Expect.that(!parts.isEmpty(), "parallel: there are no parts, expected one or more mixers");
        for (ParallelPart part : parts) {
            Expect.that(Double.isFinite(part.in()) && Double.isFinite(part.out()), "parallel: a part is multiplied by "
                    + part.in() + " and " + part.out() + ", expected finite numbers, 1 for nothing");
            Expect.that(part.mixer().readsNormalised(), "parallel: the part " + part.mixer()
                    + " reads the residual stream as it is; expected mixers that read it normalised");
        }
    }

    /** Parts multiplied by nothing. */
    public static ParallelConfig of(MixerConfig... mixers) {
        return new ParallelConfig(List.of(mixers).stream().map(ParallelPart::of).toList());
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Parallel(this, at, scope);
    }
}
