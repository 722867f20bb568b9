package tern.langchain4j.example;

import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.memory.chat.TokenWindowChatMemory;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.service.AiServices;

import tern.host.local.LocalModel;
import tern.langchain4j.TernChatModel;
import tern.langchain4j.TernEmbeddingModel;
import tern.langchain4j.TernStreamingChatModel;
import tern.langchain4j.TernTokenCountEstimator;

/** A conversation with memory, a streamed answer and an embedding, all on one model that is opened once. */
public final class Conversation {
    interface Assistant {
        String answer(String question);
    }

    private Conversation() {
    }

    /** The one argument is a model's folder or file. */
    public static void main(String... arguments) throws Exception {
        try (LocalModel model = LocalModel.open(LocalModel.Options.of(Path.of(arguments[0])))) {
            TernChatModel chat = TernChatModel.builder().model(model).temperature(0.8).maxTokens(40).seed(1L).build();
            TernTokenCountEstimator tokens = TernTokenCountEstimator.builder().model(model).build();
            Assistant assistant = AiServices.builder(Assistant.class).chatModel(chat)
                    .chatMemory(TokenWindowChatMemory.withMaxTokens(2000, tokens)).build();
            System.out.println("answer: " + assistant.answer("Who goes there?"));
            System.out.println("answer: " + assistant.answer("And who are you?"));

            CompletableFuture<ChatResponse> streamed = new CompletableFuture<>();
            TernStreamingChatModel.builder().model(model).maxTokens(40).build().chat("Tell me more.",
                    new StreamingChatResponseHandler() {
                        @Override
                        public void onPartialResponse(String piece) {
                            System.out.print(piece);
                        }

                        @Override
                        public void onCompleteResponse(ChatResponse response) {
                            streamed.complete(response);
                        }

                        @Override
                        public void onError(Throwable error) {
                            streamed.completeExceptionally(error);
                        }
                    });
            System.out.println("\nusage: " + streamed.join().tokenUsage());

            Embedding embedding = TernEmbeddingModel.builder().model(model).build().embed("to be or not to be")
                    .content();
            System.out.println("embedding: " + embedding.dimension() + " numbers");
        }
    }
}
