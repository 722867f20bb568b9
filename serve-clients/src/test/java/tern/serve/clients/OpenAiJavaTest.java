package tern.serve.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Iterator;
import java.util.stream.Collectors;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.UnauthorizedException;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionCreateParams;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import tern.serve.clients.example.Ask;

/** The official Java client. */
class OpenAiJavaTest {
    private static Running running;
    private static OpenAIClient client;

    @BeforeAll
    static void start() throws Exception {
        running = new Running();
        client = client(Running.KEY);
    }

    @AfterAll
    static void stop() {
        client.close();
        running.close();
    }

    private static OpenAIClient client(String key) {
        return OpenAIOkHttpClient.builder().baseUrl(running.url()).apiKey(key).maxRetries(0).build();
    }

    private static CompletionCreateParams.Builder completion(int tokens) {
        return CompletionCreateParams.builder().model("tiny").prompt("Hello").maxTokens(tokens).seed(3)
                .temperature(0.8);
    }

    // OpenAI marks the seed of chats as deprecated; here it keeps its promise.
    @SuppressWarnings("deprecation")
    private static ChatCompletionCreateParams.Builder chat(int tokens) {
        return ChatCompletionCreateParams.builder().model("tiny").addUserMessage("Hello").maxCompletionTokens(tokens)
                .seed(3);
    }

    @Test
    void theDocumentedExamplePrintsAnAnswer() {
        PrintStream before = System.out;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        System.setOut(new PrintStream(said, true, StandardCharsets.UTF_8));
        try {
            Ask.main(running.url(), Running.KEY, "tiny");
        } finally {
            System.setOut(before);
        }
        assertThat(said.toString(StandardCharsets.UTF_8)).isNotEmpty();
    }

    @Test
    void completionsWholeAndStreamed() {
        Completion whole = client.completions().create(completion(30).build());
        assertThat(whole.usage().orElseThrow().completionTokens()).isEqualTo(30);
        try (StreamResponse<Completion> stream = client.completions().createStreaming(completion(30).build())) {
            assertThat(stream.stream().map(piece -> piece.choices().getFirst().text()).collect(Collectors.joining()))
                    .isEqualTo(whole.choices().getFirst().text());
        }
    }

    @Test
    void chatsWholeStreamedWithProbabilitiesAndStops() {
        ChatCompletion whole = client.chat().completions().create(chat(30).logprobs(true).topLogprobs(2).build());
        ChatCompletion.Choice choice = whole.choices().getFirst();
        String text = choice.message().content().orElseThrow();
        assertThat(choice.finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.LENGTH);
        assertThat(choice.logprobs().orElseThrow().content().orElseThrow()).hasSize(30)
                .allSatisfy(token -> assertThat(token.logprob()).isNegative());
        try (StreamResponse<ChatCompletionChunk> stream = client.chat().completions()
                .createStreaming(chat(30).build())) {
            assertThat(stream.stream().flatMap(piece -> piece.choices().stream())
                    .map(piece -> piece.delta().content().orElse("")).collect(Collectors.joining())).isEqualTo(text);
        }
        String stop = text.substring(text.length() / 2, text.length() / 2 + 1);
        ChatCompletion stopped = client.chat().completions().create(chat(30).stop(stop).build());
        assertThat(stopped.choices().getFirst().message().content().orElseThrow())
                .isEqualTo(text.substring(0, text.indexOf(stop)));
        assertThat(stopped.choices().getFirst().finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.STOP);
    }

    @Test
    void modelsAndErrorsByTheirKinds() {
        assertThat(client.models().list().data()).singleElement().satisfies(
                model -> assertThat(model.id()).isEqualTo("tiny"));
        assertThatThrownBy(() -> client.completions().create(completion(3).model("other").build()))
                .isInstanceOf(NotFoundException.class)
                .hasMessageContaining("there is no model \"other\"; this server has tiny");
        assertThatThrownBy(() -> client.completions().create(completion(3).temperature(9.0).build()))
                .isInstanceOf(BadRequestException.class).hasMessageContaining("temperature");
        OpenAIClient stranger = client("wrong");
        assertThatThrownBy(() -> stranger.models().list()).isInstanceOf(UnauthorizedException.class);
        stranger.close();
    }

    @Test
    void aStreamThatIsClosedEndsAtTheServer() throws Exception {
        try (StreamResponse<Completion> stream = client.completions().createStreaming(completion(900_000).build())) {
            Iterator<Completion> pieces = stream.stream().iterator();
            assertThat(pieces.next().choices()).hasSize(1);
        }
        assertThat(running.isIdleWithin(Duration.ofSeconds(60))).as("the stream has ended").isTrue();
    }
}
