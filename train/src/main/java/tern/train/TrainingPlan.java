package tern.train;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

import tern.model.StackConfig;
import tern.text.SplitData;
import tern.text.Tokenizer;

/**
 * What a training run is to do. Immutable.
 *
 * @param name what the architecture is called, for reports
 * @param architecture the model
 * @param from a model of this architecture, of any format that {@link tern.checkpoint.Checkpoint} opens, whose weights the run
 *            begins with; what its weights do not depend on, such as the context, may be another. Drawn from the seed where
 *            absent
 * @param states whether the weights of {@code from} stand still and what the heads of an RWKV remember before the first token is
 *            trained; the folder then holds {@code state.safetensors} in place of models
 * @param tokenizer stored with the model
 * @param training the run's numbers
 * @param budget how long
 * @param data to train and validate on; outlives the run
 * @param files where the data came from, as given
 * @param folder where everything is saved
 * @param resume whether to go on with the run that the folder holds
 * @param sampleTokens length of the text written after each validation; 0 for none
 */
public record TrainingPlan(String name, StackConfig architecture, Optional<Path> from, boolean states,
        Tokenizer tokenizer,
        TrainingConfig training,
        Budget budget, SplitData data, List<String> files, Path folder, boolean resume, int sampleTokens) {
    /** Checks that the parts fit each other. */
    public TrainingPlan {
        files = List.copyOf(files);
        if (training.time() > architecture.context()) {
            throw new IllegalArgumentException("training: time is " + training.time() + " but the context of " + name
                    + " is " + architecture.context() + "; set context=" + training.time() + " too");
        }
        if (tokenizer.vocabulary() > architecture.vocabulary()) {
            throw new IllegalArgumentException("training: the tokenizer has " + tokenizer.vocabulary()
                    + " symbols but the vocabulary of " + name + " is " + architecture.vocabulary()
                    + "; choose another tokenizer, or a model with a vocabulary of at least as many");
        }
        if (states && from.isEmpty()) {
            throw new IllegalArgumentException(
                    "training: there are no weights whose states could be tuned; name a model to"
                            + " begin with");
        }
        if (sampleTokens < 0) {
            throw new IllegalArgumentException("training: sampleTokens is " + sampleTokens + ", expected 0 or more");
        }
    }
}
