package tern.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.ModelNotFoundException;
import dev.langchain4j.exception.RateLimitException;
import dev.langchain4j.exception.TimeoutException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.memory.chat.TokenWindowChatMemory;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.model.chat.request.json.JsonSchema;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.MemoryId;
import dev.langchain4j.service.Result;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.host.local.LocalModel;

class TernChatModelTest {
    @TempDir
    static Path folder;
    private static Path path;
    private static LocalModel shared;

    @BeforeAll
    static void open() throws IOException {
        path = TinyCheckpoint.in(folder);
        shared = LocalModel.open(LocalModel.Options.of(path).withThreads(2).withStateBytes(64 << 20));
    }

    @AfterAll
    static void close() {
        shared.close();
    }

    private static TernChatModel.Builder builder() {
        return TernChatModel.builder().model(shared).maxTokens(24).seed(7L);
    }

    @Test
    void answersWithUsageAndFinishReason() {
        ChatResponse response = builder().build().chat(UserMessage.from("Who goes there?"));
        assertThat(response.aiMessage().text()).isNotEmpty();
        assertThat(response.modelName()).isEqualTo("tiny");
        assertThat(response.finishReason()).isEqualTo(FinishReason.LENGTH);
        // "User: Who goes there?\n\nAssistant:", one token a byte.
        assertThat(response.tokenUsage().inputTokenCount()).isEqualTo(33);
        assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(24);
        assertThat(response.tokenUsage().totalTokenCount()).isEqualTo(57);
    }

    @Test
    void theSameSeedGivesTheSameAnswer() {
        String first = builder().build().chat("again");
        assertThat(builder().build().chat("again")).isEqualTo(first);
        assertThat(builder().seed(8L).build().chat("again")).isNotEqualTo(first);
    }

    @Test
    void aStopStringEndsTheAnswer() {
        String whole = builder().maxTokens(200).build().chat("stop");
        int at = whole.length() / 2;
        while (Character.isWhitespace(whole.charAt(at))) {
            at++;
        }
        String stop = whole.substring(at, at + 1);
        ChatResponse response = builder().maxTokens(200).stop(stop).build().chat(UserMessage.from("stop"));
        assertThat(response.aiMessage().text()).isEqualTo(whole.substring(0, whole.indexOf(stop)).strip());
        assertThat(response.finishReason()).isEqualTo(FinishReason.STOP);
    }

    @Test
    void aRequestSaysMoreThanTheBuilder() {
        ChatResponse response = builder().build().chat(
                ChatRequest.builder().messages(UserMessage.from("short")).maxOutputTokens(3).temperature(0.0).build());
        assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(3);
    }

    @Test
    void aFollowUpReadsNewTokensOnly() {
        TernChatModel model = builder().build();
        List<ChatMessage> messages = new ArrayList<>(List.of(SystemMessage.from("You are brief. " + "x".repeat(300)),
                UserMessage.from("first")));
        ChatResponse first = model.chat(messages);
        messages.add(first.aiMessage());
        messages.add(UserMessage.from("second"));
        TernTokenUsage usage = (TernTokenUsage) model.chat(messages).tokenUsage();
        int known = first.tokenUsage().inputTokenCount() - "Assistant:".length();
        assertThat(usage.cachedInputTokenCount()).isGreaterThanOrEqualTo(known)
                .isLessThan(usage.inputTokenCount());
        // The answer of 24 bytes may be longer as text, where a byte stood for no character.
        assertThat(usage.inputTokenCount() - usage.cachedInputTokenCount()).isLessThan(130);
        assertThat(usage.add(usage)).isEqualTo(new TernTokenUsage(2 * usage.inputTokenCount(),
                2 * usage.outputTokenCount(), 2 * usage.cachedInputTokenCount()));
    }

