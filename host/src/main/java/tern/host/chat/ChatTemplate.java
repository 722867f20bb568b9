package tern.host.chat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.Metadatum;
import tern.checkpoint.TensorFile;
import tern.checkpoint.gguf.GgufFile;

/**
 * How a model wants a conversation written. Without one of its own:
 *
 * <pre>
 * System: …⏎⏎User: …⏎⏎Assistant: …⏎⏎
 * </pre>
 *
 * each message its role with a capital, a colon, the content without space around it and two line breaks; the prompt ends in
 * {@code Assistant:}, and the answer at {@code ⏎⏎User:}. Immutable.
 */
public final class ChatTemplate {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String GGUF_TEMPLATE = "tokenizer.chat_template";
    private static final Map<String, String> GGUF_SYMBOLS = Map.of("bos_token", "tokenizer.ggml.bos_token_id",
            "eos_token", "tokenizer.ggml.eos_token_id", "unk_token", "tokenizer.ggml.unknown_token_id", "pad_token",
            "tokenizer.ggml.padding_token_id");
    private final Optional<Template> template;
    private final Map<String, Object> constants;

    private ChatTemplate(Optional<Template> template, Map<String, Object> constants) {
        this.template = template;
        this.constants = constants;
    }

    /** The plain template. */
    public static ChatTemplate plain() {
        return new ChatTemplate(Optional.empty(), Map.of());
    }

    /**
     * A template in Jinja.
     *
     * @param constants what it may read besides the messages, such as {@code bos_token}
     * @throws TemplateException if it cannot be read
     */
    public static ChatTemplate jinja(String source, Map<String, String> constants) {
        return new ChatTemplate(Optional.of(Template.parse(source)), new LinkedHashMap<>(constants));
    }

    /**
     * The template of a model: that in a GGUF file; else, beside the model, {@code chat_template.jinja} or that of
     * {@code tokenizer_config.json}; the plain one if there is none.
     *
     * @param model a model's folder or file
     * @throws IOException if a file cannot be read, or what it holds is no template; names the file
     */
    public static ChatTemplate of(Path model) throws IOException {
        if (isGguf(model)) {
            try (TensorFile file = GgufFile.open(model)) {
                Optional<String> source = file.text(GGUF_TEMPLATE);
                if (source.isPresent()) {
                    return jinja(source.get(), constants(file));
                }
            } catch (TemplateException refused) {
                throw new IOException(model + ": " + GGUF_TEMPLATE + " cannot be used: " + refused.getMessage(),
                        refused);
            }
        }
        return beside(model);
    }

    private static boolean isGguf(Path model) throws IOException {
        if (!Files.isRegularFile(model)) {
            return false;
        }
        try (InputStream file = Files.newInputStream(model)) {
            byte[] first = file.readNBytes(Integer.BYTES);
            return first.length == Integer.BYTES
                    && ByteBuffer.wrap(first).order(ByteOrder.LITTLE_ENDIAN).getInt() == GgufFile.MAGIC;
        }
    }

    /** What special symbols are called, as in a {@code tokenizer_config.json}. */
    private static Map<String, String> constants(TensorFile file) {
        Map<String, String> constants = new LinkedHashMap<>();
        GGUF_SYMBOLS.forEach((name, key) -> constants.put(name, symbol(file, key)));
        return constants;
    }

    private static String symbol(TensorFile file, String key) {
        return file.metadata().get("tokenizer.ggml.tokens") instanceof Metadatum.Texts(List<String> tokens)
                && file.metadata().get(key) instanceof Metadatum.Whole(Metadatum.Width _, long id) && id >= 0
                && id < tokens.size() ? tokens.get((int) id) : "";
    }

    private static ChatTemplate beside(Path model) throws IOException {
        Path folder = Files.isDirectory(model) ? model : model.toAbsolutePath().resolveSibling("");
        Path config = folder.resolve("tokenizer_config.json");
        Path alone = folder.resolve("chat_template.jinja");
        Map<String, String> constants = new LinkedHashMap<>();
        Optional<String> source = Optional.empty();
        try {
            if (Files.exists(config)) {
                JsonNode node = JSON.readTree(Files.readString(config));
                for (String name : List.of("bos_token", "eos_token", "unk_token", "pad_token")) {
                    JsonNode token = node.path(name);
                    JsonNode text = token.isObject() ? token.path("content") : token;
                    constants.put(name, text.isString() ? text.stringValue() : "");
                }
                source = source(node.path("chat_template"));
            }
            if (Files.exists(alone)) {
                source = Optional.of(Files.readString(alone));
            }
            return source.isPresent() ? jinja(source.get(), constants) : plain();
        } catch (JacksonException malformed) {
            throw new IOException(config + ": this is not JSON; " + malformed.getOriginalMessage(), malformed);
        } catch (TemplateException refused) {
            throw new IOException(folder + ": the chat template cannot be used: " + refused.getMessage(), refused);
        }
    }

    /** A text, or of several named ones the default. */
    private static Optional<String> source(JsonNode node) {
        if (node.isString()) {
            return Optional.of(node.stringValue());
        }
        for (JsonNode each : node) {
            if (each.path("name").asString("").equals("default")) {
                return Optional.of(each.path("template").asString(""));
            }
        }
        return Optional.empty();
    }

    /** Whether it is the plain one. */
    public boolean isPlain() {
        return template.isEmpty();
    }

    /** Strings that end an answer, besides the model's own token. */
    public List<String> stops() {
        return isPlain() ? List.of("\n\nUser:") : List.of();
    }

    /**
     * A conversation as a prompt.
     *
     * @param answer whether the prompt shall end where the assistant begins
     * @throws TemplateException if the template refuses these messages
     */
    public String render(List<Message> messages, boolean answer) {
        if (template.isEmpty()) {
            return plain(messages, answer);
        }
        Map<String, Object> scope = new LinkedHashMap<>(constants);
        List<Object> all = new ArrayList<>();
        for (Message message : messages) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("role", message.role());
            one.put("content", message.content());
            all.add(one);
        }
        scope.put("messages", all);
        scope.put("add_generation_prompt", answer);
        return template.get().render(scope);
    }

    private static String plain(List<Message> messages, boolean answer) {
        StringBuilder text = new StringBuilder();
        for (Message message : messages) {
            String role = message.role();
            text.append(Character.toUpperCase(role.charAt(0))).append(role, 1, role.length()).append(": ")
                    .append(message.content().strip()).append("\n\n");
        }
        return text.append(answer ? "Assistant:" : "").toString();
    }
}
