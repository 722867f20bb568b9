package tern.langchain4j;

import java.util.List;

import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.model.TokenCountEstimator;

import tern.host.chat.Message;
import tern.host.local.LocalModel;

/**
 * Counts tokens by a model's own tokenizer and chat template, exactly: messages with what the template writes around them, up to
 * where the assistant begins. Safe for use by several threads.
 */
public final class TernTokenCountEstimator implements TokenCountEstimator, AutoCloseable {
    private final ModelSource.Opened opened;

    /** What to build. */
    public static final class Builder extends ModelSource<Builder> {
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
         */
        public TernTokenCountEstimator build() {
            return new TernTokenCountEstimator(open());
        }
    }

    private TernTokenCountEstimator(ModelSource.Opened opened) {
        this.opened = opened;
    }

    /** A builder. */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    public int estimateTokenCountInText(String text) {
        try {
            return opened.model().tokens(text).length;
        } catch (IllegalArgumentException refused) {
            throw Failures.of(refused);
        }
    }

    /** What the conversation of this message alone takes. */
    @Override
    public int estimateTokenCountInMessage(ChatMessage message) {
        return estimateTokenCountInMessages(List.of(message));
    }

    @Override
    public int estimateTokenCountInMessages(Iterable<ChatMessage> messages) {
        LocalModel model = opened.model();
        List<Message> all = Requests.messages(messages);
        try {
            return all.isEmpty() ? 0 : model.promptTokens(all);
        } catch (RuntimeException refused) {
            throw Failures.of(refused);
        }
    }

    /** Closes the model if the builder opened it. */
    @Override
    public void close() {
        opened.close();
    }
}
