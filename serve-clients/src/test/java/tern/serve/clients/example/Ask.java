package tern.serve.clients.example;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;

/** One question to a server, by OpenAI's client for Java; the answer is printed as it comes. */
public final class Ask {
    private Ask() {
    }

    /** Arguments: the address, such as {@code http://localhost:8080/v1}, a key, which a server without keys ignores, and a model's name. */
    public static void main(String... arguments) {
        String url = arguments[0];
        String key = arguments[1];
        String model = arguments[2];
        OpenAIClient client = OpenAIOkHttpClient.builder().baseUrl(url).apiKey(key).build();
        ChatCompletionCreateParams question = ChatCompletionCreateParams.builder().model(model)
                .addUserMessage("Who goes there?").maxCompletionTokens(40).build();
        try (StreamResponse<ChatCompletionChunk> answer = client.chat().completions().createStreaming(question)) {
            answer.stream().flatMap(piece -> piece.choices().stream())
                    .flatMap(choice -> choice.delta().content().stream()).forEach(System.out::print);
        }
        client.close();
    }
}
