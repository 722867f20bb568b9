package tern.cli.compare;

import java.util.List;

import tern.train.TaskRun;

/**
 * What came of one architecture on one seed.
 *
 * @param preset as it was asked for
 * @param parameters trained values
 * @param causal whether it can read position by position
 * @param stateFloats numbers that it remembers of one sequence of the trained length; 0 if it cannot
 * @param decodeMicros median time of one position, one sequence, one thread; 0 if it cannot
 * @param steps updates made
 * @param positions read in training
 * @param seconds of training
 * @param positionsPerSecond read in training
 * @param cost of a training step
 * @param score in the task's metric at the trained length
 * @param looks during the training
 * @param tests at all lengths
 */
public record RunRecord(String task, String preset, long seed, long parameters, boolean causal, long stateFloats,
        double decodeMicros, long steps, long positions, double seconds, double positionsPerSecond, TaskRun.Cost cost,
        double score,
        List<TaskRun.Look> looks, List<TaskRun.AtLength> tests) {
}
