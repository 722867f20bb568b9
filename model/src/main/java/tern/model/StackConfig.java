package tern.model;

import java.util.List;
import java.util.Optional;

import tern.ops.Dropped;
import tern.sequence.MixerConfig;

/**
 * An architecture as data: residual branches over an embedding. Saved as JSON with the model. Immutable.
 *
 * @param vocabulary number of token identifiers; 256 for bytes
 * @param width D of the residual stream
 * @param context number of positions trained on at a time, and the length of filter tables
 * @param norm normalisation in front of every branch and of the head
 * @param epsilon added under the root in every normalisation
 * @param epsilons those of the branches' norms and, last, of the head's, where they are not all {@code epsilon}: a checkpoint
 *            whose residual stream was halved on the way is the same model with larger ones
 * @param embeddingNorm normalisation of the embedded tokens before the first branch (RWKV's ln0), if any
 * @param tiedHead whether the head shares the embedding's table
 * @param branches the mixers, from the bottom
 * @param features number of real values that a position is read as, by a projection x·w + b, in place of a token; the
 *            vocabulary is then that of the head alone
 * @param readout the head, where it does not name the next token
 * @param logitCap logits pass cap·tanh(·/cap), where there is one (xLSTM, RecurrentGemma: 30)
 * @param embeddingScale what rows of the table of tokens, which start with deviation 1/√width, are multiplied by when they are
 *            looked up (Mega: √width); as they are if absent
 * @param dropout share of the embedded tokens, of what each branch adds and of what the head reads that is left out in
 *            training, from 0 to below 1 (Srivastava et al. 2014; GPT-2's embedding and residual dropout); none if absent
 */
