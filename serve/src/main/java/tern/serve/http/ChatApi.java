package tern.serve.http;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

import tern.host.chat.ChatPrompt;
import tern.host.chat.Message;
import tern.host.chat.TemplateException;
import tern.host.engine.Choosing;
import tern.host.engine.Job;

/** {@code POST /v1/chat/completions}. Safe for use by several threads. */
final class ChatApi {
    private static final int MOST_TOKENS = 1 << 24;
    private static final int MOST_MESSAGES = 10_000;
    private static final String ROLE = "[a-z_]{1,32}";
    private static final Set<String> PLAIN_ROLES = Set.of("system", "developer", "user", "assistant", "tool",
            "function");

    private final Models models;
    private final Limits limits;
    private final Metrics metrics;

    ChatApi(Models models, Limits limits, Metrics metrics) {
        this.models = models;
        this.limits = limits;
        this.metrics = metrics;
    }

    void complete(Exchange exchange) throws IOException, InterruptedException {
        Fields fields = exchange.fields();
        Served served = models.named(fields);
        refuseWhatIsNotOffered(fields);
        List<Message> messages = messages(fields, served.template().isPlain());
        boolean told = fields.flag("logprobs", false);
        int alternatives = fields.integer("top_logprobs", 0, Choosing.MOST_LOGPROBS, 0);
        if (!told && alternatives > 0) {
            throw ApiError.field("top_logprobs", "top_logprobs is " + alternatives + ", which takes logprobs: true");
        }
        Choosing choosing = Generating.choosing(fields, served.model().network().config().vocabulary(),
                told ? alternatives : -1);
        List<String> stops = new ArrayList<>(fields.stops());
        stops.addAll(served.template().stops());
        int streams = fields.integer("n", 1, limits.choices(), 1);
        ChatPrompt prompt = prompt(served, messages);
        int most = fields.optionalInt("max_completion_tokens", 0, MOST_TOKENS)
                .or(() -> fields.optionalInt("max_tokens", 0, MOST_TOKENS))
                .orElseGet(() -> Math.clamp((long) served.batcher().longest() - prompt.tokens().length, 1,
                        limits.defaultTokens()));
        OptionalInt end = Generating.end(fields, served);
        boolean streamed = fields.flag("stream", false);
        boolean usage = Generating.usageInStream(fields);
        Job job = new Job(exchange.client(), prompt.tokens(), prompt.boundaries(), Optional.empty(), streams, most,
                choosing,
                Generating.seed(fields), stops, end, false, Generating.deadline(limits));
        Shape shape = new ChatShape(Generating.id("chatcmpl"), Generating.now(), served.name(), served.fingerprint(),
                served.texts(), told);
        Answer answer = new Answer(exchange, served.batcher(), List.of(job), shape, metrics, Answer.AfterDone.NOTHING);
        if (streamed) {
            answer.streamed(usage);
        } else {
            answer.whole();
        }
    }

    private static void refuseWhatIsNotOffered(Fields fields) {
        for (String name : List.of("tools", "functions", "audio")) {
            fields.find(name).filter(found -> !found.isArray() || !found.isEmpty()).ifPresent(found -> {
                throw ApiError.field(name, name + (name.endsWith("s") ? " are" : " is")
                        + " not offered: answers are plain text; leave them out");
            });
        }
        fields.find("modalities").filter(found -> !found.toString().equals("[\"text\"]")).ifPresent(found -> {
            throw ApiError.field("modalities", "modalities has more than text, which is all that is offered");
        });
        Generating.requireText(fields);
    }

    private static List<Message> messages(Fields fields, boolean plain) {
        JsonNode found = fields.find("messages")
                .orElseThrow(() -> ApiError.field("messages", "messages is missing, expected an array of messages"));
        String expected = "an array of 1 to " + MOST_MESSAGES + " objects with role and content";
        Fields.require(found.isArray() && !found.isEmpty() && found.size() <= MOST_MESSAGES, "messages", expected,
                found);
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < found.size(); i++) {
            JsonNode each = found.get(i);
            String name = "messages[" + i + "]";
            Fields.require(each.isObject(), name, "an object with role and content", each);
            messages.add(new Message(role(each.path("role"), name, plain), content(each.path("content"), name)));
        }
        return messages;
    }

    /** Roles of its own are a template's affair; the plain one knows OpenAI's. */
    private static String role(JsonNode role, String message, boolean plain) {
        String expected = "system, developer, user or assistant";
        Fields.require(role.isString(), message + ".role", expected, role);
        String text = role.stringValue();
        if (!text.matches(ROLE) || plain && !PLAIN_ROLES.contains(text)) {
            throw ApiError.field(message + ".role", message + ".role is "
                    + (text.matches(ROLE) ? "\"" + text + "\"" : "a string") + ", expected " + expected);
        }
        return text.equals("developer") ? "system" : text;
    }

    /** A text, or parts that are texts. */
    private static String content(JsonNode content, String message) {
        String name = message + ".content";
        if (content.isString()) {
            return content.stringValue();
        }
        Fields.require(content.isArray(), name, "a string or an array of parts of type text", content);
        StringBuilder text = new StringBuilder();
        for (JsonNode part : content) {
            if (!part.path("type").asString("").equals("text") || !part.path("text").isString()) {
                throw ApiError.field(name,
                        name + " has a part that is no text, which is all that these models read; expected "
                                + "{\"type\": \"text\", \"text\": …}");
            }
            text.append(part.path("text").stringValue());
        }
        return text.toString();
    }

    private static ChatPrompt prompt(Served served, List<Message> messages) {
        served.requireTokenizer("messages", "send tokens to /v1/completions: an array of numbers as prompt");
        try {
            return ChatPrompt.of(served.model().tokenizer(), served.template(), messages);
        } catch (TemplateException refused) {
            throw ApiError.field("messages", "the model's chat template refuses these messages: "
                    + refused.getMessage());
        } catch (IllegalArgumentException refused) {
            throw ApiError.field("messages", "messages: " + refused.getMessage());
        }
    }
}
