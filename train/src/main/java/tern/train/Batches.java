package tern.train;

import tern.tensor.Tensor;

/**
 * Stretches of tokens to train on, numbered from 0 without end. A window is a function of its number alone, so a run that
 * is continued needs nothing but the number of windows read, and a batch of four read twice is a batch of eight.
 * Implementations are safe for use by several threads.
 */
public interface Batches {
    /**
     * Writes the windows {@code first}, {@code first + 1}, … one a row.
     *
     * @param ids [B,T] I32, what the model reads
     * @param targets [B,T] I32, what it shall predict: the same moved by one; −1 where nothing counts
     */
    void fill(long first, Tensor ids, Tensor targets);
}