public record StackConfig(int vocabulary, int width, int context, NormKind norm, double epsilon,
        Optional<List<Double>> epsilons, Optional<NormKind> embeddingNorm, boolean tiedHead,
        List<MixerConfig> branches, Optional<Integer> features, Optional<HeadConfig> readout,
        Optional<Double> logitCap, Optional<Double> embeddingScale, Optional<Double> dropout) {
    /** Checks ranges. */
    public StackConfig {
        requirePositive("vocabulary", vocabulary);
        requirePositive("width", width);
        requirePositive("context", context);
        if (!(epsilon > 0 && epsilon < 1)) {
            throw new IllegalArgumentException(
                    "stack: epsilon is " + epsilon + ", expected a small number above 0, such as 1e-5");
        }
        if (branches.isEmpty()) {
            throw new IllegalArgumentException("stack: there are no branches, expected at least one");
        }
        features.ifPresent(count -> requirePositive("features", count));
        if (tiedHead && features.isPresent() && readout.isEmpty()) {
            throw new IllegalArgumentException(
                    "stack: tiedHead is true, but a stack that reads real values has no table"
                            + " of tokens to share; set tiedHead=false");
        }
        logitCap.ifPresent(cap -> {
            if (!(cap > 0 && Double.isFinite(cap))) {
                throw new IllegalArgumentException(
                        "stack: logitCap is " + cap + ", expected a number above 0; leave it out for no cap");
            }
        });
        if (embeddingScale.isPresent() && !(embeddingScale.get() > 0 && features.isEmpty())) {
            throw new IllegalArgumentException("stack: embeddingScale is " + embeddingScale.get()
                    + ", expected a number above 0, in a stack that reads tokens");
        }
        dropout.ifPresent(Dropped::at);
        branches = List.copyOf(branches);
        epsilons = epsilons.map(List::copyOf);
        if (epsilons.isPresent() && epsilons.get().size() != branches.size() + 1) {
            throw new IllegalArgumentException("stack: there are " + epsilons.get().size() + " epsilons, expected "
                    + (branches.size() + 1) + ", one for each branch and one for the head");
        }
    }

    /** Epsilon of the norm in front of a branch; that of the head for the number of branches. */
    public double epsilonOf(int branch) {
        return epsilons.isPresent() ? epsilons.get().get(branch) : epsilon;
    }

    /** A stack that is trained without dropout. */
    public StackConfig(int vocabulary, int width, int context, NormKind norm, double epsilon,
            Optional<List<Double>> epsilons, Optional<NormKind> embeddingNorm, boolean tiedHead,
            List<MixerConfig> branches, Optional<Integer> features, Optional<HeadConfig> readout,
            Optional<Double> logitCap, Optional<Double> embeddingScale) {
        this(vocabulary, width, context, norm, epsilon, epsilons, embeddingNorm, tiedHead, branches, features, readout,
                logitCap, embeddingScale, Optional.empty());
    }

    /** A stack whose embedding is taken as it is. */
    public StackConfig(int vocabulary, int width, int context, NormKind norm, double epsilon,
            Optional<List<Double>> epsilons, Optional<NormKind> embeddingNorm, boolean tiedHead,
            List<MixerConfig> branches, Optional<Integer> features, Optional<HeadConfig> readout,
            Optional<Double> logitCap) {
        this(vocabulary, width, context, norm, epsilon, epsilons, embeddingNorm, tiedHead, branches, features, readout,
                logitCap, Optional.empty());
    }

    /** A stack whose logits are as they come. */
    public StackConfig(int vocabulary, int width, int context, NormKind norm, double epsilon,
            Optional<List<Double>> epsilons, Optional<NormKind> embeddingNorm, boolean tiedHead,
            List<MixerConfig> branches, Optional<Integer> features, Optional<HeadConfig> readout) {
        this(vocabulary, width, context, norm, epsilon, epsilons, embeddingNorm, tiedHead, branches, features, readout,
                Optional.empty());
    }

    /** A stack from tokens to next tokens. */
    public StackConfig(int vocabulary, int width, int context, NormKind norm, double epsilon,
            Optional<List<Double>> epsilons, Optional<NormKind> embeddingNorm, boolean tiedHead,
            List<MixerConfig> branches) {
        this(vocabulary, width, context, norm, epsilon, epsilons, embeddingNorm, tiedHead, branches, Optional.empty(),
                Optional.empty());
    }

    /** A stack whose embedding is not normalised. */
    public StackConfig(int vocabulary, int width, int context, NormKind norm, double epsilon, boolean tiedHead,
            List<MixerConfig> branches) {
        this(vocabulary, width, context, norm, epsilon, Optional.empty(), Optional.empty(), tiedHead, branches);
    }

    private static void requirePositive(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException("stack: " + name + " is " + value + ", expected 1 or more");
        }
    }

    /** A byte-level stack with RMS norms and a tied head. */
    public static StackConfig of(int width, int context, List<MixerConfig> branches) {
        return new StackConfig(256, width, context, NormKind.RMS, 1e-5, true, branches);
    }

    /** The same stack with other branches. */
    public StackConfig withBranches(List<MixerConfig> others) {
        return new StackConfig(vocabulary, width, context, norm, epsilon, epsilons, embeddingNorm, tiedHead, others,
                features, readout, logitCap, embeddingScale, dropout);
    }

    /**
     * The same branches between other ends: what is read and what is said. Scales of embeddings and caps of logits stay where
     * there are embeddings and logits.
     */
    public StackConfig withEnds(int tokens, int positions, boolean tied, Optional<Integer> values,
            Optional<HeadConfig> head) {
        return new StackConfig(tokens, width, positions, norm, epsilon, epsilons, embeddingNorm, tied, branches, values,
                head, head.isEmpty() ? logitCap : Optional.empty(),
                values.isEmpty() ? embeddingScale : Optional.empty(), dropout);
    }

    /** The same stack whose logits pass cap·tanh(·/cap). */
    public StackConfig withLogitCap(double cap) {
        return new StackConfig(vocabulary, width, context, norm, epsilon, epsilons, embeddingNorm, tiedHead, branches,
                features, readout, Optional.of(cap), embeddingScale, dropout);
    }

    /** The same stack, trained without a share of its numbers. */
    public StackConfig withDropout(double rate) {
        return new StackConfig(vocabulary, width, context, norm, epsilon, epsilons, embeddingNorm, tiedHead, branches,
                features, readout, logitCap, embeddingScale, Optional.of(rate));
    }

    /** Whether this is a language model: reads tokens and names the next one. */
    public boolean generates() {
        return features.isEmpty() && readout.isEmpty();
    }
}
