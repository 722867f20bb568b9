package tern.host.engine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** Chooses the tokens of one stream, reproducibly from a seed. Confined to one thread at a time. */
final class Chooser {
    private final Choosing how;
    private final SplittableRandom random;
    private final Map<Integer, Integer> generated = new HashMap<>();

    Chooser(Choosing how, long seed) {
        this.how = how;
        this.random = new SplittableRandom(seed);
    }

    /** A token, and its logarithmic probability and the likeliest alternatives if they were asked for. */
    record Chosen(int token, double logprob, List<Token.Alternative> alternatives) {
    }

    /** The next token by logits that begin at {@code at}; those are left as they are. */
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
        int token = how.temperature() == 0 ? likeliest(scores, from, count) : draw(scores, from, count);
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

    private static int likeliest(float[] scores, int from, int count) {
        int best = 0;
        for (int id = 1; id < count; id++) {
            if (scores[from + id] > scores[from + best]) {
                best = id;
            }
        }
        return best;
    }

    private int draw(float[] scores, int from, int count) {
        double at = random.nextDouble();
        float top = scores[from + likeliest(scores, from, count)];
        double[] weights = new double[count];
        double total = 0;
        for (int id = 0; id < count; id++) {
            weights[id] = Math.exp((scores[from + id] - top) / how.temperature());
            total += weights[id];
        }
        if (how.topP() < 1 || how.topK() > 0) {
            return drawLikely(weights, total, at);
        }
        double left = at * total;
        int last = 0;
        for (int id = 0; id < count; id++) {
            if (weights[id] > 0) {
                last = id;
                left -= weights[id];
                if (left < 0) {
                    return id;
                }
            }
        }
        return last;
    }

    /** Tokens from the likeliest on, of equals the one of the lowest number first; a heap yields only as many as are needed. */
    private int drawLikely(double[] weights, double total, double at) {
        int[] heap = new int[weights.length];
        for (int i = 0; i < heap.length; i++) {
            heap[i] = i;
        }
        int size = heap.length;
        for (int i = size / 2 - 1; i >= 0; i--) {
            sift(heap, size, i, weights);
        }
        List<Integer> kept = new ArrayList<>();
        double mass = 0;
        boolean counted = how.topK() > 0;
        while (size > 0 && (kept.isEmpty() || (counted ? kept.size() < how.topK() : mass < how.topP() * total))) {
            kept.add(heap[0]);
            mass += weights[heap[0]];
            heap[0] = heap[--size];
            sift(heap, size, 0, weights);
        }
        // Of so many tokens, those behind top-p go again.
        double least = how.topP() * mass;
        while (counted && kept.size() > 1 && mass - weights[kept.getLast()] >= least) {
            mass -= weights[kept.removeLast()];
        }
        double left = at * mass;
        for (int token : kept) {
            left -= weights[token];
            if (left < 0) {
                return token;
            }
        }
        return kept.getLast();
    }

    private static void sift(int[] heap, int size, int start, double[] weights) {
        int parent = start;
        while (true) {
            int child = 2 * parent + 1;
            if (child >= size) {
                return;
            }
            if (child + 1 < size && before(heap[child + 1], heap[child], weights)) {
                child++;
            }
            if (!before(heap[child], heap[parent], weights)) {
                return;
            }
            int moved = heap[parent];
            heap[parent] = heap[child];
            heap[child] = moved;
            parent = child;
        }
    }

    private static boolean before(int a, int b, double[] weights) {
        return weights[a] > weights[b] || weights[a] == weights[b] && a < b;
    }

    private static double logSum(float[] logits, int at, int count) {
        double top = logits[at + likeliest(logits, at, count)];
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