    @Test
    void callsOfManyThreadsShareBatchesAndDoNotChangeEachOther() throws Exception {
        int calls = 12;
        TernChatModel model = builder().maxTokens(300).build();
        List<String> alone = new ArrayList<>();
        for (int i = 0; i < calls; i++) {
            alone.add(model.chat("question " + i));
        }
        long before = shared.report().steps();
        List<Callable<String>> questions = new ArrayList<>();
        for (int i = 0; i < calls; i++) {
            String question = "question " + i;
            questions.add(() -> model.chat(question));
        }
        List<String> together = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (Future<String> answer : threads.invokeAll(questions)) {
                together.add(answer.get());
            }
        }
        assertThat(together).isEqualTo(alone);
        assertThat(shared.report().steps() - before).as("steps of %s answers of 300 tokens", calls)
                .isLessThan(calls * 299L);
    }

    @Test
    void answersWithoutAThreadThatWaits() {
        CompletableFuture<ChatResponse> answer = builder().build().chatAsync(List.of(UserMessage.from("later")));
        assertThat(answer.orTimeout(1, TimeUnit.MINUTES).join().aiMessage().text())
                .isEqualTo(builder().build().chat("later"));
    }

    interface Assistant {
        @dev.langchain4j.service.SystemMessage("You answer {{name}}.")
        Result<String> answer(@MemoryId int conversation, @dev.langchain4j.service.UserMessage String question,
                @dev.langchain4j.service.V("name") String name);
    }

    @Test
    void servesAiServicesWithMemoryCountedInTokens() {
        TernTokenCountEstimator tokens = TernTokenCountEstimator.builder().model(shared).build();
        Assistant assistant = AiServices.builder(Assistant.class).chatModel(builder().build())
                .chatMemoryProvider(id -> TokenWindowChatMemory.withMaxTokens(500, tokens)).build();
        Result<String> first = assistant.answer(1, "Who goes there?", "Hamlet");
        Result<String> second = assistant.answer(1, "Stand and unfold yourself.", "Hamlet");
        assertThat(first.content()).isNotEmpty();
        assertThat(first.finishReason()).isEqualTo(FinishReason.LENGTH);
        assertThat(second.tokenUsage().inputTokenCount()).isGreaterThan(first.tokenUsage().inputTokenCount() + 26);
    }

    @Test
    void refusesWhatIsNotOffered() {
        TernChatModel model = builder().build();
        UserMessage hello = UserMessage.from("hello");
        ToolSpecification tool = ToolSpecification.builder().name("clock").description("tells the time").build();
        JsonSchema schema = JsonSchema.builder().name("answer").rootElement(JsonObjectSchema.builder().build())
                .build();
        refused("tools", model, ChatRequest.builder().messages(hello).toolSpecifications(tool).build());
        refused("JSON response format", model,
                ChatRequest.builder().messages(hello).responseFormat(ResponseFormat.JSON).build());
        refused("JSON schema", model, ChatRequest.builder().messages(hello).responseFormat(ResponseFormat.builder()
                .type(dev.langchain4j.model.chat.request.ResponseFormatType.JSON).jsonSchema(schema).build()).build());
        refused("IMAGE", model, ChatRequest.builder().messages(
                UserMessage.from(TextContent.from("what is this?"), ImageContent.from("http://localhost/cat.png")))
                .build());
        refused("TOOL_EXECUTION_RESULT", model, ChatRequest.builder()
                .messages(hello, AiMessage.from("one moment"), ToolExecutionResultMessage.from("1", "clock", "noon"))
                .build());
    }

    private static void refused(String feature, TernChatModel model, ChatRequest request) {
        assertThatExceptionOfType(UnsupportedFeatureException.class).isThrownBy(() -> model.chat(request))
                .withMessageContaining(feature);
    }

    @Test
    void saysWhatIsWrongInTheFrameworksExceptions() throws IOException {
        assertThatExceptionOfType(ModelNotFoundException.class)
                .isThrownBy(() -> TernChatModel.builder().modelPath(folder.resolve("nothing")).build())
                .withMessageContaining("nothing");
        assertThatExceptionOfType(InvalidRequestException.class)
                .isThrownBy(() -> builder().temperature(3.0).build())
                .withMessageContaining("temperature is 3.0");
        assertThatExceptionOfType(IllegalArgumentException.class).isThrownBy(() -> TernChatModel.builder().build())
                .withMessageContaining("modelPath is not set");
        assertThatExceptionOfType(IllegalArgumentException.class).isThrownBy(() -> builder().threads(1).build())
                .withMessageContaining("model is set");
        assertThatExceptionOfType(ModelNotFoundException.class).isThrownBy(() -> builder().build()
                .chat(ChatRequest.builder().messages(UserMessage.from("hi")).modelName("other").build()))
                .withMessageContaining("other");
        assertThatExceptionOfType(TimeoutException.class)
                .isThrownBy(() -> builder().timeout(Duration.ofNanos(1)).build().chat("slow"));
        assertThatExceptionOfType(InvalidRequestException.class)
                .isThrownBy(() -> builder().maxTokens(1 << 30).build().chat("long"));
        try (TernChatModel none = TernChatModel.builder().modelPath(path).threads(1).maxWaiting(0).build()) {
            assertThatExceptionOfType(RateLimitException.class).isThrownBy(() -> none.chat("busy"));
        }
    }

    @Test
    void aClosedModelRefuses() {
        TernChatModel model = TernChatModel.builder().modelPath(path.toString()).threads(1).maxTokens(3).build();
        assertThat(model.chat("open")).isNotNull();
        model.close();
        model.close();
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> model.chat("closed"))
                .withMessageContaining("is closed");
    }
}
