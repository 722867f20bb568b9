package tern.checkpoint.naming;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
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
 * {@code {middle}} for that between; {@code {between}} is a branch that stands between two layers. A line that begins with a word in brackets applies only to
 * models that have what it names.
 */
public final class NamingTable {
    private final String name;
    private final int branches;
    private final int inserted;
    private final Map<String, Naming> ours = new LinkedHashMap<>();
    private final Set<String> theirs = new LinkedHashSet<>();
    private final Set<String> ignored = new LinkedHashSet<>();

    private NamingTable(String name, int branches, int inserted) {
        this.name = name;
        this.branches = branches;
        this.inserted = inserted;
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
        try (InputStream text = NamingTable.class.getResourceAsStream(name + ".names")) {
            if (text == null) {
                throw new IllegalArgumentException("there is no naming table " + name);
            }
            return parse(name, new String(text.readAllBytes(), StandardCharsets.UTF_8), layers, branches, inserted,
                    having);
        } catch (IOException broken) {
            throw new UncheckedIOException("naming table " + name, broken);
        }
    }

    /**
     * Reads a table.
     *
     * @throws IllegalArgumentException naming the line that is not one, or names a parameter a second time
     */
    static NamingTable parse(String name, String text, int layers, int branches, int inserted, Having having) {
        NamingTable table = new NamingTable(name, branches, inserted);
        List<String> lines = text.lines().toList();
        for (int number = 1; number <= lines.size(); number++) {
            String line = lines.get(number - 1).strip();
            if (!line.isEmpty() && !line.startsWith("#")) {
                try {
                    table.addLine(line, layers, having);
                } catch (IllegalArgumentException wrong) {
                    throw new IllegalArgumentException(name + ".names, line " + number + ": " + wrong.getMessage(),
                            wrong);
                }
            }
        }
        return table;
    }

    private void addLine(String line, int layers, Having having) {
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
        boolean everyLayer = words[1].contains("{i}") || words[1].contains("{n}");
        for (int layer = 0; layer < (everyLayer ? layers : 1); layer++) {
            if (condition.isEmpty() || having.has(condition, layer)) {
                add(words, layer);
            }
        }
    }

    private void add(String[] words, int layer) {
        String stored = filled(words[1], layer);
        if (words[0].equals("-")) {
            ignored.add(stored);
            return;
        }
        List<Step> steps = new ArrayList<>();
        for (int i = 2; i < words.length; i++) {
            if (!words[i].equals("as-is")) {
                steps.add(Step.named(words[i]));
            }
        }
        String own = filled(words[0], layer);
        if (ours.putIfAbsent(own, new Naming(Optional.of(own), stored, layer, steps)) != null) {
            throw new IllegalArgumentException("parameter " + own + " stands here a second time");
        }
        theirs.add(stored);
    }

    private String filled(String pattern, int layer) {
        int first = branches * layer + (layer >= inserted ? 1 : 0);
        return pattern.replace("{i}", Integer.toString(layer)).replace("{n}", Integer.toString(layer + 1))
                .replace("{time}", Integer.toString(first)).replace("{middle}", Integer.toString(first + 1))
                .replace("{between}", Integer.toString(branches * inserted))
                .replace("{channel}", Integer.toString(first + branches - 1));
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

    /** Names of stored tensors that are of no use and may be there. */
    public Set<String> ignored() {
        return Collections.unmodifiableSet(ignored);
    }
}
