package tern.serve.http;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

import tern.host.engine.Finish;
import tern.host.engine.Token;

/**
 * Answers of {@code /v1/completions}.
 *
 * @param id of the answer
 * @param created seconds since 1970
 * @param echoes what is put in front of each choice's text: its prompt, or nothing
 * @param logprobs whether probabilities are told
 */
record CompletionShape(String id, long created, String model, String fingerprint, TokenTexts texts,
        List<String> echoes, boolean logprobs) implements Shape {
    @Override
    public ObjectNode envelope(boolean piece) {
        return Json.object().put("id", id).put("object", "text_completion").put("created", created).put("model", model)
                .put("system_fingerprint", fingerprint);
    }

    @Override
    public Optional<ObjectNode> opening(int index) {
        String echo = echoes.get(index);
        return echo.isEmpty() ? Optional.empty() : Optional.of(piece(index, 0, echo, List.of(), Optional.empty()));
    }

    @Override
    public ObjectNode piece(int index, int offset, String text, List<Token> tokens, Optional<Finish> finish) {
        ObjectNode choice = Json.object().put("index", index).put("text", text);
        if (logprobs && !tokens.isEmpty()) {
            choice.set("logprobs", probabilities(tokens, offset));
        } else {
            choice.putNull("logprobs");
        }
        finish.ifPresentOrElse(why -> choice.put("finish_reason", why.name().toLowerCase(Locale.ROOT)),
                () -> choice.putNull("finish_reason"));
        return choice;
    }

    @Override
    public int units(Token token) {
        return texts.units(token.id());
    }

    @Override
    public ObjectNode whole(int index, String text, List<Token> tokens, Finish finish) {
        return piece(index, 0, echoes.get(index) + text, tokens, Optional.of(finish));
    }

    private ObjectNode probabilities(List<Token> tokens, int first) {
        ObjectNode all = Json.object();
        ArrayNode names = all.putArray("tokens");
        ArrayNode own = all.putArray("token_logprobs");
        ArrayNode tops = all.putArray("top_logprobs");
        ArrayNode offsets = all.putArray("text_offset");
        int offset = first;
        for (Token token : tokens) {
            String text = texts.text(token.id());
            names.add(text);
            own.add(token.logprob());
            ObjectNode top = tops.addObject();
            token.alternatives().forEach(other -> top.put(texts.text(other.id()), other.logprob()));
            if (!token.alternatives().isEmpty()) {
                // As OpenAI does: the one that was chosen is always among them.
                top.put(text, token.logprob());
            }
            offsets.add(offset);
            offset += units(token);
        }
        return all;
    }
}
