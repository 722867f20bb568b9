package tern.serve.http;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

import tern.host.engine.Batcher;
import tern.host.engine.Finish;
import tern.host.engine.Job;
import tern.host.engine.Lease;
import tern.host.engine.Refusal;
import tern.host.engine.Ticket;
import tern.host.engine.Token;

/**
 * Carries out the jobs of one request and writes what comes of them, whole or as a stream of events. Whatever ends the request
 * before its time, such as a client that went away, cancels its jobs. Confined to the request's thread.
 */
final class Answer {
    // How long nothing may be written to a stream: a comment then shows whether anybody still listens.
    private static final long QUIET_MILLIS = 2000;
    // How often a request that has nothing to write yet looks for its client while nothing else happens.
    private static final long LOOK_MILLIS = 200;

    private final Exchange exchange;
    private final Batcher batcher;
    private final List<Job> jobs;
    private final Shape shape;
    private final Metrics metrics;
    private final AfterDone after;
    private final Events events = new Events();
    private final List<Ticket> tickets = new ArrayList<>();
    private final List<Choice> choices = new ArrayList<>();
    private final long begun = System.nanoTime();
    private int promptTokens;
    private int cachedTokens;
    private int madeTokens;
    private int open;
    private boolean usageAtEnd;
    private long lastToken;

    /** What is done once all is generated and before the client is told so. */
    @FunctionalInterface
    interface AfterDone {
        /** Nothing is done. */
        AfterDone NOTHING = (state, generated) -> {
            state.ifPresent(Lease::close);
            return Optional.empty();
        };

        /**
         * The first job is done.
         *
         * @param state if the job asked for it; to be released
         * @param generated tokens of its first stream
         * @return what is put into the answer under "session"
         * @throws ApiError if it cannot be kept; the client is told so
         */
        Optional<ObjectNode> done(Optional<Lease> state, int[] generated) throws IOException;
    }

    private static final class Choice {
        private final StringBuilder text = new StringBuilder();
        private final List<Token> tokens = new ArrayList<>();
        private int units;
        private Finish finish = Finish.LENGTH;
        private int[] generated = new int[0];
    }

    Answer(Exchange exchange, Batcher batcher, List<Job> jobs, Shape shape, Metrics metrics, AfterDone after) {
        this.exchange = exchange;
        this.batcher = batcher;
        this.jobs = jobs;
        this.shape = shape;
        this.metrics = metrics;
        this.after = after;
        for (Job job : jobs) {
            for (int i = 0; i < job.streams(); i++) {
                choices.add(new Choice());
            }
        }
    }

    private int index(int job, int stream) {
        int index = stream;
        for (int i = 0; i < job; i++) {
            index += jobs.get(i).streams();
        }
        return index;
    }

    /**
     * Answers with one JSON object.
     *
     * @throws ApiError if the engine refuses
     */
    void whole() throws IOException, InterruptedException {
        Optional<ObjectNode> session = run();
        ObjectNode answer = shape.envelope(false);
        ArrayNode all = answer.putArray("choices");
        for (int i = 0; i < choices.size(); i++) {
            Choice choice = choices.get(i);
            all.add(shape.whole(i, choice.text.toString(), choice.tokens, choice.finish));
        }
        answer.set("usage", usage());
        session.ifPresent(found -> answer.set("session", found));
        exchange.json(200, answer);
    }

    /**
     * Carries the jobs out and writes nothing.
     *
     * @return what was done after the first
     * @throws ApiError if the engine refuses
     */
    Optional<ObjectNode> run() throws IOException, InterruptedException {
        Optional<ObjectNode> session = Optional.empty();
        try {
            submit();
            while (open > 0) {
                Events.Event event = events.next(LOOK_MILLIS);
                exchange.requireClient();
                note(event);
                if (event instanceof Events.Failed(int _, Refusal why)) {
                    throw ApiError.of(why);
                }
                if (event instanceof Events.Done(int job, Optional<Lease> state)) {
                    session = done(job, state);
                }
            }
        } finally {
            leave();
        }
        return session;
    }

    /**
     * Answers with a stream of server-sent events. A refusal before the first is an error like any other, later it is the last
     * event.
     */
    void streamed(boolean includeUsage) throws IOException, InterruptedException {
        usageAtEnd = includeUsage;
        try {
            submit();
            Events.Event first = events.next(QUIET_MILLIS);
            if (first instanceof Events.Failed(int _, Refusal why)) {
                throw ApiError.of(why);
            }
            exchange.begin(200, "text/event-stream; charset=utf-8");
            // Proxies shall not gather events.
            exchange.set("X-Accel-Buffering", "no");
            stream(first);
        } finally {
            leave();
        }
    }

