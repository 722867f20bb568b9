package tern.train;

import java.util.Arrays;
import java.util.Map;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Where a run stands, besides its tensors: everything that the next step depends on. Immutable.
 *
 * @param step updates made
 * @param tokens read for them
 * @param seconds spent
 * @param windows where the windows stand
 * @param bestBits least bits a byte on the validation part so far; infinite before the first validation
 * @param bestStep when that was
 */
record Progress(long step, long tokens, double seconds, long[] windows, double bestBits, long bestStep) {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String KEY = "tern.progress";

    static Progress beginning(long[] windows) {
        return new Progress(0, 0, 0, windows, Double.POSITIVE_INFINITY, 0);
    }

    /** As text beside the tensors. */
    Map<String, String> toMetadata() {
        return Map.of(KEY, JSON.writeValueAsString(this));
    }

    /**
     * Reads what {@link #toMetadata} gave.
     *
     * @param perStep tokens of a step, where it was written before tokens were
     */
    static Progress from(Map<String, String> metadata, long perStep) {
        String text = metadata.get(KEY);
        if (text == null) {
            throw new IllegalArgumentException("it does not say where the run stood (\"" + KEY + "\" is missing)");
        }
        try {
            JsonNode found = JSON.readTree(text);
            if (found instanceof ObjectNode node && !node.has("tokens")) {
                node.put("tokens", node.path("step").asLong() * perStep);
            }
            return JSON.treeToValue(found, Progress.class);
        } catch (JacksonException damaged) {
            throw new IllegalArgumentException("\"" + KEY + "\" cannot be read: " + damaged.getOriginalMessage(),
                    damaged);
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Progress progress && step == progress.step && tokens == progress.tokens
                && seconds == progress.seconds
                && Arrays.equals(windows, progress.windows) && bestBits == progress.bestBits
                && bestStep == progress.bestStep;
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(windows) * 31 + Long.hashCode(step);
    }

    @Override
    public String toString() {
        return toMetadata().toString();
    }
}
