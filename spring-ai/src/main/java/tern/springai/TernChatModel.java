package tern.springai;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;

import org.jspecify.annotations.Nullable;
import org.springframework.ai.chat.messages.AssistantMessage;
import org.springframework.ai.chat.messages.UserMessage;
import org.springframework.ai.chat.metadata.ChatGenerationMetadata;
import org.springframework.ai.chat.metadata.ChatResponseMetadata;
import org.springframework.ai.chat.metadata.DefaultUsage;
import org.springframework.ai.chat.model.ChatModel;
import org.springframework.ai.chat.model.ChatResponse;
import org.springframework.ai.chat.model.Generation;
import org.springframework.ai.chat.prompt.ChatOptions;
import org.springframework.ai.chat.prompt.Prompt;
import org.springframework.ai.model.tool.ToolCallingChatOptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxSink;

import tern.host.chat.Message;
import tern.host.engine.Choosing;
import tern.host.local.Call;
import tern.host.local.LocalModel;
import tern.host.local.Question;
import tern.host.local.Reader;
import tern.host.local.Reply;

/**
 * A chat model in this process. Safe for use by several threads, whose calls share batches. The model belongs to whoever opened it
 * and is closed after the last call. Usage tells the tokens that did not have to be read as
 * {@code getCacheReadInputTokens()}. Tools and media are refused with an {@link UnsupportedOperationException} that names
 * them; a call that finds too many waiting, takes too long or is overtaken by the model's end throws a
 * {@link tern.host.engine.Refusal}.
 */
public final class TernChatModel implements ChatModel {
    private final LocalModel model;
    private final TernChatOptions options;
    private final Duration timeout;

    /** Chats with a model by usual options, for at most half an hour a call. */
    public TernChatModel(LocalModel model) {
        this(model, TernChatOptions.builder().build(), Duration.ofMinutes(30));
    }

    /**
     * Chats with a model.
     *
     * @param options where a prompt does not say
     * @param timeout how long a call may take
     * @throws IllegalArgumentException if an option is out of range
     * @throws UnsupportedOperationException if an option is not offered
     */
    public TernChatModel(LocalModel model, TernChatOptions options, Duration timeout) {
        this.model = model;
        this.options = options;
        this.timeout = timeout;
        question(List.of(new Message("user", "")), options);
    }

    @Override
    public TernChatOptions getOptions() {
        return options;
    }

    /**
     * Answers, and waits for the whole.
     *
     * @throws CancellationException if the thread is interrupted; its flag is set again
     */
    @Override
    public ChatResponse call(Prompt prompt) {
        try {
            Reply reply = model.ask(question(prompt));
            return response(reply.text(), reply);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            CancellationException cancelled = new CancellationException(
                    "the thread was interrupted while it waited for an answer");
            cancelled.initCause(interrupted);
            throw cancelled;
        }
    }

    /** Answers piece by piece; the last one has no text, but usage and the finish reason. Cancelling ends the work. */
    @Override
    public Flux<ChatResponse> stream(Prompt prompt) {
        return Flux.create(sink -> {
            Call call = model.ask(question(prompt), new Telling(sink));
            sink.onDispose(call::cancel);
        });
    }

    /** Passes an answer on to a subscriber. */
    private final class Telling implements Reader {
        private final FluxSink<ChatResponse> sink;

        private Telling(FluxSink<ChatResponse> sink) {
            this.sink = sink;
        }

        @Override
        public void text(String piece) {
            FluxSink<ChatResponse> ignored = sink.next(ChatResponse.builder()
                    .generations(List.of(new Generation(new AssistantMessage(piece))))
                    .metadata(ChatResponseMetadata.builder().model(model.name()).build()).build());
        }

        @Override
        public void done(Reply reply) {
            FluxSink<ChatResponse> ignored = sink.next(response("", reply));
            sink.complete();
        }

        @Override
        public void failed(RuntimeException why) {
            sink.error(why);
        }
    }

    private ChatResponse response(String text, Reply reply) {
        String finish = switch (reply.finish()) {
            case STOP -> "STOP";
            case LENGTH -> "LENGTH";
        };
        DefaultUsage usage = new DefaultUsage(reply.promptTokens(), reply.tokens(),
                reply.promptTokens() + reply.tokens(), reply, (long) reply.cachedTokens(), null);
        return new ChatResponse(
                List.of(new Generation(new AssistantMessage(text),
                        ChatGenerationMetadata.builder().finishReason(finish).build())),
                ChatResponseMetadata.builder().model(model.name()).usage(usage).build());
    }

    private Question question(Prompt prompt) {
        ChatOptions asked = prompt.getOptions();
        TernChatOptions all = asked == null ? options : options.mutate().combineWith(asked.mutate()).build();
        return question(prompt.getInstructions().stream().map(TernChatModel::message).toList(), all);
    }

    private static Message message(org.springframework.ai.chat.messages.Message message) {
        String text = message.getText();
        if (message instanceof UserMessage user && !user.getMedia().isEmpty()) {
            throw unsupported("media " + user.getMedia().getFirst().getMimeType(), "these models read text only");
        }
        if (message instanceof AssistantMessage answer && answer.hasToolCalls()) {
            throw unsupported("tools", "a message of the assistant asks for a tool");
        }
        return switch (message.getMessageType()) {
            case SYSTEM -> new Message("system", text == null ? "" : text);
            case USER -> new Message("user", text == null ? "" : text);
            case ASSISTANT -> new Message("assistant", text == null ? "" : text);
            case TOOL -> throw unsupported("messages of type TOOL", "a conversation is of system, user and assistant");
        };
    }

    private Question question(List<Message> messages, TernChatOptions asked) {
        if (refersToTools(asked)) {
            throw unsupported("tools", "answers are plain text; leave the tool callbacks out");
        }
        String name = asked.getModel();
        if (name != null && !name.equals(model.name())) {
            throw new IllegalArgumentException("the prompt names the model " + name + ", but this is " + model.name()
                    + "; leave the model out, or ask the other one");
        }
        Choosing choosing = new Choosing(or(asked.getTemperature(), 1), asked.getTopK() == null ? 0 : asked.getTopK(),
                or(asked.getTopP(), 1),
                or(asked.getPresencePenalty(), 0), or(asked.getFrequencyPenalty(), 0), Map.of(), -1);
        Integer most = asked.getMaxTokens();
        Long seed = asked.getSeed();
        List<String> stops = asked.getStopSequences();
        return new Question(messages, most == null ? OptionalInt.empty() : OptionalInt.of(most), choosing,
                seed == null ? OptionalLong.empty() : OptionalLong.of(seed),
                stops == null ? List.of() : new ArrayList<>(stops), timeout);
    }

    private static boolean refersToTools(ToolCallingChatOptions asked) {
        List<?> tools = asked.getToolCallbacks();
        return tools != null && !tools.isEmpty();
    }

    private static double or(@Nullable Double given, double otherwise) {
        return given == null ? otherwise : given;
    }

    private static UnsupportedOperationException unsupported(String feature, String why) {
        return new UnsupportedOperationException(feature + ": Tern's models do not offer this: " + why);
    }
}
