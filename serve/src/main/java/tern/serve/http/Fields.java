package tern.serve.http;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The fields of a request, read with their types checked; errors name the field, what was expected and what was found. */
final class Fields {
    private static final int MOST_STOPS = 16;
    private static final int LONGEST_STOP = 1000;
    private static final int MOST_BIASES = 1024;
    private static final int LONGEST_NUMBER = 32;

    private final ObjectNode node;

    Fields(ObjectNode node) {
        this.node = node;
    }

    /** A field, if it is there and not null. */
    Optional<JsonNode> find(String name) {
        JsonNode found = node.get(name);
        return found == null || found.isNull() ? Optional.empty() : Optional.of(found);
    }

    String text(String name) {
        return optionalText(name).orElseThrow(() -> ApiError.field(name, name + " is missing, expected a string"));
    }

    Optional<String> optionalText(String name) {
        return find(name).map(found -> {
            require(found.isString(), name, "a string", found);
            return found.stringValue();
        });
    }

    boolean flag(String name, boolean otherwise) {
        return find(name).map(found -> {
            require(found.isBoolean(), name, "true or false", found);
            return found.booleanValue();
        }).orElse(otherwise);
    }

    double number(String name, double least, double most, double otherwise) {
        return find(name).map(found -> {
            String expected = "a number from " + plain(least) + " to " + plain(most);
            require(found.isNumber(), name, expected, found);
            double value = found.doubleValue();
            require(value >= least && value <= most, name, expected, found);
            return value;
        }).orElse(otherwise);
    }

    private static String plain(double number) {
        return number == Math.rint(number) ? Long.toString((long) number) : Double.toString(number);
    }

    Optional<Integer> optionalInt(String name, int least, int most) {
        return find(name).map(found -> {
            String expected = "a whole number from " + least + " to " + most;
            require(found.isIntegralNumber() && found.canConvertToInt(), name, expected, found);
            require(found.intValue() >= least && found.intValue() <= most, name, expected, found);
            return found.intValue();
        });
    }

    int integer(String name, int least, int most, int otherwise) {
        return optionalInt(name, least, most).orElse(otherwise);
    }

    Optional<Long> optionalLong(String name) {
        return find(name).map(found -> {
            require(found.isIntegralNumber() && found.canConvertToLong(), name, "a whole number of 64 bits", found);
            return found.longValue();
        });
    }

    Optional<Fields> object(String name) {
        return find(name).map(found -> {
            require(found.isObject(), name, "an object", found);
            return new Fields((ObjectNode) found);
        });
    }

    List<String> stops() {
        Optional<JsonNode> stop = find("stop");
        if (stop.isEmpty()) {
            return List.of();
        }
        List<String> stops = new ArrayList<>();
        String expected = "a string or up to " + MOST_STOPS + " strings of 1 to " + LONGEST_STOP + " characters";
        if (stop.get().isArray()) {
            require(stop.get().size() <= MOST_STOPS, "stop", expected, stop.get());
            for (JsonNode each : stop.get()) {
                if (!each.isString()) {
                    throw ApiError.field("stop", "stop has " + describe(each) + " in it, expected " + expected);
                }
                stops.add(each.stringValue());
            }
        } else {
            require(stop.get().isString(), "stop", expected, stop.get());
            stops.add(stop.get().stringValue());
        }
        for (String each : stops) {
            if (each.isEmpty() || each.length() > LONGEST_STOP) {
                throw ApiError.field("stop",
                        "stop has a string of " + each.length() + " characters, expected " + expected);
            }
        }
        return stops;
    }

    Map<Integer, Double> biases(int vocabulary) {
        Optional<JsonNode> found = find("logit_bias");
        if (found.isEmpty()) {
            return Map.of();
        }
        String expected = "an object of up to " + MOST_BIASES + " tokens of the vocabulary (0.." + (vocabulary - 1)
                + ") with numbers from -100 to 100";
        require(found.get().isObject() && found.get().size() <= MOST_BIASES, "logit_bias", expected, found.get());
        Map<Integer, Double> biases = new HashMap<>();
        for (Map.Entry<String, JsonNode> entry : found.get().properties()) {
            JsonNode value = entry.getValue();
            boolean fits = entry.getKey().matches("[0-9]{1,9}") && Integer.parseInt(entry.getKey()) < vocabulary
                    && value.isNumber() && Math.abs(value.doubleValue()) <= 100;
            if (!fits) {
                String key = entry.getKey().matches("-?[0-9]{1,18}") ? "token " + entry.getKey() : "a name";
                throw ApiError.field("logit_bias",
                        "logit_bias has " + key + " with " + describe(value) + ", expected " + expected);
            }
            biases.put(Integer.parseInt(entry.getKey()), value.doubleValue());
        }
        return biases;
    }

    static void require(boolean fits, String name, String expected, JsonNode found) {
        if (!fits) {
            throw ApiError.field(name, name + " is " + describe(found) + ", expected " + expected);
        }
    }

    private static String number(JsonNode found) {
        // An infinite number is written as a string.
        String digits = found.toString().replace("\"", "");
        return digits.length() <= LONGEST_NUMBER ? digits : "a number of " + digits.length() + " digits";
    }

    /** A number, or a kind of JSON, never its contents: those may be a prompt. */
    static String describe(JsonNode found) {
        return switch (found.getNodeType()) {
            case ARRAY -> "an array of " + found.size();
            case OBJECT -> "an object";
            case STRING -> "a string";
            case BOOLEAN -> found.toString();
            case NUMBER -> number(found);
            default -> found.getNodeType().toString().toLowerCase(java.util.Locale.ROOT);
        };
    }
}
