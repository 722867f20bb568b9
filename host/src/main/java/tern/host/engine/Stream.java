package tern.host.engine;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

import tern.inference.LiveBatch;
import tern.text.TextDecoder;
import tern.text.Tokenizer;

/** One continuation of a job's prompt: its tokens so far, its text, its place in a lane. Confined to the batcher's thread. */
final class Stream {
    final Batcher.Work work;
    final int index;
    private final Tokenizer tokenizer;
    private final TextDecoder decoder;
    private final Chooser chooser;
    private final StringBuilder text = new StringBuilder();
    private int told;
    private int[] generated = new int[16];
    private int count;
    private int drawn;
    private int next;
    private Optional<Chooser.Chosen> chosen = Optional.empty();
    private Optional<Refusal> refusal = Optional.empty();
    Optional<LiveBatch.Seat> seat = Optional.empty();

    Stream(Batcher.Work work, int index, Tokenizer tokenizer) {
        this.work = work;
        this.index = index;
        this.tokenizer = tokenizer;
        this.decoder = tokenizer.decoder();
        // Streams of one job differ by their seeds; the first has the job's own.
        this.chooser = new Chooser(work.job().choosing(), work.job().seed() + 0x9E3779B97F4A7C15L * index);
    }

    /** The token to be read next. */
    int next() {
        return next;
    }

    int[] generated() {
        return Arrays.copyOf(generated, count);
    }

    /** Chooses the next token; may run beside other streams' choosing. */
    void choose(float[] logits, int at, int vocabulary) {
        try {
            chosen = Optional.of(chooser.next(logits, at, vocabulary));
        } catch (Refusal refused) {
            refusal = Optional.of(refused);
        }
    }

    /** Why nothing could be chosen, if so. */
    Optional<Refusal> refusal() {
        return refusal;
    }

    /** Takes in what was chosen and tells the listener. True if the stream goes on. */
    boolean deliver() {
        Job job = work.job();
        Chooser.Chosen token = chosen.orElseThrow();
        drawn++;
        if (job.end().isPresent() && job.end().getAsInt() == token.token()) {
            finish(Finish.STOP);
            return false;
        }
        if (count == generated.length) {
            generated = Arrays.copyOf(generated, 2 * count);
        }
        generated[count++] = token.token();
        next = token.token();
        int before = text.length();
        // Rows of the head beyond the vocabulary are padding; an untrained model may draw one.
        text.append(token.token() < tokenizer.vocabulary() ? decoder.accept(token.token()) : "");
        int stop = firstStop(job.stops(), before);
        if (stop >= 0) {
            text.setLength(Math.max(told, stop));
        }
        int safe = stop >= 0 ? text.length() : text.length() - heldBack(job.stops());
        String fresh = text.substring(told, Math.max(told, safe));
        told = Math.max(told, safe);
        work.listener().token(index, new Token(token.token(), fresh, token.logprob(), token.alternatives()));
        if (stop >= 0) {
            work.listener().finished(index, Finish.STOP, "", generated());
            return false;
        }
        if (drawn >= job.maxTokens()) {
            finish(Finish.LENGTH);
            return false;
        }
        return true;
    }

    private void finish(Finish why) {
        text.append(decoder.finish());
        work.listener().finished(index, why, text.substring(told), generated());
    }

    private int firstStop(List<String> stops, int from) {
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
    private int heldBack(List<String> stops) {
        int held = 0;
        for (String stop : stops) {
            for (int length = Math.min(stop.length() - 1, text.length() - told); length > held; length--) {
                if (text.substring(text.length() - length).equals(stop.substring(0, length))) {
                    held = length;
                }
            }
        }
        return held;
    }
}
