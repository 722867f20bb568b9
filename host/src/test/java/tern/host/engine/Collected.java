package tern.host.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** What became of a job, waited for. */
class Collected implements Listener {
    static final Choosing TOLD = new Choosing(1, 0, 1, 0, 0, Map.of(), 3);

    final List<Token> tokens = new ArrayList<>();
    private final CompletableFuture<Optional<Lease>> done = new CompletableFuture<>();
    int promptTokens;
    int cachedTokens;
    long endedNanos;

    static Job job(String client, int[] prompt, int tokens, List<Integer> boundaries) {
        return new Job(client, prompt, boundaries, Optional.empty(), 1, tokens, TOLD, 5, List.of(), OptionalInt.empty(),
                false, System.nanoTime() + TimeUnit.MINUTES.toNanos(5));
    }

    static Collected run(Batcher batcher, int[] prompt, int tokens, Integer... boundaries) {
        Collected collected = new Collected();
        batcher.submit(job("test", prompt, tokens, List.of(boundaries)), collected);
        return collected.await();
    }

    Collected await() {
        done.orTimeout(4, TimeUnit.MINUTES).join().ifPresent(Lease::close);
        return this;
    }

    int[] ids() {
        return tokens.stream().mapToInt(Token::id).toArray();
    }

    @Override
    public void started(int prompt, int cached) {
        promptTokens = prompt;
        cachedTokens = cached;
    }

    @Override
    public void token(int stream, Token token) {
        tokens.add(token);
    }

    @Override
    public void finished(int stream, Finish why, String text, int[] generated) {
    }

    @Override
    public void done(Optional<Lease> state) {
        endedNanos = System.nanoTime();
        done.complete(state);
    }

    @Override
    public void failed(Refusal why) {
        done.completeExceptionally(why);
    }
}
