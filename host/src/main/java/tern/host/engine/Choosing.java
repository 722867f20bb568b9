package tern.host.engine;

import java.util.Map;

/**
 * How the next token is chosen. Applied in this order: the bias is added to logits; penalties are subtracted for tokens
 * generated so far; the temperature divides; the top-k most likely tokens remain, and of these the smallest set of most likely ones that has the part
 * top-p of their probability.
 *
 * @param temperature 0 takes the most likely token
 * @param topK how many tokens remain; 0 for all
 * @param topP above 0 and at most 1; 1 for all tokens
 * @param presencePenalty subtracted once from logits of tokens that were generated before
 * @param frequencyPenalty subtracted for every time that a token was generated before
 * @param bias added to logits, by token
 * @param logprobs how many alternatives to tell with each token; −1 to tell nothing of probabilities
 */
public record Choosing(double temperature, int topK, double topP, double presencePenalty, double frequencyPenalty,
        Map<Integer, Double> bias, int logprobs) {
    /** Always the most likely token. */
    public static final Choosing GREEDY = new Choosing(0, 0, 1, 0, 0, Map.of(), -1);
    /** The most alternatives that may be asked for. */
    public static final int MOST_LOGPROBS = 20;

    /** Checks ranges. */
    public Choosing {
        require("temperature", temperature, 0, 2);
        require("top_k", topK, 0, Integer.MAX_VALUE);
        require("top_p", topP, 0, 1);
        require("presence_penalty", presencePenalty, -2, 2);
        require("frequency_penalty", frequencyPenalty, -2, 2);
        require("logprobs", logprobs, -1, MOST_LOGPROBS);
        bias.forEach((token, value) -> require("logit_bias of token " + token, value, -100, 100));
        bias = Map.copyOf(bias);
    }

    private static void require(String name, double value, double least, double most) {
        if (!(value >= least && value <= most)) {
            throw new IllegalArgumentException(
                    name + " is " + value + ", expected a number from " + least + " to " + most);
        }
    }
}
