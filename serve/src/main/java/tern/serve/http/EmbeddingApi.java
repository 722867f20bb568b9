package tern.serve.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.List;

import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

import tern.host.engine.Embedder;

/** {@code POST /v1/embeddings}, by an {@link Embedder}. Safe for use by several threads. */
final class EmbeddingApi {
    private final Models models;
    private final Limits limits;
    private final Embedder embedder = new Embedder();

    EmbeddingApi(Models models, Limits limits) {
        this.models = models;
        this.limits = limits;
    }

    void embed(Exchange exchange) throws IOException, InterruptedException {
        Fields fields = exchange.fields();
        Served served = models.named(fields);
        Generating.refuse(fields, "dimensions", "is not offered: a model has one width; leave it out");
        List<int[]> inputs = CompletionApi.inputs(served, "input", fields.find("input").orElseThrow(
                () -> ApiError.field("input", "input is missing, expected a string or tokens")));
        if (inputs.size() > limits.embeddings()) {
            throw ApiError.field("input",
                    "input has " + inputs.size() + " parts, expected at most " + limits.embeddings());
        }
        boolean base64 = oneOf(fields, "encoding_format", "float", "base64");
        boolean last = oneOf(fields, "pooling", "mean", "last");
        int tokens = 0;
        for (int[] input : inputs) {
            tokens += input.length;
        }
        if (tokens > served.batcher().settings().maxTokens()) {
            throw ApiError.field("input", "input has " + tokens + " tokens, expected at most "
                    + served.batcher().settings().maxTokens());
        }
        ObjectNode answer = Json.object().put("object", "list").put("model", served.name());
        ArrayNode data = answer.putArray("data");
        for (int i = 0; i < inputs.size(); i++) {
            double[] vector = vector(served, inputs.get(i), !last);
            ObjectNode one = data.addObject().put("object", "embedding").put("index", i);
            if (base64) {
                one.put("embedding", packed(vector));
            } else {
                ArrayNode numbers = one.putArray("embedding");
                for (double each : vector) {
                    numbers.add((float) each);
                }
            }
        }
        answer.putObject("usage").put("prompt_tokens", tokens).put("total_tokens", tokens);
        exchange.json(200, answer);
    }

    /** False for the first, which is also meant where nothing is said, true for the second. */
    private static boolean oneOf(Fields fields, String name, String first, String second) {
        String found = fields.optionalText(name).orElse(first);
        if (!found.equals(first) && !found.equals(second)) {
            throw ApiError.field(name, name + " is unknown, expected " + first + " or " + second);
        }
        return found.equals(second);
    }

    private double[] vector(Served served, int[] tokens, boolean mean) throws InterruptedException {
        try {
            return embedder.vector(served.model(), mean, tokens);
        } catch (IllegalArgumentException refused) {
            throw ApiError.field("input", "input: " + refused.getMessage());
        }
    }

    private static String packed(double[] vector) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * vector.length).order(ByteOrder.LITTLE_ENDIAN);
        for (double each : vector) {
            bytes.putFloat((float) each);
        }
        return Base64.getEncoder().encodeToString(bytes.array());
    }
}
