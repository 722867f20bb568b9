package tern.serve.http;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

import tools.jackson.databind.JsonNode;

import tern.host.engine.Choosing;
import tern.host.engine.Job;

/** {@code POST /v1/completions}. Safe for use by several threads. */
final class CompletionApi {
    private static final int MOST_TOKENS = 1 << 24;
    private static final int USUAL_TOKENS = 16;

    private final Models models;
    private final Limits limits;
    private final Metrics metrics;

    CompletionApi(Models models, Limits limits, Metrics metrics) {
        this.models = models;
        this.limits = limits;
        this.metrics = metrics;
    }

    void complete(Exchange exchange) throws IOException, InterruptedException {
        Fields fields = exchange.fields();
        Served served = models.named(fields);
        Generating.refuse(fields, "suffix", "is not offered: these models only continue; leave it out");
        Generating.requireText(fields);
        List<int[]> prompts = prompts(fields, served);
        int streams = fields.integer("n", 1, limits.choices(), 1);
        int best = fields.integer("best_of", 1, limits.choices(), streams);
        if (best != streams) {
            throw ApiError.field("best_of",
                    "best_of is " + best + " and n is " + streams + "; only equal numbers are offered");
        }
        if ((long) prompts.size() * streams > limits.choices()) {
            throw ApiError.field("n", prompts.size() + " prompts with n = " + streams
                    + " continuations each are more than " + limits.choices() + ", which is the limit");
        }
        int logprobs = fields.integer("logprobs", 0, Choosing.MOST_LOGPROBS, -1);
        boolean echo = fields.flag("echo", false);
        if (echo && logprobs >= 0) {
            throw ApiError.field("echo", "echo together with logprobs is not offered; leave one of them out");
        }
        Choosing choosing = Generating.choosing(fields, served.model().network().config().vocabulary(), logprobs);
        List<String> stops = fields.stops();
        int tokens = fields.integer("max_tokens", 0, MOST_TOKENS, USUAL_TOKENS);
        long seed = Generating.seed(fields);
        OptionalInt end = Generating.end(fields, served);
        boolean streamed = fields.flag("stream", false);
        boolean usage = Generating.usageInStream(fields);
        List<Job> jobs = new ArrayList<>();
        List<String> echoes = new ArrayList<>();
        for (int[] prompt : prompts) {
            jobs.add(new Job(exchange.client(), prompt, List.of(), Optional.empty(), streams, tokens, choosing,
                    seed + jobs.size(), stops, end, false, Generating.deadline(limits)));
            for (int i = 0; i < streams; i++) {
                echoes.add(echo ? served.model().tokenizer().text(prompt) : "");
            }
        }
        Shape shape = new CompletionShape(Generating.id("cmpl"), Generating.now(), served.name(),
                served.fingerprint(), served.texts(), echoes, logprobs >= 0);
        Answer answer = new Answer(exchange, served.batcher(), jobs, shape, metrics, Answer.AfterDone.NOTHING);
        if (streamed) {
            answer.streamed(usage);
        } else {
            answer.whole();
        }
    }

    /** A text, several texts, a list of tokens, or several such lists. */
    private static List<int[]> prompts(Fields fields, Served served) {
        JsonNode prompt = fields.find("prompt")
                .orElseThrow(() -> ApiError.field("prompt", "prompt is missing, expected a string or tokens"));
        return inputs(served, "prompt", prompt);
    }

    /** {@link #prompts} of any field. */
    static List<int[]> inputs(Served served, String name, JsonNode found) {
        String expected = "a string, an array of strings, an array of tokens, or an array of such arrays";
        List<int[]> all = new ArrayList<>();
        if (found.isString()) {
            all.add(encode(served, name, found.stringValue()));
        } else if (found.isArray() && !found.isEmpty() && found.get(0).isIntegralNumber()) {
            all.add(tokens(name, found, expected));
        } else if (found.isArray()) {
            for (JsonNode each : found) {
                if (!each.isString() && !each.isArray()) {
                    throw ApiError.field(name, name + " has " + Fields.describe(each) + " in it, expected " + expected);
                }
                all.add(each.isString() ? encode(served, name, each.stringValue()) : tokens(name, each, expected));
            }
        }
        Fields.require(!all.isEmpty(), name, expected, found);
        int vocabulary = served.model().network().config().vocabulary();
        for (int[] tokens : all) {
            if (tokens.length == 0) {
                throw ApiError.field(name, name + " is empty, expected at least one token");
            }
            for (int token : tokens) {
                if (token < 0 || token >= vocabulary) {
                    throw ApiError.field(name, name + " has token " + token + ", outside the vocabulary, expected 0.."
                            + (vocabulary - 1));
                }
            }
        }
        return all;
    }

    private static int[] tokens(String name, JsonNode array, String expected) {
        int[] tokens = new int[array.size()];
        for (int i = 0; i < tokens.length; i++) {
            JsonNode each = array.get(i);
            if (!each.isIntegralNumber() || !each.canConvertToInt()) {
                throw ApiError.field(name,
                        name + " has " + Fields.describe(each) + " among its tokens, expected " + expected);
            }
            tokens[i] = each.intValue();
        }
        return tokens;
    }

    private static int[] encode(Served served, String name, String text) {
        served.requireTokenizer(name, "send tokens in place of text: an array of numbers");
        try {
            return served.model().tokenizer().encodeWhole(text.getBytes(StandardCharsets.UTF_8));
        } catch (IllegalArgumentException refused) {
            throw ApiError.field(name, name + ": " + refused.getMessage());
        }
    }
}
