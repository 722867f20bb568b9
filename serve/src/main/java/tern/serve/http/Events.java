package tern.serve.http;

import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import tern.host.engine.Finish;
import tern.host.engine.Lease;
import tern.host.engine.Listener;
import tern.host.engine.Refusal;
import tern.host.engine.Token;

/**
 * What the batcher tells of the jobs of one request, for the request's thread to take. It holds at most what the jobs may
 * generate, so a slow reader holds up nobody.
 */
final class Events {
    private final BlockingQueue<Event> queue = new LinkedBlockingQueue<>();
    private boolean abandoned;

    /** One event; {@code job} counts the jobs of the request from 0. */
    sealed interface Event {
    }

    record Started(int job, int promptTokens, int cachedTokens) implements Event {
    }

    record Made(int job, int stream, Token token) implements Event {
    }

    record Ended(int job, int stream, Finish why, String text, int[] generated) implements Event {
    }

    record Done(int job, Optional<Lease> state) implements Event {
    }

    record Failed(int job, Refusal why) implements Event {
    }

    /** Nothing happened for a while. */
    record Quiet() implements Event {
    }

    /** The listener of one of the jobs. */
    Listener listener(int job) {
        return new Listener() {
            @Override
            public void started(int promptTokens, int cachedTokens) {
                queue.add(new Started(job, promptTokens, cachedTokens));
            }

            @Override
            public void token(int stream, Token token) {
                queue.add(new Made(job, stream, token));
            }

            @Override
            public void finished(int stream, Finish why, String text, int[] generated) {
                queue.add(new Ended(job, stream, why, text, generated));
            }

            @Override
            public void done(Optional<Lease> state) {
                addDone(new Done(job, state));
            }

            @Override
            public void failed(Refusal why) {
                queue.add(new Failed(job, why));
            }
        };
    }

    /** The next event; {@link Quiet} if there is none for so long. */
    Event next(long millis) throws InterruptedException {
        Event event = queue.poll(millis, TimeUnit.MILLISECONDS);
        return event == null ? new Quiet() : event;
    }

    boolean isEmpty() {
        return queue.isEmpty();
    }

    private synchronized void addDone(Done done) {
        if (abandoned) {
            done.state.ifPresent(Lease::close);
        } else {
            queue.add(done);
        }
    }

    /** Nobody takes events any more: states are released. */
    synchronized void abandon() {
        abandoned = true;
        for (Event event = queue.poll(); event != null; event = queue.poll()) {
            if (event instanceof Done(int _, Optional<Lease> state)) {
                state.ifPresent(Lease::close);
            }
        }
    }
}
