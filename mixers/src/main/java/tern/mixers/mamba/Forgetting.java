package tern.mixers.mamba;

import tern.mixers.parts.Expect;

/**
 * What keeps Mamba-2's states from filling up on sequences longer than those trained on, without training (Stuffed Mamba: Chen et
 * al. 2024, arXiv 2410.07145, section 5).
 *
 * @param retention what decays are multiplied with, 1 as trained; 0.9999 in the paper
 * @param insertion what B is multiplied with, 1 as trained; 0.75 in the paper
 * @param window positions that a state remembers, by taking away from it what it was so long ago, decayed; 0 for all. It costs a
 *            second state and the inputs of so many positions
 */
public record Forgetting(double retention, double insertion, int window) {
    /** Checks the numbers. */
    public Forgetting {
        Expect.within("mamba2", "retention", retention, 0, 1, "1 = as trained");
        Expect.within("mamba2", "insertion", insertion, 0, 1, "1 = as trained");
        Expect.atLeast("mamba2", "window", window, 0, "0 = everything is remembered");
    }
}
