/**
 * Training: data and batches, losses, optimisers and the loop that ties them.
 *
 * <p>From the top: a {@link tern.train.TrainingPlan} says what to do; {@link tern.train.TrainingRun} does it and leaves
 * models, history and a report in a folder; {@link tern.train.Trainer} makes one update; {@link tern.train.Optimiser} changes
 * the parameters.
 *
 * <dl>
 * <dt>step</dt><dd>one update of all parameters, from one or, with accumulation, several batches</dd>
 * <dt>batch</dt><dd>sequences read at a time, each from the empty state</dd>
 * <dt>time</dt><dd>positions of a sequence; at most the context of the model</dd>
 * <dt>budget</dt><dd>how long to train; the learning rate follows the part of it that is spent</dd>
 * <dt>bits a byte</dt><dd>mean cross-entropy in nats, divided by ln 2; every symbol is one byte</dd>
 * </dl>
 *
 * <p><b>Reproducible.</b> Weights, windows and noise follow the seed; work is split by shape. So losses and parameters are
 * the same to the bit on any number of threads, interrupted or not, on machines with vectors of one width, as long as the
 * budget is one of steps or tokens: a budget of minutes ties the learning rate to the clock. What a step depends on is
 * parameters, moments, the number of steps and the position of the windows; a checkpoint holds just these.
 */
@NullMarked
package tern.train;

import org.jspecify.annotations.NullMarked;
