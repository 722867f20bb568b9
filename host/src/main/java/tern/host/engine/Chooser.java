package tern.host.engine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

import tern.inference.Draw;
import tern.inference.Sampling;

/** Chooses the tokens of one stream, reproducibly from a seed. Confined to one thread at a time. */
final class Chooser {
    private final Choosing how;
    private final Sampling sampling;
    private final SplittableRandom random;
    private final Map<Integer, Integer> generated = new HashMap<>();

    Chooser(Choosing how, long seed) {
        this.how = how;
        // A share of nothing is the likeliest alone.
        this.sampling = new Sampling(how.temperature(), how.topK(), Math.max(how.topP(), Double.MIN_VALUE), 0, 1);
        this.random = new SplittableRandom(seed);
    }

    /** A token, and its logarithmic probability and the likeliest alternatives if they were asked for. */
    record Chosen(int token, double logprob, List<Token.Alternative> alternatives) {
    }

    /**
     * The next token by logits that begin at {@code at}; those are left as they are.
     *
     * @throws Refusal if one of them is NaN
     */
    Chosen next(float[] logits, int at, int count) {
        boolean plain = how.bias().isEmpty()
                && (generated.isEmpty() || how.presencePenalty() == 0 && how.frequencyPenalty() == 0);
        float[] scores = logits;
        int from = at;
        if (!plain) {
            scores = java.util.Arrays.copyOfRange(logits, at, at + count);
            from = 0;
            adjust(scores);
        }
        int token = Draw.likeliest(scores, from, count);
        if (token < 0) {
            throw new Refusal(Refusal.Kind.FAULT, "the model's output is not a number after "
                    + generated.values().stream().mapToInt(Integer::intValue).sum()
                    + " tokens; check its weights with tern inspect --check");
        }
        if (how.temperature() > 0) {
            token = Draw.from(scores, from, count, sampling, random.nextDouble());
        }
        generated.merge(token, 1, Integer::sum);
        if (how.logprobs() < 0) {
            return new Chosen(token, 0, List.of());
        }
        double total = logSum(logits, at, count);
        return new Chosen(token, logits[at + token] - total, alternatives(logits, at, count, total));
    }

    private void adjust(float[] scores) {
        how.bias().forEach((token, bias) -> {
            if (token < scores.length) {
                scores[token] += bias.floatValue();
            }
        });
        generated.forEach((token, times) -> scores[token] -= (float) (how.presencePenalty()
                + times * how.frequencyPenalty()));
    }

    private static double logSum(float[] logits, int at, int count) {
        double top = logits[at + Draw.likeliest(logits, at, count)];
        double sum = 0;
        for (int id = 0; id < count; id++) {
            sum += Math.exp(logits[at + id] - top);
        }
        return top + Math.log(sum);
    }

    private List<Token.Alternative> alternatives(float[] logits, int at, int count, double total) {
        int wanted = Math.min(how.logprobs(), count);
        int[] best = new int[wanted];
        int found = 0;
        for (int id = 0; id < count && wanted > 0; id++) {
            int place = found;
            while (place > 0 && logits[at + id] > logits[at + best[place - 1]]) {
                place--;
            }
            if (place < wanted) {
                int last = Math.min(found, wanted - 1);
                System.arraycopy(best, place, best, place + 1, last - place);
                best[place] = id;
                found = Math.min(wanted, found + 1);
            }
        }
        List<Token.Alternative> alternatives = new ArrayList<>();
        for (int i = 0; i < found; i++) {
            alternatives.add(new Token.Alternative(best[i], logits[at + best[i]] - total));
        }
        return alternatives;
    }
}
