package tern.checkpoint.names;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.mixers.MixerCatalog;
import tern.model.Parameters;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Which stored tensor holds each parameter of a stack, and how it is stored, by kind of mixer: so one table serves every
 * stack of a family's mixers, in any order and number. Immutable.
 */
public final class NamingTable {
    private static final String LAYER = "{layer}";
    private static final String STACK = "stack";

    private final String family;
    private final Map<String, List<Row>> sections;

    private record Row(String ours, String theirs, List<Transform> transforms) {
    }

    /**
     * Where a parameter is stored.
     *
     * @param stored name of the tensor
     */
    public record Place(String stored, List<String> transforms) {
    }

    private NamingTable(String family, Map<String, List<Row>> sections) {
        this.family = family;
        this.sections = sections;
    }

    /** GoldFinch, Finch-C2 and GPTAlpha as released. */
    public static NamingTable goldFinch() {
        return resource("goldfinch");
    }

    private static NamingTable resource(String family) {
        try (InputStream in = NamingTable.class.getResourceAsStream(family + ".names")) {
            if (in == null) {
                throw new IllegalStateException("the naming table " + family + ".names is not part of this build");
            }
            return parse(family, new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException failed) {
            throw new UncheckedIOException("the naming table " + family + ".names cannot be read", failed);
        }
    }

    /**
     * A table from its text: sections {@code [kind]}, rows of ours, theirs and transforms, comments after {@code #}.
     *
     * @throws IllegalArgumentException if a line is not understood; names it
     */
    static NamingTable parse(String family, String text) {
        Map<String, List<Row>> sections = new LinkedHashMap<>();
        List<Row> section = new ArrayList<>();
        for (String raw : text.lines().toList()) {
            String line = raw.strip();
            if (line.startsWith("[") && line.endsWith("]")) {
                section = new ArrayList<>();
                sections.put(line.substring(1, line.length() - 1), section);
            } else if (!line.isEmpty() && !line.startsWith("#")) {
                String[] words = line.split("\\s+", -1);
                if (words.length < 2 || sections.isEmpty()) {
                    throw new IllegalArgumentException("naming table " + family + ": \"" + line
                            + "\" is not understood, expected ours, theirs and transforms within a [section]");
                }
                section.add(new Row(words[0], words[1],
                        Arrays.stream(words).skip(2).map(Transform::named).toList()));
            }
        }
        return new NamingTable(family, sections);
    }

    /** Rows of a whole stack: our full names in the order of the table, section by section from the bottom. */
    private Map<String, Row> rows(StackConfig config) {
        Map<String, Row> all = new LinkedHashMap<>();
        section(STACK).forEach(row -> put(all, row.ours, row, 0));
        int counted = 0;
        for (int branch = 0; branch < config.branches().size(); branch++) {
            MixerConfig mixer = config.branches().get(branch);
            for (Row row : section(MixerCatalog.kind(mixer))) {
                put(all, "branches." + branch + "." + row.ours, row, counted / 2);
            }
            counted += mixer.readsNormalised() ? 1 : 0;
        }
        return all;
    }

    private static void put(Map<String, Row> all, String ours, Row row, int layer) {
        all.put(ours, new Row(ours, row.theirs.replace(LAYER, Integer.toString(layer)), row.transforms));
    }

    private List<Row> section(String kind) {
        List<Row> rows = sections.get(kind);
        if (rows == null) {
            throw new IllegalArgumentException("the family " + family + " has no \"" + kind + "\"; it has "
                    + sections.keySet());
        }
        return rows;
    }

    /** Where every parameter of a stack is stored, by our name. */
    public Map<String, Place> places(StackConfig config) {
        Map<String, Place> places = new LinkedHashMap<>();
        rows(config).forEach((ours, row) -> places.put(ours,
                new Place(row.theirs, row.transforms.stream().map(Transform::toString).toList())));
        return Collections.unmodifiableMap(places);
    }

    /**
     * The parameters of a stack, out of a file, converted to one type.
     *
     * @param dtype F32, or F64 for checks
     * @param memory where they go
     * @return a source that throws {@link IllegalArgumentException}, naming both names, what was expected and what was
     *         found, if the file lacks a tensor or has it in another shape
     */
    public Parameters.Source source(StackConfig config, TensorFile file, DType dtype, Allocator memory) {
        Map<String, Row> rows = rows(config);
        return (name, shape, role, initialiser) -> {
            Row row = rows.get(name);
            if (row == null) {
                throw new IllegalArgumentException("the family " + family + " does not say where " + name
                        + " is stored; add a line to its naming table");
            }
            return load(row, shape, file, dtype, memory);
        };
    }

    private static Tensor load(Row row, Shape shape, TensorFile file, DType dtype, Allocator memory) {
        String what = file.path() + ": " + row.theirs + " (our " + row.ours + ") ";
        Tensor stored;
        try {
            stored = file.tensor(row.theirs);
        } catch (MalformedFileException missing) {
            throw new IllegalArgumentException(missing.getMessage() + "; it holds our " + row.ours, missing);
        }
        Tensor made = memory.allocate(dtype, stored.shape()).copyFrom(stored);
        try {
            for (Transform transform : row.transforms) {
                made = transform.apply(made, memory);
            }
        } catch (IllegalArgumentException unfit) {
            throw new IllegalArgumentException(what + unfit.getMessage(), unfit);
        }
        if (!made.shape().equals(shape)) {
            throw new IllegalArgumentException(what + "has shape " + stored.shape() + ", which makes " + made.shape()
                    + ", expected " + shape + "; the configuration does not fit the file");
        }
        return made;
    }
}
