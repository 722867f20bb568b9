package tern.host.local;

import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicBoolean;

import tern.host.engine.Finish;
import tern.host.engine.Lease;
import tern.host.engine.Listener;
import tern.host.engine.Refusal;
import tern.host.engine.Ticket;
import tern.host.engine.Token;

/** A question under way. Safe for use by several threads. */
public final class Call {
    private final AtomicBoolean cancelled = new AtomicBoolean();
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private volatile Optional<Ticket> ticket = Optional.empty();

    /** What the batcher's thread has told, kept until somebody listens. */
    private sealed interface Event {
        record Text(String piece) implements Event {
        }

        record Done(Reply reply) implements Event {
        }

        record Failed(Refusal why) implements Event {
        }

        record Cancelled() implements Event {
        }
    }

    Call() {
    }

    /** Nobody wants the rest: the work ends within a step, and the reader hears no more. Does nothing if it is over. */
    public void cancel() {
        if (cancelled.compareAndSet(false, true)) {
            ticket.ifPresent(Ticket::cancel);
            events.add(new Event.Cancelled());
        }
    }

    /** Whether it was cancelled. */
    public boolean isCancelled() {
        return cancelled.get();
    }

    void taken(Ticket taken) {
        ticket = Optional.of(taken);
        if (cancelled.get()) {
            taken.cancel();
        }
    }

    Listener listener() {
        return new Ears(events);
    }

    /** Tells the reader all there is to tell, as it comes. */
    void tell(Reader reader) {
        boolean interrupted = false;
        boolean more = true;
        while (more) {
            try {
                Event event = events.take();
                more = !cancelled.get() && tell(reader, event);
            } catch (InterruptedException again) {
                interrupted = true;
                cancel();
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean tell(Reader reader, Event event) {
        try {
            switch (event) {
                case Event.Text(String piece) -> {
                    reader.text(piece);
                    return true;
                }
                case Event.Done(Reply reply) -> reader.done(reply);
                case Event.Failed(Refusal why) -> reader.failed(why);
                case Event.Cancelled() -> {
                }
            }
        } catch (RuntimeException thrown) {
            cancel();
            reader.failed(thrown);
        }
        return false;
    }

    /**
     * The whole answer, waited for by the calling thread.
     *
     * @throws Refusal if there will be none
     * @throws InterruptedException if the thread is interrupted; the call is cancelled then
     */
    Reply await() throws InterruptedException {
        try {
            while (true) {
                switch (events.take()) {
                    case Event.Done(Reply reply) -> {
                        return reply;
                    }
                    case Event.Failed(Refusal why) -> throw why;
                    case Event.Text _,Event.Cancelled _ -> {
                    }
                }
            }
        } catch (InterruptedException interrupted) {
            cancel();
            throw interrupted;
        }
    }

    /** Runs on the batcher's thread, which is not kept waiting. Leaves out white space around the answer. */
    private static final class Ears implements Listener {
        private final BlockingQueue<Event> events;
        private final StringBuilder text = new StringBuilder();
        private final StringBuilder space = new StringBuilder();
        private Finish finish = Finish.LENGTH;
        private int promptTokens;
        private int cachedTokens;
        private int tokens;

        private Ears(BlockingQueue<Event> events) {
            this.events = events;
        }

        @Override
        public void started(int prompt, int cached) {
            promptTokens = prompt;
            cachedTokens = cached;
        }

        @Override
        public void token(int stream, Token token) {
            tokens++;
            add(token.text());
        }

        private void add(String piece) {
            String fresh = piece.stripTrailing();
            String trailing = piece.substring(fresh.length());
            if (text.isEmpty()) {
                fresh = fresh.stripLeading();
            }
            if (!fresh.isEmpty()) {
                String shown = space + fresh;
                space.setLength(0);
                text.append(shown);
                events.add(new Event.Text(shown));
            }
            if (!text.isEmpty()) {
                space.append(trailing);
            }
        }

        @Override
        public void finished(int stream, Finish why, String rest, int[] generated) {
            add(rest);
            finish = why;
        }

        @Override
        public void done(Optional<Lease> state) {
            state.ifPresent(Lease::close);
            events.add(new Event.Done(new Reply(text.toString(), finish, promptTokens, cachedTokens, tokens)));
        }

        @Override
        public void failed(Refusal why) {
            events.add(new Event.Failed(why));
        }
    }
}
