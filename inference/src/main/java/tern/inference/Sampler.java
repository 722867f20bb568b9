package tern.inference;

import java.util.SplittableRandom;

/**
 * Chooses tokens, one after another, reproducibly from a seed. Remembers the last tokens for the repetition penalty.
 * Confined to one thread.
 */
public final class Sampler {
    private static final int REMEMBERED = 256;

    private final Sampling how;
    private final SplittableRandom random;
    private final int[] lately = new int[REMEMBERED];
    private long seen;

    /** A sampler before the first token. */
    public Sampler(Sampling how, long seed) {
        this.how = how;
        this.random = new SplittableRandom(seed);
    }

    /**
     * Takes note of a token of the prompt, for the repetition penalty.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public void see(int id) {
        if (id < 0) {
            throw new IllegalArgumentException("sampler: token " + id + " was seen, expected 0 or more");
        }
        lately[(int) (seen++ % REMEMBERED)] = id;
    }

    /**
     * The next token.
     *
     * @param logits one per symbol, not changed
     * @throws NotANumberException if a logit is NaN; names the symbol
     * @throws IllegalArgumentException if there are no logits, or fewer than a token that was seen asks for
     */
    public int next(float[] logits) {
        if (logits.length == 0) {
            throw new IllegalArgumentException("sampler: there are no logits; read at least one token first");
        }
        float[] scores = penalised(logits);
        int chosen = Draw.likeliest(scores, 0, scores.length);
        if (chosen < 0) {
            throw new NotANumberException("the model gave NaN for symbol " + firstNaN(logits)
                    + "; its weights are damaged, check them with inspect --check");
        }
        if (how.temperature() > 0) {
            chosen = Draw.from(scores, 0, scores.length, how, random.nextDouble());
        }
        see(chosen);
        return chosen;
    }

    private static int firstNaN(float[] logits) {
        int id = 0;
        while (!Float.isNaN(logits[id])) {
            id++;
        }
        return id;
    }

    private float[] penalised(float[] logits) {
        if (how.repetitionPenalty() == 1) {
            return logits;
        }
        float[] scores = logits.clone();
        boolean[] done = new boolean[scores.length];
        for (int i = 0; i < Math.min(seen, REMEMBERED); i++) {
            int id = lately[i];
            if (id >= scores.length) {
                throw new IllegalArgumentException(
                        "sampler: token " + id + " was seen, but there are " + scores.length + " logits");
            }
            if (!done[id]) {
                done[id] = true;
                scores[id] *= (float) (scores[id] > 0 ? 1 / how.repetitionPenalty() : how.repetitionPenalty());
            }
        }
        return scores;
    }
}
