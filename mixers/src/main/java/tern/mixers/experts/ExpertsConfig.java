package tern.mixers.experts;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.ops.Activation;
import tern.sequence.BranchContext;
import tern.sequence.ChannelMixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * A mixture of experts.
 *
 * @param experts E
 * @param chosen k, how many of them a position uses
 * @param inner number of channels between an expert's projections
 * @param activation f of an expert
 * @param gated whether f gates a second projection, as in SwiGLU
 * @param scoring how scores become weights
 * @param corrected whether a correction is added to scores where experts are chosen
 * @param renormalise ε, added to the sum of the chosen weights by which they are divided; absent if they are not
 * @param scale what the sum over the chosen is multiplied by, usually 1
 * @param shared the expert that every position uses, if there is one
 * @param balance what training pays for uneven use, if anything: so many times E Σ_e f_e P_e, f_e the share of choices that fell on an
 *            expert and P_e its mean share of scores, which is 1 where use is even (arXiv 2101.03961, section 2.2); 0.01 is usual
 */
public record ExpertsConfig(int experts, int chosen, int inner, Activation activation, boolean gated, Scoring scoring,
        boolean corrected, Optional<Double> renormalise, double scale, Optional<SharedExpert> shared,
        Optional<Double> balance) implements ChannelMixerConfig {
    /** How scores become weights. */
    public enum Scoring {
        /** e^s over the sum of all experts' (Qwen3-Next). */
        SOFTMAX,
        /** σ(s), each expert by itself (LFM2, Nemotron-H). */
        SIGMOID
    }

    /** Checks the numbers. */
    public ExpertsConfig {
        Expect.atLeast("experts", "experts", experts, 1, "8 to 512 is usual");
        Expect.atLeast("experts", "chosen", chosen, 1, "2 to 10 is usual");
        Expect.that(chosen <= experts, "experts: chosen is " + chosen + ", expected at most the " + experts
                + " experts that there are");
        Expect.atLeast("experts", "inner", inner, 1, "as wide as leaves the chosen together as wide as a plain layer");
        Expect.that(scale > 0 && Double.isFinite(scale),
                "experts: scale is " + scale + ", expected a number above 0, 1 for nothing");
        Expect.that(renormalise.isEmpty() || renormalise.get() >= 0,
                "experts: renormalise is " + renormalise + ", expected 0 or a tiny number, or none");
        balance.ifPresent(factor -> Expect.within("experts", "balance", factor, 0, 100, "0.01 is usual"));
        shared.ifPresent(
                one -> Expect.atLeast("experts", "shared.inner", one.inner(), 1, "that of an expert is usual"));
    }

    /** Training pays nothing for uneven use. */
    public ExpertsConfig(int experts, int chosen, int inner, Activation activation, boolean gated, Scoring scoring,
            boolean corrected, Optional<Double> renormalise, double scale, Optional<SharedExpert> shared) {
        this(experts, chosen, inner, activation, gated, scoring, corrected, renormalise, scale, shared,
                Optional.empty());
    }

    /** The same where training pays for uneven use. */
    public ExpertsConfig withBalance(double factor) {
        return new ExpertsConfig(experts, chosen, inner, activation, gated, scoring, corrected, renormalise, scale,
                shared,
                Optional.of(factor));
    }

    /** SwiGLU experts under a softmax, weights of the chosen summing to 1, and a gated shared expert (Qwen3-Next). */
    public static ExpertsConfig of(int experts, int chosen, int inner) {
        return new ExpertsConfig(experts, chosen, inner, Activation.SILU, true, Scoring.SOFTMAX, false,
                Optional.of(0.0), 1, Optional.of(new SharedExpert(inner, true)));
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Experts(this, at, scope);
    }
}
