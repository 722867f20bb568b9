package tern.springai.autoconfigure;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * {@code spring.ai.tern.*}.
 *
 * @param modelPath a model's folder or file
 * @param threads to compute on; all cores if null
 * @param stateMemory native memory for states
 * @param stateFolder where states go that memory has no room for; they then survive the process
 * @param maxWaiting how many calls wait for their turn; more are refused
 * @param timeout how long a call may take
 * @param chat options of prompts that do not say
 */
@ConfigurationProperties("spring.ai.tern")
public record TernProperties(Path modelPath, @Nullable Integer threads, @DefaultValue("1GB") DataSize stateMemory,
        @Nullable Path stateFolder, @DefaultValue("4096") int maxWaiting, @DefaultValue("30m") Duration timeout,
        @DefaultValue Chat chat) {
    /**
     * {@code spring.ai.tern.chat.*}; null where a prompt, or else the model, decides.
     *
     * @param temperature 0 to 2
     * @param topP above 0 and at most 1
     * @param presencePenalty −2 to 2
     * @param frequencyPenalty −2 to 2
     * @param maxTokens of an answer
     * @param stopSequences strings that end an answer
     * @param seed of every call
     */
    public record Chat(@Nullable Double temperature, @Nullable Double topP, @Nullable Double presencePenalty,
            @Nullable Double frequencyPenalty, @Nullable Integer maxTokens, @Nullable List<String> stopSequences,
            @Nullable Long seed) {
    }
}
