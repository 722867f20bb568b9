package tern.langchain4j;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.DefaultChatRequestParameters;
import org.jspecify.annotations.Nullable;

/**
 * What chat models are told: besides {@link ModelSource}, how answers are chosen where a request does not say. Confined to one
 * thread.
 *
 * @param <B> the builder itself
 */
public abstract sealed class TernBuilder<B extends TernBuilder<B>> extends ModelSource<B>
        permits TernChatModel.Builder, TernStreamingChatModel.Builder {
    private static final Duration USUAL_TIMEOUT = Duration.ofMinutes(30);

    private final DefaultChatRequestParameters.Builder<?> parameters = ChatRequestParameters.builder();
    private Optional<ChatRequestParameters> overrides = Optional.empty();
    private OptionalLong seed = OptionalLong.empty();
    private Duration timeout = USUAL_TIMEOUT;
    private List<ChatModelListener> listeners = List.of();

    TernBuilder() {
    }

    /** 0 takes the most likely token; at most 2; 1 if not said. */
    public B temperature(@Nullable Double temperature) {
        parameters.temperature(temperature);
        return self();
    }

    /** How many of the likeliest tokens remain to choose from; all if not said. */
    public B topK(@Nullable Integer topK) {
        parameters.topK(topK);
        return self();
    }

    /** The smallest set of most likely tokens with this probability remains; 1, all of them, if not said. */
    public B topP(@Nullable Double topP) {
        parameters.topP(topP);
        return self();
    }

    /** Subtracted once from logits of tokens that were generated before, −2 to 2. */
    public B presencePenalty(@Nullable Double penalty) {
        parameters.presencePenalty(penalty);
        return self();
    }

    /** Subtracted for every time that a token was generated before, −2 to 2. */
    public B frequencyPenalty(@Nullable Double penalty) {
        parameters.frequencyPenalty(penalty);
        return self();
    }

    /** Most tokens of an answer; 1,024 if not said. */
    public B maxTokens(@Nullable Integer count) {
        parameters.maxOutputTokens(count);
        return self();
    }

    /** Strings that end an answer; not part of it. */
    public B stop(@Nullable List<String> stops) {
        parameters.stopSequences(stops);
        return self();
    }

    /** {@link #stop(List)}. */
    public B stop(String... stops) {
        return stop(List.of(stops));
    }

    /** The same request with the same seed has the same answer, whatever else goes on; drawn for each call if not said. */
    public B seed(@Nullable Long value) {
        seed = value == null ? OptionalLong.empty() : OptionalLong.of(value);
        return self();
    }

    /** How long a call may take before it is a {@code TimeoutException}; 30 minutes if not said. */
    public B timeout(@Nullable Duration atMost) {
        timeout = atMost == null ? USUAL_TIMEOUT : atMost;
        return self();
    }

    /** Parameters of requests that do not say; they come before those of the other setters. */
    public B defaultRequestParameters(@Nullable ChatRequestParameters given) {
        overrides = Optional.ofNullable(given);
        return self();
    }

    /** Who is told of requests, responses and errors. */
    public B listeners(@Nullable List<ChatModelListener> told) {
        listeners = told == null ? List.of() : List.copyOf(told);
        return self();
    }

    Asking asking() {
        ChatRequestParameters own = parameters.build();
        ChatRequestParameters all = overrides.isPresent() ? own.overrideWith(overrides.get()) : own;
        // What can never be is refused before a model is opened.
        Requests.question(List.of(new tern.host.chat.Message("user", "")), all, seed, timeout);
        return new Asking(open(), all, seed, timeout, listeners);
    }
}
