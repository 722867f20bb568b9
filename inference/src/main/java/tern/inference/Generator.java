package tern.inference;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

import tern.text.TextDecoder;

/**
 * Continues a text: reads the prompt, then samples tokens until there are enough or a stop string appears. Confined to one
 * thread.
 */
public final class Generator {
    private final LanguageModel model;
    private final LiveSequence sequence;

    /** A generator that continues this sequence, wherever it stands. */
    public Generator(LanguageModel model, LiveSequence sequence) {
        this.model = model;
        this.sequence = sequence;
    }

    /**
     * What to generate.
     *
     * @param tokens at most so many
     * @param stops strings that end the text; they are not part of it
     */
    public record Request(int tokens, Sampling sampling, long seed, List<String> stops) {
        /** Checks ranges. */
        public Request {
            if (tokens < 0) {
                throw new IllegalArgumentException("generate: tokens is " + tokens + ", expected 0 or more");
            }
            if (stops.stream().anyMatch(String::isEmpty)) {
                throw new IllegalArgumentException("generate: a stop string is empty, expected at least one character");
            }
            stops = List.copyOf(stops);
        }
    }

    /**
     * What was generated.
     *
     * @param text without the stop string
     * @param ids tokens sampled
     * @param stopped whether a stop string ended it
     * @param prefillSeconds time spent reading the prompt
     * @param decodeSeconds time spent sampling and stepping
     */
    public record Generated(String text, List<Integer> ids, boolean stopped, double prefillSeconds,
            double decodeSeconds) {
    }

    /**
     * Reads the prompt and continues it.
     *
     * @param prompt tokens to read first; may be empty only if the sequence has read something before
     * @param sink is given the text piece by piece; text that may turn out to begin a stop string is held back
     */
    public Generated generate(int[] prompt, Request request, Consumer<String> sink) {
        return generate(prompt, request, sink, () -> false);
    }

    /**
     * {@link #generate(int[], Request, Consumer)} until somebody wants no more.
     *
     * @param enough asked when the prompt has been read, and after every token; what was made until then is the result
     */
    public Generated generate(int[] prompt, Request request, Consumer<String> sink, BooleanSupplier enough) {
        long begun = System.nanoTime();
        Sampler sampler = new Sampler(request.sampling, request.seed);
        for (int id : prompt) {
            sampler.see(id);
        }
        float[] logits = prompt.length > 0 ? sequence.prefill(prompt) : sequence.logits();
        if (logits.length == 0) {
            throw new IllegalArgumentException(
                    "generate: the prompt is empty and nothing was read before; give at least one"
                            + " symbol to continue");
        }
        long read = System.nanoTime();
        StringBuilder text = new StringBuilder();
        TextDecoder decoder = model.tokenizer().decoder();
        List<Integer> ids = new ArrayList<>();
        int told = 0;
        boolean stopped = false;
        for (int i = 0; i < request.tokens && !stopped && !enough.getAsBoolean(); i++) {
            int id = sampler.next(logits);
            ids.add(id);
            int before = text.length();
            // rows of the head beyond the vocabulary are padding; an untrained model may draw one
            text.append(id < model.tokenizer().vocabulary() ? decoder.accept(id) : "");
            int stop = firstStop(text, request.stops, before);
            if (stop >= 0) {
                text.setLength(stop);
                stopped = true;
            }
            int safe = stopped ? text.length() : text.length() - heldBack(text, request.stops);
            if (safe > told) {
                sink.accept(text.substring(told, safe));
                told = safe;
            }
            sequence.step(id, logits);
        }
        if (!stopped) {
            text.append(decoder.finish());
            sink.accept(text.substring(told));
        }
        return new Generated(text.toString(), ids, stopped, (read - begun) * 1e-9, (System.nanoTime() - read) * 1e-9);
    }

    private static int firstStop(StringBuilder text, List<String> stops, int from) {
        int first = -1;
        for (String stop : stops) {
            int at = text.indexOf(stop, Math.max(0, from - stop.length() + 1));
            if (at >= 0 && (first < 0 || at < first)) {
                first = at;
            }
        }
        return first;
    }

    /** Length of the longest end of the text that begins a stop string. */
    private static int heldBack(StringBuilder text, List<String> stops) {
        int held = 0;
        for (String stop : stops) {
            for (int length = Math.min(stop.length() - 1, text.length()); length > held; length--) {
                if (text.substring(text.length() - length).equals(stop.substring(0, length))) {
                    held = length;
                }
            }
        }
        return held;
    }

}
