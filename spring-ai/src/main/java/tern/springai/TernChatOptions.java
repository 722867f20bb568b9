package tern.springai;

import java.util.List;
import java.util.Map;
import java.util.Objects;

import org.jspecify.annotations.Nullable;
import org.springframework.ai.chat.prompt.ChatOptions;
import org.springframework.ai.model.tool.DefaultToolCallingChatOptions;
import org.springframework.ai.tool.ToolCallback;

/**
 * How answers are chosen: temperature (0 takes the most likely token; at most 2; usually 1), topP, penalties, maxTokens (usually
 * 1,024), stopSequences and a seed. Tools can be named here only so that the model refuses them aloud. Immutable.
 */
public final class TernChatOptions extends DefaultToolCallingChatOptions {
    private final @Nullable Long seed;

    private TernChatOptions(@Nullable List<ToolCallback> tools, @Nullable Map<String, Object> context,
            ChatOptions plain, @Nullable Long seed) {
        super(tools == null ? List.of() : tools, context == null ? Map.of() : context, plain.getModel(),
                plain.getFrequencyPenalty(), plain.getMaxTokens(), plain.getPresencePenalty(),
                plain.getStopSequences(), plain.getTemperature(), plain.getTopK(), plain.getTopP());
        this.seed = seed;
    }

    /** A builder that says nothing yet. */
    public static Builder builder() {
        return new Builder();
    }

    /** The same prompt with the same seed has the same answer, whatever else goes on; drawn for each call if null. */
    public @Nullable Long getSeed() {
        return seed;
    }

    @Override
    public Builder mutate() {
        return builder().combineWith(super.mutate()).seed(seed);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof TernChatOptions same && super.equals(other) && Objects.equals(seed, same.seed);
    }

    @Override
    public int hashCode() {
        return Objects.hash(super.hashCode(), seed);
    }

    /** What to say. */
    public static final class Builder extends DefaultToolCallingChatOptions.Builder<Builder> {
        private @Nullable Long seed;

        private Builder() {
        }

        /** See {@link TernChatOptions#getSeed}. */
        public Builder seed(@Nullable Long value) {
            seed = value;
            return this;
        }

        @Override
        public Builder combineWith(ChatOptions.Builder<?> other) {
            super.combineWith(other);
            if (other instanceof Builder same && same.seed != null) {
                seed = same.seed;
            }
            return this;
        }

        @Override
        public TernChatOptions build() {
            return new TernChatOptions(toolCallbacks, toolContext, super.build(), seed);
        }
    }
}
