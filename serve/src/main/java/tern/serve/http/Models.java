package tern.serve.http;

import java.io.IOException;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

import tern.model.StackConfig;
import tern.sequence.MixerConfig;

/** The models that are served, and {@code /v1/models}. Immutable. */
public final class Models {
    // What may be said again of what was asked for.
    private static final String NAME = "[A-Za-z0-9._:/-]{1,100}";

    private final Map<String, Served> byName = new LinkedHashMap<>();

    /** These models; the first is meant where a request names none. */
    public Models(List<Served> served) {
        if (served.isEmpty()) {
            throw new IllegalArgumentException("there is no model to serve, expected at least one");
        }
        for (Served each : served) {
            if (byName.putIfAbsent(each.name(), each) != null) {
                throw new IllegalArgumentException(
                        "two models are called " + each.name() + "; give them names: NAME=PATH");
            }
        }
    }

    /** All, in their order. */
    public Collection<Served> all() {
        return byName.values();
    }

    /** The model that the request names. */
    Served named(Fields fields) {
        return fields.optionalText("model").map(this::named).orElseGet(() -> byName.values().iterator().next());
    }

    Served named(String name) {
        Served found = byName.get(name);
        if (found == null) {
            throw ApiError.of(404, "model_not_found",
                    "there is no model " + (name.matches(NAME) ? "\"" + name + "\"" : "of that name")
                            + "; this server has " + String.join(", ", byName.keySet()));
        }
        return found;
    }

    void list(Exchange exchange) throws IOException {
        ObjectNode answer = Json.object().put("object", "list");
        ArrayNode data = answer.putArray("data");
        byName.values().forEach(served -> data.add(describe(served)));
        exchange.json(200, answer);
    }

    void show(Exchange exchange, String name) throws IOException {
        exchange.json(200, describe(named(name)));
    }

    /** OpenAI's fields, and under "tern" what a page or a client may want to know. */
    private static ObjectNode describe(Served served) {
        ObjectNode node = Json.object().put("id", served.name()).put("object", "model").put("created",
                served.created()).put("owned_by", "tern");
        StackConfig config = served.model().network().config();
        long fixed = served.model().network().stateBytes(0);
        long layers = config.branches().stream().filter(MixerConfig::readsNormalised).count() / 2;
        node.putObject("tern").put("fingerprint", served.model().fingerprint())
                .put("parameters", served.model().network().parameters().count())
                .put("vocabulary", config.vocabulary()).put("tokenizer", served.model().tokenizer().name())
                .put("width", config.width()).put("layers", layers).put("trained_context", config.context())
                .put("max_tokens", served.batcher().longest()).put("state_bytes", fixed)
                .put("state_bytes_per_token", served.model().network().stateBytes(1) - fixed)
                // What keys and values of a transformer of this depth and width take, in single precision.
                .put("transformer_bytes_per_token", 2 * 4 * layers * config.width());
        return node;
    }
}
