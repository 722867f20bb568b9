package tern.serve.http;

import tern.host.chat.ChatTemplate;
import tern.host.engine.Batcher;
import tern.inference.LanguageModel;
import tern.serve.sessions.SessionStore;

/**
 * A model that is served.
 *
 * @param name what requests call it
 * @param created when it was opened, seconds since 1970
 */
public record Served(String name, LanguageModel model, Batcher batcher, ChatTemplate template,
        SessionStore sessions, long created) {
    /**
     * Refuses text where nothing says how it becomes tokens.
     *
     * @param field that holds the text
     * @param instead what else a client may do
     */
    void requireTokenizer(String field, String instead) {
        if (model.tokenizer().name().equals("unknown")) {
            throw ApiError.field(field, field + ": the files of " + name + " hold no tokenizer; " + instead
                    + ", or start the server with a tokenizer.json beside the model");
        }
    }

    TokenTexts texts() {
        return new TokenTexts(model.tokenizer());
    }

    /** What tells its answers from those of other models and versions. */
    String fingerprint() {
        String whole = model.fingerprint();
        return "tern-" + whole.substring(0, Math.min(16, whole.length()));
    }
}
