package tern.langchain4j;

import java.util.Objects;

import dev.langchain4j.model.output.TokenUsage;
import org.jspecify.annotations.Nullable;

/** Tokens read and generated, and how many of those read were known from an earlier call. Immutable. */
public final class TernTokenUsage extends TokenUsage {
    private final int cachedInputTokenCount;

    /** Of the input tokens, so many did not have to be read. */
    public TernTokenUsage(int inputTokenCount, int outputTokenCount, int cachedInputTokenCount) {
        super(inputTokenCount, outputTokenCount);
        this.cachedInputTokenCount = cachedInputTokenCount;
    }

    /** Input tokens that did not have to be read, since a state was kept after them. */
    public int cachedInputTokenCount() {
        return cachedInputTokenCount;
    }

    @Override
    public TokenUsage add(TokenUsage other) {
        return other instanceof TernTokenUsage same
                ? new TernTokenUsage(inputTokenCount() + same.inputTokenCount(),
                        outputTokenCount() + same.outputTokenCount(),
                        cachedInputTokenCount + same.cachedInputTokenCount)
                : super.add(other);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof TernTokenUsage same && super.equals(other)
                && cachedInputTokenCount == same.cachedInputTokenCount;
    }

    @Override
    public int hashCode() {
        return Objects.hash(super.hashCode(), cachedInputTokenCount);
    }

    @Override
    public String toString() {
        return "TernTokenUsage { inputTokenCount = %d, outputTokenCount = %d, totalTokenCount = %d, cachedInputTokenCount = %d }"
                .formatted(inputTokenCount(), outputTokenCount(), totalTokenCount(), cachedInputTokenCount);
    }
}
