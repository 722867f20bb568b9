package tern.langchain4j;

import java.util.List;
import java.util.concurrent.CompletableFuture;

import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;

import tern.host.local.Call;
import tern.host.local.Question;
import tern.host.local.Reader;
import tern.host.local.Reply;

/**
 * A chat model in this process. Safe for use by several threads, whose calls share batches; close it after the last one. Usage is
 * told as {@link TernTokenUsage}. Tools, JSON and images are refused with an {@code UnsupportedFeatureException}.
 *
 * <pre>{@code
 * try (TernChatModel model = TernChatModel.builder().modelPath("models/quickstart/distilled").maxTokens(60).build()) {
 *     System.out.println(model.chat("Who goes there?"));
 * }
 * }</pre>
 */
public final class TernChatModel implements ChatModel, AutoCloseable {
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
        public TernChatModel build() {
            return new TernChatModel(asking());
        }
    }

    private TernChatModel(Asking asking) {
        this.asking = asking;
    }

    /** A builder; all but the model has usual values. */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    public ChatResponse doChat(ChatRequest request) {
        return Requests.response(asking.ask(asking.question(request)), asking.model().name());
    }

    /** The answer when it is there; cancelling the future ends the work. No thread waits meanwhile. */
    @Override
    public CompletableFuture<ChatResponse> doChatAsync(ChatRequest request) {
        CompletableFuture<ChatResponse> answer = new CompletableFuture<>();
        try {
            Question question = asking.question(request);
            Call call = asking.ask(question, new Reader() {
                @Override
                public void text(String piece) {
                    // The whole is wanted, not its pieces.
                }

                @Override
                public void done(Reply reply) {
                    answer.complete(Requests.response(reply, asking.model().name()));
                }

                @Override
                public void failed(RuntimeException why) {
                    answer.completeExceptionally(Failures.of(why));
                }
            });
            CompletableFuture<ChatResponse> ignored = answer.whenComplete((response, failure) -> {
                if (answer.isCancelled()) {
                    call.cancel();
                }
            });
        } catch (RuntimeException refused) {
            answer.completeExceptionally(refused);
        }
        return answer;
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
