package tern.langchain4j;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.SubmissionPublisher;

import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatModelStreamingEvent;
import dev.langchain4j.model.chat.response.CompleteResponse;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.chat.response.StreamingHandle;

import tern.host.local.Call;
import tern.host.local.Question;
import tern.host.local.Reader;
import tern.host.local.Reply;

/**
 * A chat model in this process that tells its answers as they come. Handlers are called by a thread of their call, and may block
 * it without holding up other calls; what they throw ends their call. Otherwise as {@link TernChatModel}.
 */
public final class TernStreamingChatModel implements StreamingChatModel, AutoCloseable {
    private final Asking asking;

    /** What to build. */
    public static final class Builder extends TernBuilder<Builder> {
        private Builder() {
        }

        @Override
        Builder self() {
            return this;
        }

        /**
         * Opens the model.
         *
         * @throws dev.langchain4j.exception.ModelNotFoundException if it cannot be opened; says why
         * @throws dev.langchain4j.exception.InvalidRequestException if a parameter is out of range
         */
        public TernStreamingChatModel build() {
            return new TernStreamingChatModel(asking());
        }
    }

    private TernStreamingChatModel(Asking asking) {
        this.asking = asking;
    }

    /** A builder; all but the model has usual values. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Answers to a handler, whose partial responses come with a handle that cancels.
     *
     * @throws dev.langchain4j.exception.UnsupportedFeatureException if the request asks for what is not offered; whatever comes
     *             later is told to the handler
     */
    @Override
    public void doChat(ChatRequest request, StreamingChatResponseHandler handler) {
        Question question = asking.question(request);
        Telling telling = new Telling(handler);
        try {
            telling.begun(asking.ask(question, telling));
        } catch (RuntimeException refused) {
            handler.onError(refused);
        }
    }

    /** Passes an answer on to a handler. */
    private final class Telling implements Reader, StreamingHandle {
        private final StreamingChatResponseHandler handler;
        private final CompletableFuture<Call> call = new CompletableFuture<>();
        private volatile boolean cancelled;

        private Telling(StreamingChatResponseHandler handler) {
            this.handler = handler;
        }

        private void begun(Call begun) {
            call.complete(begun);
        }

        @Override
        public void cancel() {
            cancelled = true;
            call.thenAccept(Call::cancel).join();
        }

        @Override
        public boolean isCancelled() {
            return cancelled;
        }

        @Override
        public void text(String piece) {
            handler.onPartialResponse(new PartialResponse(piece), new PartialResponseContext(this));
        }

        @Override
        public void done(Reply reply) {
            handler.onCompleteResponse(Requests.response(reply, asking.model().name()));
        }

        @Override
        public void failed(RuntimeException why) {
            handler.onError(Failures.of(why));
        }
    }

    /** The answer as a stream, begun anew for each subscriber; a slow one slows its own call, one that cancels ends it. */
    @Override
    public Flow.Publisher<ChatModelStreamingEvent> doChat(ChatRequest request) {
        Question question = asking.question(request);
        return subscriber -> {
            SubmissionPublisher<ChatModelStreamingEvent> events = new SubmissionPublisher<>(
                    work -> Thread.ofVirtual().name("tern-events").start(work), Flow.defaultBufferSize());
            events.subscribe(subscriber);
            try {
                Optional<Call> ignored = Optional.of(asking.ask(question, new Publishing(events)));
            } catch (RuntimeException refused) {
                events.closeExceptionally(refused);
            }
        };
    }

    /** Passes an answer on to the one subscriber of a publisher. */
    private final class Publishing implements Reader {
        private final SubmissionPublisher<ChatModelStreamingEvent> events;

        private Publishing(SubmissionPublisher<ChatModelStreamingEvent> events) {
            this.events = events;
        }

        @Override
        public void text(String piece) {
            if (!events.hasSubscribers()) {
                throw new CancellationException("the subscriber has cancelled");
            }
            int ignored = events.submit(new PartialResponse(piece));
        }

        @Override
        public void done(Reply reply) {
            int ignored = events.submit(new CompleteResponse(Requests.response(reply, asking.model().name())));
            events.close();
        }

        @Override
        public void failed(RuntimeException why) {
            events.closeExceptionally(Failures.of(why));
        }
    }

    @Override
    public ChatRequestParameters defaultRequestParameters() {
        return asking.parameters();
    }

    @Override
    public List<ChatModelListener> listeners() {
        return asking.listeners();
    }

    /** Closes the model if the builder opened it; calls under way fail. */
    @Override
    public void close() {
        asking.opened().close();
    }
}
