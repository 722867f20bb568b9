package tern.springai;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.chat.messages.AssistantMessage;
import org.springframework.ai.chat.messages.SystemMessage;
import org.springframework.ai.chat.messages.UserMessage;
import org.springframework.ai.chat.model.ChatResponse;
import org.springframework.ai.chat.model.Generation;
import org.springframework.ai.chat.prompt.ChatOptions;
import org.springframework.ai.chat.prompt.Prompt;
import org.springframework.ai.content.Media;
import org.springframework.ai.document.Document;
import org.springframework.ai.embedding.EmbeddingOptions;
import org.springframework.ai.embedding.EmbeddingRequest;
import org.springframework.ai.embedding.EmbeddingResponse;
import org.springframework.ai.tool.function.FunctionToolCallback;
import org.springframework.util.MimeTypeUtils;

import tern.host.engine.Refusal;
import tern.host.local.LocalModel;

class TernChatModelTest {
    private static final TernChatOptions OPTIONS = TernChatOptions.builder().maxTokens(40).seed(7L).build();

    @TempDir
    static Path folder;
    private static LocalModel model;

    @BeforeAll
    static void open() throws IOException {
        model = LocalModel.open(LocalModel.Options.of(TinyCheckpoint.in(folder)).withThreads(2));
    }

    @AfterAll
    static void close() {
        model.close();
    }

    private static TernChatModel chat() {
        return new TernChatModel(model, OPTIONS, Duration.ofMinutes(1));
    }

    private static ChatClient client() {
        return ChatClient.create(chat());
    }

    private static Generation result(ChatResponse response) {
        return Objects.requireNonNull(response.getResult());
    }

    private static String text(ChatResponse response) {
        return Objects.requireNonNull(result(response).getOutput().getText());
    }

    private static String finish(ChatResponse response) {
        return Objects.requireNonNull(result(response).getMetadata().getFinishReason());
    }

    @Test
    void answersAChatClient() {
        ChatResponse response = Objects
                .requireNonNull(client().prompt().user("Who goes there?").call().chatResponse());
        assertThat(text(response)).isNotEmpty();
        assertThat(finish(response)).isEqualTo("LENGTH");
        assertThat(response.getMetadata().getModel()).isEqualTo("tiny");
        // "User: Who goes there?\n\nAssistant:", one token a byte.
        assertThat(response.getMetadata().getUsage().getPromptTokens()).isEqualTo(33);
        assertThat(response.getMetadata().getUsage().getCompletionTokens()).isEqualTo(40);
        assertThat(response.getMetadata().getUsage().getTotalTokens()).isEqualTo(73);
        assertThat(client().prompt().user("Who goes there?").call().content())
                .isEqualTo(text(response));
    }

    @Test
    void streamsThePiecesOfTheSameAnswer() {
        String whole = client().prompt().system("Be brief.").user("stream").call().content();
        List<ChatResponse> pieces = Objects
                .requireNonNull(client().prompt().system("Be brief.").user("stream").stream().chatResponse()
                        .collectList().block(Duration.ofMinutes(1)));
        StringBuilder text = new StringBuilder();
        pieces.forEach(piece -> text.append(text(piece)));
        assertThat(text.toString()).isEqualTo(whole);
        assertThat(pieces).hasSizeGreaterThan(3);
        assertThat(pieces.getLast().getMetadata().getUsage().getCompletionTokens()).isEqualTo(40);
        assertThat(finish(pieces.getLast())).isEqualTo("LENGTH");
    }

    @Test
    void cancellingAStreamEndsTheWork() throws Exception {
        long before = model.report().cancelled();
        ChatResponse first = Objects.requireNonNull(chat()
                .stream(new Prompt("for ever", TernChatOptions.builder().maxTokens(100_000).build()))
                .blockFirst(Duration.ofMinutes(1)));
        assertThat(text(first)).isNotEmpty();
        long until = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
        while (model.report().cancelled() == before && System.nanoTime() < until) {
            Thread.sleep(5);
        }
        assertThat(model.report().cancelled()).isEqualTo(before + 1);
    }

    @Test
    void aPromptSaysMoreThanTheModel() {
        Prompt prompt = new Prompt("short", ChatOptions.builder().maxTokens(3).build());
        assertThat(chat().call(prompt).getMetadata().getUsage().getCompletionTokens()).isEqualTo(3);
        TernChatOptions.Builder more = OPTIONS.mutate().combineWith(TernChatOptions.builder().seed(8L));
        assertThat(more.build().getMaxTokens()).isEqualTo(40);
        assertThat(more.build().getSeed()).isEqualTo(8);
        assertThat(more.clone().build()).isEqualTo(more.build()).isNotEqualTo(OPTIONS);
        assertThat(client().prompt().user("x").options(TernChatOptions.builder().seed(8L)).call().content())
                .isNotEqualTo(client().prompt().user("x").call().content());
    }

