package tern.checkpoint.naming;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Our names, theirs, and what makes one of the other, for a model of so many layers. Immutable.
 *
 * <p>A table's text has a line for each parameter: our name, their name, and the steps that make theirs ours, {@code as-is} if
 * there are none; {@code -} for our name and {@code ignored} for a stored tensor that is of no use and may be absent. {@code {i}} stands
 * for every layer, {@code {n}} for the same counted from 1, {@code {time}} for its first branch, {@code {channel}} for its last and
 * {@code {middle}} for that between; {@code {between}} is a branch that stands between two layers; {@code {e}} stands for every expert of a
 * layer, and other words in braces for what the family gives for them. A line that begins with a word in brackets applies only to
 * models that have what it names. An ignored name that ends in {@code *} stands for all that begin so.
 */
public final class NamingTable {
    private final String name;
    private final Layers layers;
    private final Map<String, Naming> ours = new LinkedHashMap<>();
    private final Set<String> theirs = new LinkedHashSet<>();
    private final Set<String> ignored = new LinkedHashSet<>();

    private NamingTable(String name, Layers layers) {
        this.name = name;
        this.layers = layers;
    }

    /**
     * What braces are filled in with.
     *
     * @param count number of layers
     * @param branches number of branches of a layer
     * @param inserted the layer that one more branch stands below; the number of layers if there is none
     * @param experts number of experts of a layer
     * @param words what else stands in braces, by the word between them
     */
    record Layers(int count, int branches, int inserted, int experts, Map<String, String> words) {
        Layers {
            words = Map.copyOf(words);
        }

        /** Layers alike in number of branches, nothing between them. */
        static Layers of(int count, int branches, Map<String, String> words) {
            return new Layers(count, branches, count, 0, words);
        }

        Layers withExperts(int number) {
            return new Layers(count, branches, inserted, number, words);
        }
    }

    /** What a line's brackets are asked: whether a layer has it. */
    @FunctionalInterface
    public interface Having {
        /** Whether layer {@code layer} has what {@code word} names. */
        boolean has(String word, int layer);
    }

    /**
     * Reads the resource {@code NAME.names} of this package.
     *
     * @param layers number of layers
     * @param branches number of branches of a layer
     * @param having which bracketed lines apply
     */
    public static NamingTable read(String name, int layers, int branches, Having having) {
        return read(name, layers, branches, layers, having);
    }

    /**
     * Reads the resource {@code NAME.names} of this package for a model with one more branch between two layers.
     *
     * @param inserted the layer that the branch stands below; the number of layers if there is none
     */
    public static NamingTable read(String name, int layers, int branches, int inserted, Having having) {
        return read(name, new Layers(layers, branches, inserted, 0, Map.of()), having);
    }

    /** Reads the resource {@code NAME.names} of this package. */
    static NamingTable read(String name, Layers layers, Having having) {
        try (InputStream text = NamingTable.class.getResourceAsStream(name + ".names")) {
            if (text == null) {
                throw new IllegalArgumentException("there is no naming table " + name);
            }
            return parse(name, new String(text.readAllBytes(), StandardCharsets.UTF_8), layers, having);
        } catch (IOException broken) {
            throw new UncheckedIOException("naming table " + name, broken);
        }
    }

    /**
     * Reads a table.
     *
     * @throws IllegalArgumentException naming the line that is not one, or names a parameter a second time
     */
    static NamingTable parse(String name, String text, Layers layers, Having having) {
        NamingTable table = new NamingTable(name, layers);
        List<String> lines = text.lines().toList();
        for (int number = 1; number <= lines.size(); number++) {
            String line = lines.get(number - 1).strip();
            if (!line.isEmpty() && !line.startsWith("#")) {
                try {
                    table.addLine(line, having);
                } catch (IllegalArgumentException wrong) {
                    throw new IllegalArgumentException(name + ".names, line " + number + ": " + wrong.getMessage(),
                            wrong);
                }
            }
        }
        return table;
    }

    private void addLine(String line, Having having) {
        String condition = "";
        String rest = line;
        if (line.startsWith("[")) {
            condition = line.substring(1, line.indexOf(']'));
            rest = line.substring(line.indexOf(']') + 1);
        }
        String[] words = rest.strip().split("\\s+");
        if (words.length < 3) {
            throw new IllegalArgumentException("expected our name, theirs, and steps or as-is, found \"" + line + "\"");
        }
        boolean everyLayer = Arrays.stream(words, 1, words.length)
                .anyMatch(word -> word.contains("{i}") || word.contains("{n}"));
        boolean everyExpert = words[0].contains("{e}");
        for (int layer = 0; layer < (everyLayer ? layers.count : 1); layer++) {
            if (condition.isEmpty() || having.has(condition, layer)) {
                for (int expert = 0; expert < (everyExpert ? layers.experts : 1); expert++) {
                    add(words, layer, expert);
                }
            }
        }
    }

    private void add(String[] words, int layer, int expert) {
        String stored = filled(words[1], layer, expert);
        if (words[0].equals("-")) {
            ignored.add(stored);
            return;
        }
        List<Step> steps = new ArrayList<>();
        for (int i = 2; i < words.length; i++) {
            if (!words[i].equals("as-is")) {
                steps.add(Step.named(filled(words[i], layer, expert)));
            }
        }
        String own = filled(words[0], layer, expert);
        if (ours.putIfAbsent(own, new Naming(Optional.of(own), stored, layer, steps)) != null) {
            throw new IllegalArgumentException("parameter " + own + " stands here a second time");
        }
        theirs.add(stored);
        steps.stream().filter(Step.Below.class::isInstance)
                .forEach(step -> theirs.addAll(((Step.Below) step).others()));
    }

    private String filled(String pattern, int layer, int expert) {
        if (pattern.indexOf('{') < 0) {
            return pattern;
        }
        int first = layers.branches * layer + (layer >= layers.inserted ? 1 : 0);
        String known = pattern;
        for (Map.Entry<String, String> word : layers.words.entrySet()) {
            known = known.replace("{" + word.getKey() + "}", word.getValue());
        }
        return known.replace("{i}", Integer.toString(layer)).replace("{n}", Integer.toString(layer + 1))
                .replace("{time}", Integer.toString(first)).replace("{middle}", Integer.toString(first + 1))
                .replace("{between}", Integer.toString(layers.branches * layers.inserted))
                .replace("{e}", Integer.toString(expert))
                .replace("{channel}", Integer.toString(first + layers.branches - 1));
    }

    /** The name of the table. */
    public String name() {
        return name;
    }

    /** How one of our parameters is stored. */
    public Optional<Naming> find(String parameter) {
        return Optional.ofNullable(ours.get(parameter));
    }

    /** All lines, in order. */
    public List<Naming> all() {
        return List.copyOf(ours.values());
    }

    /** Names of all stored tensors that parameters are made of. */
    public Set<String> stored() {
        return Collections.unmodifiableSet(theirs);
    }

    /** Whether a stored tensor is of no use and may be there. */
    public boolean ignores(String stored) {
        return ignored.contains(stored) || ignored.stream().anyMatch(
                name -> name.endsWith("*") && stored.startsWith(name.substring(0, name.length() - 1)));
    }

    /** Names of stored tensors that are of no use and may be there; one that ends in {@code *} stands for all that begin so. */
    public Set<String> ignored() {
        return Collections.unmodifiableSet(ignored);
    }
}
