package tern.springai.autoconfigure;

import java.io.IOException;

import org.springframework.ai.chat.model.ChatModel;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.ai.model.SpringAIModelProperties;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;

import tern.host.local.LocalModel;
import tern.springai.TernChatModel;
import tern.springai.TernChatOptions;
import tern.springai.TernEmbeddingModel;

/**
 * One open model, and a chat and an embedding model on it, where {@code spring.ai.tern.model-path} is set. The model is closed
 * with the context. {@code spring.ai.model.chat} and {@code spring.ai.model.embedding} choose among several providers; Tern's name
 * there is {@code tern}.
 */
@AutoConfiguration(beforeName = "org.springframework.ai.model.chat.client.autoconfigure.ChatClientAutoConfiguration")
@ConditionalOnClass({ChatModel.class, EmbeddingModel.class, LocalModel.class})
@ConditionalOnProperty("spring.ai.tern.model-path")
@EnableConfigurationProperties(TernProperties.class)
public class TernAutoConfiguration {
    private static final String TERN = "tern";

    /**
     * The model.
     *
     * @throws IOException if it cannot be opened; names the file and what is wrong
     */
    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    public LocalModel ternModel(TernProperties properties) throws IOException {
        LocalModel.Options options = LocalModel.Options.of(properties.modelPath())
                .withStateBytes(properties.stateMemory().toBytes()).withMaxWaiting(properties.maxWaiting());
        if (properties.threads() != null) {
            options = options.withThreads(properties.threads());
        }
        if (properties.stateFolder() != null) {
            options = options.withStateFolder(properties.stateFolder());
        }
        return LocalModel.open(options);
    }

    /** Chats. */
    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnProperty(name = SpringAIModelProperties.CHAT_MODEL, havingValue = TERN, matchIfMissing = true)
    public TernChatModel ternChatModel(LocalModel model, TernProperties properties) {
        TernProperties.Chat chat = properties.chat();
        TernChatOptions.Builder options = TernChatOptions.builder().seed(chat.seed()).temperature(chat.temperature())
                .topP(chat.topP()).presencePenalty(chat.presencePenalty()).frequencyPenalty(chat.frequencyPenalty())
                .maxTokens(chat.maxTokens()).stopSequences(chat.stopSequences());
        return new TernChatModel(model, options.build(), properties.timeout());
    }

    /** Embeddings. */
    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnProperty(name = SpringAIModelProperties.EMBEDDING_MODEL, havingValue = TERN, matchIfMissing = true)
    public TernEmbeddingModel ternEmbeddingModel(LocalModel model) {
        return new TernEmbeddingModel(model);
    }
}
