package tern.checkpoint;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

import tools.jackson.databind.JsonNode;

import tern.checkpoint.mapped.Quoted;
import tern.model.StackConfig;

/**
 * All about a model but its parameters: what is saved as {@code config.json} and in the metadata of its safetensors file.
 * Immutable.
 *
 * @param format always {@value #FORMAT}
 * @param version of the format
 * @param model the architecture
 * @param tokenizer how text becomes symbols; what a tokenizer calls its descriptor
 * @param notes anything worth keeping, such as how long the model was trained
 */
public record ModelDescription(String format, int version, StackConfig model, Map<String, String> tokenizer,
        Map<String, String> notes) {
    /** What the document says it is. */
    public static final String FORMAT = "tern-model";
    /** The newest version that this Tern reads, and the one it writes. */
    public static final int VERSION = 1;

    /** Keeps the maps from changing. */
    public ModelDescription {
        tokenizer = Collections.unmodifiableMap(new LinkedHashMap<>(tokenizer));
        notes = Collections.unmodifiableMap(new LinkedHashMap<>(notes));
    }

    /** A description in the newest version. */
    public static ModelDescription of(StackConfig model, Map<String, String> tokenizer, Map<String, String> notes) {
        return new ModelDescription(FORMAT, VERSION, model, tokenizer, notes);
    }

    /**
     * Reads a description.
     *
     * @param where what the text is called in messages
     * @throws IllegalArgumentException if it is not one, is of a newer version, or is impossible; names the place
     */
    public static ModelDescription read(String json, String where) {
        JsonNode tree = RecordJson.parse(json, where);
        JsonNode format = tree.get("format");
        if (format == null || !format.isString() || !format.stringValue().equals(FORMAT)) {
            throw new IllegalArgumentException(where + ": format is "
                    + (format == null ? "missing" : Quoted.oneLine(format
                            .toString()))
                    + ", expected \"" + FORMAT + "\"; this is not the configuration of a model of Tern");
        }
        JsonNode version = tree.get("version");
        if (version == null || !version.isIntegralNumber() || !version.canConvertToInt()) {
            throw new IllegalArgumentException(where + ": version is missing, expected a number up to " + VERSION);
        }
        if (version.intValue() != VERSION) {
            throw new IllegalArgumentException(where + ": the model is in version " + version.intValue()
                    + " of the format, this Tern reads version " + VERSION + "; "
                    + (version.intValue() > VERSION ? "use a newer Tern" : "the file is damaged"));
        }
        return RecordJson.read(ModelDescription.class, tree, where);
    }
}
