package tern.text;

/**
 * Hands out windows of symbols to train on: B rows of T inputs, and for each input the symbol that follows it. Windows
 * never leave the part of the data that they were made for. Where they stand is a short list of numbers that can be stored
 * and set again; the windows that follow are then the same ones. Confined to one thread.
 */
public sealed interface Windows permits CutWindows {
    /** What the windows are cut from. */
    TokenStore tokens();

    /** Rows of a window, B. */
    int batch();

    /** Inputs of a row, T. */
    int time();

    /**
     * The next window.
     *
     * @param inputs receives [B,T], row by row
     * @param targets receives the symbol after each input, [B,T]
     * @return whether every row goes on where the last window's row ended, so that a state may be carried over
     * @throws IllegalArgumentException if an array has not B·T entries
     */
    boolean next(int[] inputs, int[] targets);

    /** Where the windows stand. */
    long[] save();

    /**
     * Goes on from where {@link #save} was called.
     *
     * @throws IllegalArgumentException if these are not numbers that windows of this kind save
     */
    void restore(long[] saved);
}