    private void stream(Events.Event first) throws IOException, InterruptedException {
        Optional<ObjectNode> session = Optional.empty();
        Events.Event event = first;
        while (true) {
            note(event);
            write(event);
            if (event instanceof Events.Failed) {
                exchange.finish();
                return;
            }
            if (event instanceof Events.Done(int job, Optional<Lease> state)) {
                try {
                    session = done(job, state);
                } catch (ApiError refused) {
                    exchange.event(refused.body());
                    exchange.finish();
                    return;
                }
            }
            if (open == 0) {
                break;
            }
            if (events.isEmpty()) {
                exchange.flush();
            }
            event = events.next(QUIET_MILLIS);
        }
        if (usageAtEnd || session.isPresent()) {
            ObjectNode last = shape.envelope(true);
            last.putArray("choices");
            last.set("usage", usage());
            session.ifPresent(found -> last.set("session", found));
            exchange.event(last);
        }
        exchange.write("data: [DONE]\n\n".getBytes(StandardCharsets.UTF_8));
        exchange.finish();
    }

    private void submit() {
        for (int i = 0; i < jobs.size(); i++) {
            try {
                tickets.add(batcher.submit(jobs.get(i), events.listener(i)));
                open++;
            } catch (Refusal refusal) {
                throw ApiError.of(refusal);
            }
        }
    }

    private void leave() {
        if (open > 0) {
            tickets.forEach(Ticket::cancel);
        }
        events.abandon();
    }

    private void note(Events.Event event) {
        switch (event) {
            case Events.Started(int _, int prompt, int cached) -> {
                promptTokens += prompt;
                cachedTokens += cached;
            }
            case Events.Made(int job, int stream, Token token) -> {
                Choice choice = choices.get(index(job, stream));
                choice.text.append(token.text());
                choice.tokens.add(token);
                choice.units += shape.units(token);
                madeTokens++;
                long now = System.nanoTime();
                if (lastToken == 0) {
                    metrics.firstToken(now - begun);
                } else if (choices.size() == 1) {
                    metrics.nextToken(now - lastToken);
                }
                lastToken = now;
            }
            case Events.Ended(int job, int stream, Finish why, String text, int[] generated) -> {
                Choice choice = choices.get(index(job, stream));
                choice.text.append(text);
                choice.finish = why;
                choice.generated = generated;
            }
            case Events.Done _,Events.Failed _,Events.Quiet _ -> {
            }
        }
    }

    private void write(Events.Event event) throws IOException {
        switch (event) {
            case Events.Started(int job, int _, int _) -> {
                for (int i = 0; i < jobs.get(job).streams(); i++) {
                    Optional<ObjectNode> opening = shape.opening(index(job, i));
                    if (opening.isPresent()) {
                        send(opening.get());
                    }
                }
            }
            case Events.Made(int job, int stream, Token token) -> {
                boolean told = jobs.get(job).choosing().logprobs() >= 0;
                if (told || !token.text().isEmpty()) {
                    Choice choice = choices.get(index(job, stream));
                    send(shape.piece(index(job, stream), choice.units - shape.units(token), token.text(), told
                            ? List.of(token)
                            : List.of(), Optional.empty()));
                }
            }
            case Events.Ended(int job, int stream, Finish why, String text, int[] _) ->
                send(shape.piece(index(job, stream), 0, text, List.of(), Optional.of(why)));
            case Events.Failed(int _, Refusal why) -> exchange.event(ApiError.of(why).body());
            case Events.Done _ -> {
            }
            case Events.Quiet _ -> exchange.write(": still at it\n\n".getBytes(StandardCharsets.UTF_8));
        }
    }

    private void send(ObjectNode choice) throws IOException {
        ObjectNode envelope = shape.envelope(true);
        envelope.putArray("choices").add(choice);
        if (usageAtEnd) {
            envelope.putNull("usage");
        }
        exchange.event(envelope);
    }

    private Optional<ObjectNode> done(int job, Optional<Lease> state) throws IOException {
        open--;
        if (job == 0) {
            return after.done(state, choices.getFirst().generated);
        }
        state.ifPresent(Lease::close);
        return Optional.empty();
    }

    /** Tokens read and generated. */
    ObjectNode usage() {
        ObjectNode usage = Json.object().put("prompt_tokens", promptTokens).put("completion_tokens", madeTokens)
                .put("total_tokens", promptTokens + madeTokens);
        usage.putObject("prompt_tokens_details").put("cached_tokens", cachedTokens);
        return usage;
    }
}
