package tern.langchain4j;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;

import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.Content;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.ChatResponseMetadata;
import dev.langchain4j.model.output.FinishReason;

import tern.host.chat.Message;
import tern.host.engine.Choosing;
import tern.host.local.Question;
import tern.host.local.Reply;

/** From the framework's words to Tern's and back. */
final class Requests {
    private Requests() {
    }

    /** @throws UnsupportedFeatureException if a message holds what these models do not read; names it */
    static List<Message> messages(Iterable<ChatMessage> messages) {
        List<Message> all = new ArrayList<>();
        for (ChatMessage message : messages) {
            all.add(message(message));
        }
        return all;
    }

    static Message message(ChatMessage message) {
        return switch (message) {
            case SystemMessage system -> new Message("system", system.text());
            case UserMessage user -> new Message("user", text(user.contents()));
            case AiMessage answer -> {
                if (answer.hasToolExecutionRequests()) {
                    throw unsupported("tools", "a message of the assistant asks for a tool");
                }
                String text = answer.text();
                yield new Message("assistant", text == null ? "" : text);
            }
            default -> throw unsupported("messages of type " + message.type(),
                    "a conversation is of system, user and assistant");
        };
    }

    private static String text(List<Content> contents) {
        List<String> parts = new ArrayList<>();
        for (Content content : contents) {
            if (!(content instanceof TextContent text)) {
                throw unsupported("content of type " + content.type(), "these models read text only");
            }
            parts.add(text.text());
        }
        return String.join("\n", parts);
    }

    private static UnsupportedFeatureException unsupported(String feature, String why) {
        return new UnsupportedFeatureException(feature + ": Tern's models do not offer this: " + why);
    }

    /**
     * @throws UnsupportedFeatureException if the parameters ask for what is not offered; names it
     * @throws InvalidRequestException if a parameter is out of range
     */
    static Question question(List<Message> messages, ChatRequestParameters parameters, OptionalLong seed,
            Duration timeout) {
        if (parameters.toolSpecifications() != null && !parameters.toolSpecifications().isEmpty()
                || parameters.toolChoice() != null) {
            throw unsupported("tools", "answers are plain text; leave toolSpecifications and toolChoice out");
        }
        ResponseFormat format = parameters.responseFormat();
        if (format != null && format.type() == ResponseFormatType.JSON) {
            throw unsupported(format.jsonSchema() == null ? "JSON response format" : "JSON schema response format",
                    "answers are plain text; ask for ResponseFormat.TEXT");
        }
        try {
            Choosing choosing = new Choosing(or(parameters.temperature(), 1),
                    parameters.topK() == null ? 0 : parameters.topK(),
                    or(parameters.topP(), 1),
                    or(parameters.presencePenalty(), 0), or(parameters.frequencyPenalty(), 0), Map.of(), -1);
            Integer most = parameters.maxOutputTokens();
            List<String> stops = parameters.stopSequences();
            return new Question(messages, most == null ? OptionalInt.empty() : OptionalInt.of(most), choosing, seed,
                    stops == null ? List.of() : stops, timeout);
        } catch (IllegalArgumentException refused) {
            throw new InvalidRequestException(refused.getMessage(), refused);
        }
    }

    private static double or(Double given, double otherwise) {
        return given == null ? otherwise : given;
    }

    static ChatResponse response(Reply reply, String modelName) {
        return ChatResponse.builder().aiMessage(AiMessage.from(reply.text()))
                .metadata(ChatResponseMetadata.builder().modelName(modelName)
                        .tokenUsage(new TernTokenUsage(reply.promptTokens(), reply.tokens(), reply.cachedTokens()))
                        .finishReason(switch (reply.finish()) {
                            case STOP -> FinishReason.STOP;
                            case LENGTH -> FinishReason.LENGTH;
                        }).build())
                .build();
    }
}
