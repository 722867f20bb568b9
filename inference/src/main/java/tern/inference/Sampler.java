package tern.inference;

import java.util.Arrays;
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
    private int seen;

    /** A sampler before the first token. */
    public Sampler(Sampling how, long seed) {
        this.how = how;
        this.random = new SplittableRandom(seed);
    }

    /** Takes note of a token of the prompt, for the repetition penalty. */
    public void see(int id) {
        lately[seen++ % REMEMBERED] = id;
    }

    /**
     * The next token.
     *
     * @param logits one per symbol, not changed
     * @throws IllegalArgumentException if a logit is NaN; names the symbol
     */
    public int next(float[] logits) {
        double[] scores = new double[logits.length];
        for (int id = 0; id < scores.length; id++) {
            if (Float.isNaN(logits[id])) {
                throw new IllegalArgumentException("the model gave NaN for symbol " + id
                        + "; its weights are damaged, check them with inspect --check");
            }
            scores[id] = logits[id];
        }
        penalise(scores);
        int chosen = how.temperature() == 0 ? mostLikely(scores) : draw(scores);
        see(chosen);
        return chosen;
    }

    private void penalise(double[] scores) {
        if (how.repetitionPenalty() == 1) {
            return;
        }
        boolean[] done = new boolean[scores.length];
        for (int i = 0; i < Math.min(seen, REMEMBERED); i++) {
            int id = lately[i];
            if (!done[id]) {
                done[id] = true;
                scores[id] = scores[id] > 0 ? scores[id] / how.repetitionPenalty()
                        : scores[id] * how.repetitionPenalty();
            }
        }
    }

    private static int mostLikely(double[] scores) {
        int best = 0;
        for (int id = 1; id < scores.length; id++) {
            if (scores[id] > scores[best]) {
                best = id;
            }
        }
        return best;
    }

    private int draw(double[] scores) {
        Integer[] order = new Integer[scores.length];
        Arrays.setAll(order, id -> id);
        Arrays.sort(order, (a, b) -> Double.compare(scores[b], scores[a]));
        double top = scores[order[0]];
        int kept = how.topK() == 0 ? order.length : Math.min(how.topK(), order.length);
        double[] weights = new double[kept];
        double total = 0;
        for (int i = 0; i < kept; i++) {
            weights[i] = Math.exp((scores[order[i]] - top) / how.temperature());
            total += weights[i];
        }
        double mass = 0;
        int last = 0;
        while (last < kept && (last == 0 || mass < how.topP() * total && weights[last] >= how.minP() * weights[0])) {
            mass += weights[last++];
        }
        double at = random.nextDouble() * mass;
        for (int i = 0; i < last; i++) {
            at -= weights[i];
            if (at < 0) {
                return order[i];
            }
        }
        return order[last - 1];
    }
}
