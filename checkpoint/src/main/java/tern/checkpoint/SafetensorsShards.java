package tern.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;

import tern.checkpoint.mapped.Quoted;
import tern.tensor.Tensor;

/**
 * A model whose tensors lie in several safetensors files beside an index that says which file holds which tensor. The index
 * and the files must agree exactly.
 */
public final class SafetensorsShards implements TensorFile {
    /** The index in a model's folder. */
    public static final String INDEX_FILE = "model.safetensors.index.json";

    private final Path path;
    private final List<Safetensors> shards;
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final List<StoredTensor> tensors = new ArrayList<>();
    private final Map<String, Safetensors> holders = new HashMap<>();

    private SafetensorsShards(Path path, List<Safetensors> shards) {
        this.path = path;
        this.shards = shards;
        for (Safetensors shard : shards) {
            shard.texts().forEach(metadata::putIfAbsent);
            tensors.addAll(shard.tensors());
            shard.tensors().forEach(tensor -> holders.put(tensor.name(), shard));
        }
    }

    /**
     * Opens an index and the files that it names, which must lie in the same folder.
     *
     * @throws MalformedFileException if the index or a file is not valid, or if they do not agree
     * @throws IOException if a file cannot be read
     */
    public static SafetensorsShards open(Path index) throws IOException {
        Map<String, String> fileOf = readIndex(index);
        Map<String, List<String>> expected = new TreeMap<>();
        fileOf.forEach((tensor, file) -> expected.computeIfAbsent(file, ignored -> new ArrayList<>()).add(tensor));
        List<Safetensors> shards = new ArrayList<>();
        boolean opened = false;
        try {
            for (Map.Entry<String, List<String>> entry : expected.entrySet()) {
                Safetensors shard = Safetensors.open(sibling(index, entry.getKey()));
                shards.add(shard);
                for (String name : entry.getValue()) {
                    if (shard.find(name).isEmpty()) {
                        throw new MalformedFileException(shard.path() + ": tensor " + Quoted.name(name)
                                + " is missing, although " + index.getFileName() + " places it here");
                    }
                }
                for (StoredTensor tensor : shard.tensors()) {
                    if (!entry.getKey().equals(fileOf.get(tensor.name()))) {
                        throw new MalformedFileException(shard.path() + ": tensor " + Quoted.name(tensor.name())
                                + " is not expected here, " + index.getFileName() + (fileOf.containsKey(tensor.name())
                                        ? " places it in " + fileOf.get(tensor.name())
                                        : " does not mention it"));
                    }
                }
            }
            SafetensorsShards whole = new SafetensorsShards(index, shards);
            opened = true;
            return whole;
        } finally {
            if (!opened) {
                shards.forEach(Safetensors::close);
            }
        }
    }

    private static Path sibling(Path index, String file) throws MalformedFileException {
        try {
            return index.resolveSibling(file);
        } catch (InvalidPathException unfit) {
            throw new MalformedFileException(index + ": the file name " + Quoted.name(file)
                    + " is none that this system allows", unfit);
        }
    }

    private static Map<String, String> readIndex(Path index) throws IOException {
        Map<String, String> fileOf = new LinkedHashMap<>();
        boolean found = false;
        try (Arena arena = Arena.ofConfined(); FileChannel channel = FileChannel.open(index, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size > Json.LARGEST) {
                throw new MalformedFileException(index + ": the index has " + size + " bytes, at most " + Json.LARGEST
                        + " are allowed");
            }
            try (JsonParser json = Json.STREAMING.createParser(ObjectReadContext.empty(),
                    Json.reader(channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena)))) {
                if (json.nextToken() != JsonToken.START_OBJECT) {
                    throw new MalformedFileException(index + ": the index is not a JSON object");
                }
                while (json.nextToken() == JsonToken.PROPERTY_NAME) {
                    boolean map = json.currentName().equals("weight_map");
                    json.nextToken();
                    if (map) {
                        found = true;
                        readMap(index, json, fileOf);
                    } else {
                        json.skipChildren();
                    }
                }
                if (json.nextToken() != null) {
                    throw new MalformedFileException(index + ": the index goes on behind its end");
                }
            } catch (JacksonException bad) {
                throw new MalformedFileException(index + ": the index " + Json.complaint(bad), bad);
            }
        } catch (NoSuchFileException missing) {
            throw new IOException(index + ": no such file; check the name", missing);
        }
        if (!found) {
            throw new MalformedFileException(index + ": lacks \"weight_map\", expected the index of a model in several"
                    + " safetensors files; give the model's folder or its file of tensors");
        }
        return fileOf;
    }

    private static void readMap(Path index, JsonParser json, Map<String, String> fileOf) throws MalformedFileException {
        if (json.currentToken() != JsonToken.START_OBJECT) {
            throw new MalformedFileException(index + ": \"weight_map\" is not an object");
        }
        while (json.nextToken() == JsonToken.PROPERTY_NAME) {
            String tensor = json.currentName();
            if (json.nextToken() != JsonToken.VALUE_STRING) {
                throw new MalformedFileException(index + ": tensor " + Quoted.name(tensor) + ": expected a file name");
            }
            String file = json.getString();
            boolean plain = !file.isEmpty() && !file.equals(".") && !file.equals("..")
                    && file.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || Character.isISOControl(c));
            if (!plain) {
                throw new MalformedFileException(index + ": tensor " + Quoted.name(tensor) + " is placed in "
                        + Quoted.name(file) + ", expected the plain name of a file in the same folder");
            }
            fileOf.put(tensor, file);
        }
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public String format() {
        return Safetensors.FORMAT + ", " + shards.size() + " files";
    }

    /** Text of all files; where two differ, that of the first by name. */
    @Override
    public Map<String, Metadatum> metadata() {
        return Safetensors.asMetadata(metadata);
    }

    @Override
    public List<StoredTensor> tensors() {
        return Collections.unmodifiableList(tensors);
    }

    @Override
    public Optional<StoredTensor> find(String name) {
        Safetensors holder = holders.get(name);
        return holder == null ? Optional.empty() : holder.find(name);
    }

    @Override
    public Tensor tensor(String name) throws MalformedFileException {
        Safetensors holder = holders.get(name);
        if (holder == null) {
            throw new MalformedFileException(path + ": there is no tensor " + Quoted.name(name) + " among the "
                    + tensors.size() + " of the files");
        }
        return holder.tensor(name);
    }

    @Override
    public void close() {
        shards.forEach(Safetensors::close);
    }

}
