package tern.inference;

/**
 * How the next token is chosen. Filters apply in the order repetition penalty, temperature, top-k, top-p, min-p.
 *
 * @param temperature logits are divided by it; 0 takes the most likely token
 * @param topK only so many most likely tokens; 0 for all
 * @param topP the smallest set of most likely tokens that together have this probability; 1 for all (Holtzman et al. 2019,
 *            arXiv 1904.09751)
 * @param minP only tokens at least this fraction as likely as the most likely; 0 for all
 * @param repetitionPenalty positive logits of tokens seen lately are divided by it, negative ones multiplied; 1 for none
 *            (Keskar et al. 2019, arXiv 1909.05858)
 */
public record Sampling(double temperature, int topK, double topP, double minP, double repetitionPenalty) {
    /** Always the most likely token. */
    public static final Sampling GREEDY = new Sampling(0, 0, 1, 0, 1);

    /** Checks ranges. */
    public Sampling {
        require("temperature", temperature, temperature >= 0 && temperature < 1000, "0 (greedy) or more");
        require("top-k", topK, topK >= 0, "0 (all) or more");
        require("top-p", topP, topP > 0 && topP <= 1, "above 0 and at most 1");
        require("min-p", minP, minP >= 0 && minP <= 1, "from 0 to 1");
        require("repetition-penalty", repetitionPenalty, repetitionPenalty > 0 && repetitionPenalty < 1000, "above 0");
    }

    private static void require(String name, double value, boolean fits, String expected) {
        if (!fits) {
            throw new IllegalArgumentException("sampling: " + name + " is " + value + ", expected " + expected);
        }
    }

    /** The same with another temperature. */
    public Sampling withTemperature(double other) {
        return new Sampling(other, topK, topP, minP, repetitionPenalty);
    }
}
