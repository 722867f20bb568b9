package tern.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.checkpoint.TensorHealth;
import tern.checkpoint.naming.Blueprint;
import tern.checkpoint.naming.Families;
import tern.mixers.MixerCatalog;
import tern.sequence.MixerConfig;

/**
 * What a file of tensors holds, whatever its format and whoever made it.
 *
 * @param path as it was given
 * @param format and its version
 * @param bytes of the file; of its tensors if it is several files
 * @param family what model it is, or why that cannot be told
 * @param model architecture, if the family is known
 * @param metadata values in short
 * @param types how many tensors, elements and bytes there are of each type
 * @param tensors all of them, in the order of the file
 * @param unsound tensors that hold values that are not finite, if that was to be checked
 */
record FileReport(String path, String format, long bytes, String family, Map<String, String> model,
        Map<String, String> metadata, Map<String, Total> types, List<Entry> tensors, List<TensorHealth> unsound) {

    /** Sums over tensors of one type. */
    record Total(long tensors, long elements, long bytes) {
        private Total plus(StoredTensor tensor) {
            return new Total(tensors + 1, elements + tensor.elements(), bytes + tensor.bytes());
        }
    }

    /** One tensor; axes outermost first. */
    record Entry(String name, String type, List<Long> shape, long bytes, long offset) {
    }

    /** Looks at a file; at every element only if asked to. */
    static FileReport of(Path path, TensorFile file, boolean check) throws IOException {
        Map<String, String> metadata = new LinkedHashMap<>();
        file.metadata().forEach((key, value) -> metadata.put(key, summary(value)));
        Map<String, Total> types = new LinkedHashMap<>();
        List<Entry> entries = new ArrayList<>();
        long data = 0;
        for (StoredTensor tensor : file.tensors()) {
            String type = tensor.type().name();
            types.merge(type, new Total(0, 0, 0).plus(tensor), (before, ignored) -> before.plus(tensor));
            entries.add(new Entry(tensor.name(), type, tensor.shape(), tensor.bytes(), tensor.offset()));
            data += tensor.bytes();
        }
        long bytes = file.path().toString().endsWith(".json") ? data : Files.size(file.path());
        String family;
        Map<String, String> model = new LinkedHashMap<>();
        try {
            Blueprint blueprint = Families.recognise(file);
            family = blueprint.family();
            model.putAll(architecture(blueprint));
        } catch (MalformedFileException unknown) {
            family = "unknown: " + String.valueOf(unknown.getMessage()).replace(file.path() + ": ", "");
        }
        List<TensorHealth> unsound = check
                ? TensorHealth.of(file).stream().filter(health -> !health.sound()).toList() : List.of();
        return new FileReport(path.toString(), file.format(), bytes, family, model, metadata, types, entries, unsound);
    }

    private static String summary(Metadatum value) {
        return value instanceof Metadatum.Text(String text) && text.length() <= 80
                && text.chars().noneMatch(Character::isISOControl) ? text : value.summary();
    }

    private static Map<String, String> architecture(Blueprint blueprint) {
        Map<String, String> model = new LinkedHashMap<>();
        model.put("vocabulary", Integer.toString(blueprint.config().vocabulary()));
        model.put("width", Integer.toString(blueprint.config().width()));
        Map<String, Integer> kinds = new LinkedHashMap<>();
        for (MixerConfig branch : blueprint.config().branches()) {
            kinds.merge(MixerCatalog.kind(branch), 1, Integer::sum);
        }
        model.put("branches", String.join(", ", kinds.entrySet().stream()
                .map(kind -> kind.getValue() + " " + kind.getKey()).toList()));
        return model;
    }

    void print(PrintStream out, boolean checked) {
        out.printf("%s  %s, %,d bytes%n", path, format, bytes);
        out.printf("family: %s%n", family);
        model.forEach((key, value) -> out.printf("%s: %s%n", key, value));
        if (!metadata.isEmpty()) {
            out.printf("%nmetadata%n");
            metadata.forEach((key, value) -> out.printf("  %s: %s%n", key, value));
        }
        out.printf("%n%-64s %-8s %-24s %16s%n", "tensor", "type", "shape", "bytes");
        for (Entry entry : tensors) {
            out.printf("%-64s %-8s %-24s %,16d%n", shown(entry.name), entry.type, entry.shape, entry.bytes);
        }
        out.println();
        types.forEach((type, total) -> out.printf("%-8s %,8d tensors, %,16d elements, %,16d bytes%n", type,
                total.tensors, total.elements, total.bytes));
        if (checked && unsound.isEmpty()) {
            out.println("checked: every value is finite");
        }
    }

    /** A name fit for one line of a terminal. */
    private static String shown(String name) {
        StringBuilder line = new StringBuilder();
        name.codePoints().map(c -> Character.isISOControl(c) ? '?' : c).forEach(line::appendCodePoint);
        return line.toString();
    }
}
