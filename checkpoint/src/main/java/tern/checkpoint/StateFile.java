package tern.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

import tern.checkpoint.mapped.Quoted;
import tern.tensor.Allocator;
import tern.tensor.Tensor;

/**
 * What a model remembers of a sequence, on disk: a safetensors file of slots with the model's fingerprint in its metadata.
 * A state means nothing to another model, so it is not given to one.
 *
 * @param fingerprint of the model that the state belongs to
 * @param position number of tokens read
 * @param slots path of each slot, such as {@code branches.0.history}, and its tensor
 * @param notes anything worth keeping, such as where a sampler stands
 */
public record StateFile(String fingerprint, long position, Map<String, Tensor> slots, Map<String, String> notes) {
    private static final String FORMAT = "tern-state";
    private static final String FORMAT_KEY = "tern.format";
    private static final String VERSION_KEY = "tern.version";
    private static final String VERSION = "1";
    private static final String FINGERPRINT_KEY = "tern.fingerprint";
    private static final String POSITION_KEY = "tern.position";
    private static final String NOTE = "note.";
    /** What messages call a state that is no file. */
    private static final Path IN_MEMORY = Path.of("state in memory");

    /** Checks the position; keeps the maps from changing. */
    public StateFile {
        if (position < 0) {
            throw new IllegalArgumentException("state: position is " + position + ", expected 0 or more");
        }
        slots = Collections.unmodifiableMap(new LinkedHashMap<>(slots));
        notes = Collections.unmodifiableMap(new TreeMap<>(notes));
    }

    /**
     * Writes the state, atomically.
     *
     * @throws IOException if writing fails; a file that was there before is then unchanged
     */
    public void save(Path path) throws IOException {
        Safetensors.write(path, slots, metadata());
    }

    /**
     * What {@link #save} would write.
     *
     * @throws IllegalArgumentException if that is more than an array holds
     */
    public byte[] toBytes() {
        return Safetensors.bytes(IN_MEMORY, slots, metadata());
    }

    private Map<String, String> metadata() {
        Map<String, String> metadata = new TreeMap<>();
        metadata.put(FORMAT_KEY, FORMAT);
        metadata.put(VERSION_KEY, VERSION);
        metadata.put(FINGERPRINT_KEY, fingerprint);
        metadata.put(POSITION_KEY, Long.toString(position));
        notes.forEach((key, note) -> metadata.put(NOTE + key, note));
        return metadata;
    }

    /**
     * Reads a state.
     *
     * @param fingerprint of the model that it is wanted for
     * @param memory where the slots go
     * @throws MalformedFileException if it is not a state, is damaged or belongs to another model; then the message names
     *             both fingerprints
     * @throws IOException if it cannot be read
     */
    public static StateFile load(Path path, String fingerprint, Allocator memory) throws IOException {
        try (Safetensors file = Safetensors.open(path)) {
            return read(path, file, fingerprint, memory);
        }
    }

    /**
     * {@link #load} of what {@link #toBytes} made, or of a whole file.
     *
     * @throws MalformedFileException as {@link #load} does
     */
    public static StateFile of(byte[] bytes, String fingerprint, Allocator memory) throws IOException {
        try (Safetensors file = Safetensors.over(IN_MEMORY, bytes)) {
            return read(IN_MEMORY, file, fingerprint, memory);
        }
    }

    private static StateFile read(Path path, Safetensors file, String fingerprint, Allocator memory)
            throws MalformedFileException {
        Map<String, String> metadata = file.texts();
        requireState(path, metadata);
        String version = value(path, metadata, VERSION_KEY);
        if (!VERSION.equals(version)) {
            throw new MalformedFileException(path + ": the state is in version " + Quoted.name(version)
                    + " of the format, this Tern reads version " + VERSION + "; use the Tern that wrote it");
        }
        String owner = value(path, metadata, FINGERPRINT_KEY);
        if (!owner.equals(fingerprint)) {
            throw new MalformedFileException(path + ": the state belongs to the model with fingerprint " + owner
                    + ", this model has fingerprint " + fingerprint
                    + "; load the model that the state was saved from");
        }
        Map<String, Tensor> slots = new LinkedHashMap<>();
        for (StoredTensor stored : file.tensors()) {
            slots.put(stored.name(), memory.copyOf(file.tensor(stored.name())));
        }
        Map<String, String> notes = new TreeMap<>();
        metadata.forEach((key, note) -> {
            if (key.startsWith(NOTE)) {
                notes.put(key.substring(NOTE.length()), note);
            }
        });
        return new StateFile(owner, position(path, value(path, metadata, POSITION_KEY)), slots, notes);
    }

    /**
     * Number of tokens that a state on disk has read.
     *
     * @throws MalformedFileException if it is not a state or is damaged
     * @throws IOException if it cannot be read
     */
    public static long positionIn(Path path) throws IOException {
        try (Safetensors file = Safetensors.open(path)) {
            Map<String, String> metadata = file.texts();
            requireState(path, metadata);
            return position(path, value(path, metadata, POSITION_KEY));
        }
    }

    private static void requireState(Path path, Map<String, String> metadata) throws MalformedFileException {
        if (!FORMAT.equals(metadata.get(FORMAT_KEY))) {
            throw new MalformedFileException(
                    path + ": this is not a saved state; expected a file that was written with"
                            + " --save-state");
        }
    }

    private static String value(Path path, Map<String, String> metadata, String key) throws MalformedFileException {
        String value = metadata.get(key);
        if (value == null) {
            throw new MalformedFileException(path + ": the state lacks " + key + "; the file is damaged");
        }
        return value;
    }

    private static long position(Path path, String text) throws MalformedFileException {
        if (!text.matches("[0-9]{1,18}")) {
            throw new MalformedFileException(path + ": the state's position is " + Quoted.name(text)
                    + ", expected a number; the file is damaged");
        }
        return Long.parseLong(text);
    }
}
