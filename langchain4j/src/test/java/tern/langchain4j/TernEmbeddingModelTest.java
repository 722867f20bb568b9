package tern.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.output.Response;
import dev.langchain4j.model.output.TokenUsage;
import dev.langchain4j.store.embedding.CosineSimilarity;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TernEmbeddingModelTest {
    @Test
    void embedsTextsInOrder(@TempDir Path folder) throws IOException {
        try (TernEmbeddingModel model = TernEmbeddingModel.builder().modelPath(TinyCheckpoint.in(folder)).threads(1)
                .build()) {
            Response<List<Embedding>> both = model
                    .embedAll(List.of(TextSegment.from("to be"), TextSegment.from("or not to be")));
            assertThat(both.tokenUsage()).isEqualTo(new TokenUsage(17, 0));
            assertThat(both.content()).hasSize(2).allSatisfy(embedding -> {
                assertThat(embedding.dimension()).isEqualTo(model.dimension()).isEqualTo(64);
                double squares = 0;
                for (float each : embedding.vector()) {
                    squares += each * each;
                }
                assertThat(squares).isCloseTo(1, within(1e-5));
            });
            Embedding again = model.embed("or not to be").content();
            assertThat(again).isEqualTo(both.content().get(1)).isNotEqualTo(both.content().get(0));
            assertThat(CosineSimilarity.between(again, both.content().get(0))).isLessThan(0.9999);
            assertThat(model.modelName()).isEqualTo("tiny");
        }
    }

    @Test
    void countsTokensAsTheModelReadsThem(@TempDir Path folder) throws IOException {
        try (TernTokenCountEstimator tokens = TernTokenCountEstimator.builder().modelPath(TinyCheckpoint.in(folder))
                .threads(1).build()) {
            assertThat(tokens.estimateTokenCountInText("naïve")).isEqualTo(6);
            assertThat(tokens.estimateTokenCountInMessage(UserMessage.from("hi")))
                    .isEqualTo("User: hi\n\nAssistant:".length());
            assertThat(tokens.estimateTokenCountInMessages(List.of(SystemMessage.from("be brief"),
                    UserMessage.from("hi")))).isEqualTo("System: be brief\n\nUser: hi\n\nAssistant:".length());
            assertThat(tokens.estimateTokenCountInMessages(List.of())).isZero();
        }
    }
}
