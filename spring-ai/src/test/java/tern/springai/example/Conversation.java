package tern.springai.example;

import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.chat.client.advisor.MessageChatMemoryAdvisor;
import org.springframework.ai.chat.memory.ChatMemory;
import org.springframework.ai.chat.memory.MessageWindowChatMemory;
import org.springframework.ai.chat.model.ChatModel;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** A Boot application with a conversation, a streamed answer and an embedding; {@code --spring.ai.tern.model-path=…} names the model. */
@SpringBootApplication
public class Conversation {
    /** Starts it. */
    public static void main(String... arguments) {
        SpringApplication.run(Conversation.class, arguments).close();
    }

    @Bean
    CommandLineRunner talk(ChatModel chatModel, EmbeddingModel embeddingModel) {
        return arguments -> {
            ChatClient chat = ChatClient.builder(chatModel).defaultAdvisors(
                    MessageChatMemoryAdvisor.builder(MessageWindowChatMemory.builder().build()).build()).build();
            System.out.println("answer: " + chat.prompt().user("Who goes there?")
                    .advisors(memory -> memory.param(ChatMemory.CONVERSATION_ID, "1")).call().content());
            System.out.println("answer: " + chat.prompt().user("And who are you?")
                    .advisors(memory -> memory.param(ChatMemory.CONVERSATION_ID, "1")).call().content());

            ChatClient.create(chatModel).prompt().user("Tell me more.").stream().content().doOnNext(System.out::print)
                    .blockLast();

            System.out.println("\nembedding: " + embeddingModel.embed("to be or not to be").length + " numbers");
        };
    }
}