    @Test
    void aStopSequenceEndsTheAnswer() {
        String whole = Objects.requireNonNull(client().prompt().user("stop").call().content());
        String stop = whole.substring(whole.length() / 2).strip().substring(0, 1);
        ChatResponse response = Objects.requireNonNull(client().prompt().user("stop")
                .options(TernChatOptions.builder().stopSequences(List.of(stop))).call().chatResponse());
        assertThat(text(response)).isEqualTo(whole.substring(0, whole.indexOf(stop)).strip());
        assertThat(finish(response)).isEqualTo("STOP");
    }

    @Test
    void aFollowUpReadsNewTokensOnly() {
        SystemMessage system = new SystemMessage("You are brief. " + "x".repeat(300));
        ChatResponse first = chat().call(new Prompt(system, new UserMessage("first")));
        ChatResponse second = chat().call(new Prompt(system, new UserMessage("first"), result(first).getOutput(),
                new UserMessage("second")));
        int known = first.getMetadata().getUsage().getPromptTokens() - "Assistant:".length();
        assertThat(second.getMetadata().getUsage().getCacheReadInputTokens()).isGreaterThanOrEqualTo((long) known);
        assertThat(second.getMetadata().getUsage().getPromptTokens()).isGreaterThan(known + 20);
    }

    @Test
    void refusesWhatIsNotOffered() {
        refused("tools", () -> client().prompt().user("what time is it?")
                .tools(FunctionToolCallback.builder("clock", () -> "noon").description("tells the time").build())
                .call().content());
        refused("media image/png", () -> chat().call(new Prompt(UserMessage.builder().text("what is this?")
                .media(Media.builder().mimeType(MimeTypeUtils.IMAGE_PNG).data(new byte[1]).build()).build())));
    }

    /** Of one token that remains, no temperature chooses another. */
    @Test
    void topOfOneIsGreedy() {
        String greedy = text(chat().call(new Prompt("x", ChatOptions.builder().temperature(0.0).build())));
        String one = text(chat().call(new Prompt("x", ChatOptions.builder().temperature(2.0).topK(1).build())));
        assertThat(one).isEqualTo(greedy).isNotEmpty();
    }

    private static void refused(String feature, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        assertThatExceptionOfType(UnsupportedOperationException.class).isThrownBy(call)
                .withMessageContaining(feature);
    }

    @Test
    void saysWhatIsWrong() {
        assertThatExceptionOfType(IllegalArgumentException.class).isThrownBy(
                () -> new TernChatModel(model, TernChatOptions.builder().temperature(3.0).build(),
                        Duration.ofMinutes(1)))
                .withMessageContaining("temperature is 3.0");
        assertThatExceptionOfType(IllegalArgumentException.class)
                .isThrownBy(() -> chat().call(new Prompt("x", ChatOptions.builder().model("other").build())))
                .withMessageContaining("other");
        assertThatExceptionOfType(Refusal.class)
                .isThrownBy(() -> new TernChatModel(model, OPTIONS, Duration.ofNanos(1)).call("slow"))
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(Refusal.Kind.TOO_SLOW));
        assertThat(chat().call(new Prompt(new UserMessage("hi"), new AssistantMessage("")))).isNotNull();
    }

    @Test
    void embeds() {
        TernEmbeddingModel embeddings = new TernEmbeddingModel(model);
        EmbeddingResponse both = embeddings.embedForResponse(List.of("to be", "or not to be"));
        assertThat(both.getMetadata().getUsage().getPromptTokens()).isEqualTo(17);
        assertThat(both.getResults().get(1).getIndex()).isEqualTo(1);
        float[] second = both.getResults().get(1).getOutput();
        double squares = 0;
        for (float each : second) {
            squares += each * each;
        }
        assertThat(squares).isCloseTo(1, within(1e-5));
        assertThat(embeddings.embed(new Document("or not to be"))).isEqualTo(second).hasSize(embeddings.dimensions())
                .isNotEqualTo(both.getResults().getFirst().getOutput());
        refused("dimensions", () -> embeddings.call(new EmbeddingRequest(List.of("x"),
                EmbeddingOptions.builder().dimensions(3).build())));
    }
}
