package tern.serve.http;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

import tern.host.engine.Finish;
import tern.host.engine.Token;

/**
 * Answers of {@code /v1/chat/completions}.
 *
 * @param id of the answer
 * @param created seconds since 1970
 * @param logprobs whether probabilities are told
 */
record ChatShape(String id, long created, String model, String fingerprint, TokenTexts texts, boolean logprobs)
        implements
            Shape {
    @Override
    public ObjectNode envelope(boolean piece) {
        return Json.object().put("id", id).put("object", piece ? "chat.completion.chunk" : "chat.completion")
                .put("created", created).put("model", model).put("system_fingerprint", fingerprint);
    }

    @Override
    public Optional<ObjectNode> opening(int index) {
        ObjectNode choice = Json.object().put("index", index);
        choice.putObject("delta").put("role", "assistant").put("content", "");
        choice.putNull("logprobs");
        choice.putNull("finish_reason");
        return Optional.of(choice);
    }

    @Override
    public ObjectNode piece(int index, int offset, String text, List<Token> tokens, Optional<Finish> finish) {
        ObjectNode choice = Json.object().put("index", index);
        ObjectNode delta = choice.putObject("delta");
        if (!text.isEmpty() || finish.isEmpty()) {
            delta.put("content", text);
        }
        end(choice, tokens, finish);
        return choice;
    }

    @Override
    public int units(Token token) {
        return 0;
    }

    @Override
    public ObjectNode whole(int index, String text, List<Token> tokens, Finish finish) {
        ObjectNode choice = Json.object().put("index", index);
        choice.putObject("message").put("role", "assistant").put("content", text).putNull("refusal");
        end(choice, tokens, Optional.of(finish));
        return choice;
    }

    private void end(ObjectNode choice, List<Token> tokens, Optional<Finish> finish) {
        if (logprobs && !tokens.isEmpty()) {
            choice.set("logprobs", probabilities(tokens));
        } else {
            choice.putNull("logprobs");
        }
        finish.ifPresentOrElse(why -> choice.put("finish_reason", why.name().toLowerCase(Locale.ROOT)),
                () -> choice.putNull("finish_reason"));
    }

    private ObjectNode probabilities(List<Token> tokens) {
        ObjectNode all = Json.object();
        ArrayNode content = all.putArray("content");
        for (Token token : tokens) {
            ObjectNode entry = content.addObject();
            put(entry, token.id(), token.logprob());
            ArrayNode tops = entry.putArray("top_logprobs");
            token.alternatives().forEach(other -> put(tops.addObject(), other.id(), other.logprob()));
        }
        all.putNull("refusal");
        return all;
    }

    private void put(ObjectNode entry, int id, double logprob) {
        entry.put("token", texts.text(id)).put("logprob", logprob);
        texts.addBytes(id, entry.putArray("bytes"));
    }
}
