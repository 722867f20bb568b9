package tern.train;

import tern.model.SequenceModel;
import tern.ops.Ops;
import tern.tasks.Answer;
import tern.tasks.Task;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** What a model is trained for. */
public enum Objective {
    /** Negative log-likelihood of symbols or classes, those that are ignored left out. */
    CROSS_ENTROPY {
        @Override
        Tensor losses(Ops ops, SequenceModel model, Tensor rows, Tensor answers, double wrap) {
            return model.crossEntropy(ops, rows, answers, wrap);
        }
    },
    /** Squared differences from numbers. */
    SQUARED_ERROR {
        @Override
        Tensor losses(Ops ops, SequenceModel model, Tensor rows, Tensor answers, double wrap) {
            Tensor said = model.outputs(ops, rows);
            if (!said.shape().equals(answers.shape())) {
                throw new IllegalArgumentException("objective: the head says " + said.shape() + " where "
                        + answers.shape() + " is asked for; give the model a head with as many outputs");
            }
            Tensor difference = ops.add(said, ops.scale(answers, -1));
            return ops.multiply(difference, difference);
        }
    };

    /** The one that a task is learnt by. */
    public static Objective of(Task task) {
        return switch (task.answer()) {
            case Answer.Symbols symbols -> CROSS_ENTROPY;
            case Answer.Classes classes -> CROSS_ENTROPY;
            case Answer.Numbers numbers -> SQUARED_ERROR;
        };
    }

    /**
     * The loss of every answer.
     *
     * @param rows what the head's matrix reads [R,·]
     * @param answers {@link DType#I32} [R], negative where nothing is scored; or numbers [R,outputs]
     * @param wrap see {@link TrainingConfig#l2Wrap}; nothing for numbers
     */
    abstract Tensor losses(Ops ops, SequenceModel model, Tensor rows, Tensor answers, double wrap);
}
