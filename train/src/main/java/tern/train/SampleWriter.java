package tern.train;

import tern.model.SequenceModel;

/** Continues a prompt with a model in training, so that people can read how it is doing. */
@FunctionalInterface
public interface SampleWriter {
    /**
     * At most {@code tokens} tokens after the prompt, as text.
     *
     * @param seed the same seed and the same model give the same text
     */
    String continued(SequenceModel model, String prompt, int tokens, long seed);
}
