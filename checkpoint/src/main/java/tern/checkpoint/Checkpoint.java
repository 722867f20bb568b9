package tern.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

import org.jspecify.annotations.Nullable;

import tern.checkpoint.mapped.Narrowed;
import tern.checkpoint.mapped.Quoted;
import tern.checkpoint.naming.Blueprint;
import tern.checkpoint.naming.Families;
import tern.checkpoint.naming.NamedParameters;
import tern.model.Parameters;
import tern.model.SequenceModel;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.Initialiser;
import tern.sequence.Role;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A model on disk: one safetensors file that carries its configuration and fingerprint in its metadata, alone or in a
 * folder as {@code model.safetensors} beside {@code config.json}, a copy of the configuration for people and other tools. Or a file
 * that others published, in any format that {@link TensorFile} reads and of any family that {@link Families} knows; then
 * the configuration is inferred. Opening maps the parameters read-only; what is stored as F32 under another name only, or not
 * even that, is not copied. Safe for use by several threads; {@link #close} makes the model
 * unusable.
 */
public final class Checkpoint implements AutoCloseable {
    /** The configuration in a model's folder. */
    public static final String CONFIG_FILE = "config.json";

    private static final System.Logger LOG = System.getLogger(Checkpoint.class.getName());
    private static final String CONFIG_KEY = "tern.config";
    private static final String FINGERPRINT_KEY = "tern.fingerprint";
    private static final String FAMILY_NOTE = "family";
    private static final String FILE_ENDING = ".safetensors";
    private static final long LARGEST_CONFIG = 16L << 20;
    private static final int NAMED = 4;
    private static final long ALIGNMENT = 64;

    private final TensorFile file;
    private final ModelDescription description;
    private final Optional<NamedParameters> named;
    private final Memory converted = new Memory();
    private final Stack model;
    private @Nullable String computedFingerprint;

    private Checkpoint(TensorFile file, ModelDescription description, Optional<NamedParameters> named,
            Placement placement) throws IOException {
        this.file = file;
        this.description = description;
        this.named = named;
        List<Declared> declared = declared();
        if (named.isPresent()) {
            Map<String, Shape> shapes = new LinkedHashMap<>();
            declared.forEach(parameter -> shapes.put(parameter.name(), parameter.shape()));
            named.get().check(shapes);
        } else {
            checkTensors(declared);
        }
        this.model = placement == Placement.MAPPED ? build(declared, this::mapped) : build(declared, copies(declared));
    }

    /**
     * Saves a model, atomically: whatever happens, the file that was there before is whole or the new one is. A path that
     * ends in {@code .safetensors} is one file; any other is a folder, created if it is not there.
     *
     * @param tokenizer what the model's tokenizer calls its descriptor
     * @param notes anything worth keeping
     * @return the model's fingerprint
     * @throws IOException if writing fails; the message says what and where
     */
    public static String save(Path path, SequenceModel model, Map<String, String> tokenizer, Map<String, String> notes)
            throws IOException {
        ModelDescription description = ModelDescription.of(model.config(), tokenizer, notes);
        String fingerprint = Fingerprint.of(model);
        Map<String, String> metadata = Map.of(CONFIG_KEY, RecordJson.line(description), FINGERPRINT_KEY, fingerprint);
        if (path.toString().endsWith(FILE_ENDING)) {
            Safetensors.write(path, model.parameters().tensors(), metadata);
            return fingerprint;
        }
        createFolder(path);
        Safetensors.write(path.resolve(Safetensors.MODEL_FILE), model.parameters().tensors(), metadata);
        AtomicFiles.write(path.resolve(CONFIG_FILE), RecordJson.write(description) + "\n");
        return fingerprint;
    }

    /**
     * Saves an open model in Tern's own format, as {@link #save} does.
     *
     * @param model over the checkpoint's parameters: {@link #model()}, or what {@link Stack#with} made of it
     * @param matrices how matrices are stored: F32, BF16 or F16; everything else is F32
     * @param tokenizer what the model's tokenizer calls its descriptor
     * @throws IllegalArgumentException if a number is too large for the type; names the tensor
     */
    public static void convert(Path path, Checkpoint open, Stack model, DType matrices, Map<String, String> tokenizer)
            throws IOException {
        try (Memory converted = new Memory()) {
            Map<String, Tensor> tensors = model.parameters().tensors();
            Stack stored = new Stack(model.config(), (name, shape, role, initialiser) -> {
                Tensor tensor = Objects.requireNonNull(tensors.get(name), name);
                DType type = role == Role.MATRIX && isMap(shape) ? matrices : DType.F32;
                return tensor.dtype() == type ? tensor : narrowed(name, tensor, converted.allocate(type, shape));
            });
            save(path, stored, tokenizer, open.notes());
        }
    }

    private static Tensor narrowed(String name, Tensor tensor, Tensor into) {
        try {
            Narrowed.require(tensor, 0, into.copyFrom(tensor));
        } catch (IllegalArgumentException unfit) {
            throw new IllegalArgumentException("tensor " + Quoted.name(name) + ": " + unfit.getMessage(), unfit);
        }
        return into;
    }

    private static void createFolder(Path path) throws IOException {
        try {
            Files.createDirectories(path);
        } catch (FileAlreadyExistsException taken) {
            throw new IOException(path + ": is a file, expected a folder for the model, or a name that ends in "
                    + FILE_ENDING, taken);
        } catch (FileSystemException failed) {
            throw new IOException(path + ": the folder could not be created: " + failed.getMessage(), failed);
        }
    }

    /**
     * Opens a model: a folder, a safetensors file, or a file that others published.
     *
     * @throws MalformedFileException if a file is damaged, the configuration is impossible or of a newer version, or tensors
     *             are missing, unexpected or of the wrong shape; the message names the file and what is wrong
     * @throws IOException if a file cannot be read
     */
    public static Checkpoint open(Path path) throws IOException {
        return open(path, Placement.MAPPED);
    }

    /** {@link #open(Path)} with a choice of where matrices lie. */
    public static Checkpoint open(Path path, Placement placement) throws IOException {
        TensorFile file = TensorFile.open(path);
        boolean opened = false;
        try {
            Optional<ModelDescription> own = describe(path, file);
            Checkpoint checkpoint;
            if (own.isPresent()) {
                checkpoint = new Checkpoint(file, own.get(), Optional.empty(), placement);
            } else {
                Blueprint blueprint = recognise(file);
                checkpoint = new Checkpoint(file,
                        ModelDescription.of(blueprint.config(), blueprint.tokenizer(),
                                Map.of(FAMILY_NOTE, blueprint.family())),
                        Optional.of(new NamedParameters(file, blueprint)), placement);
            }
            opened = true;
            return checkpoint;
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    private static Blueprint recognise(TensorFile file) throws IOException {
        try {
            return Families.recognise(file);
        } catch (IllegalArgumentException impossible) {
            // What metadata says is checked where it is used, by a configuration that knows of no file.
            throw new MalformedFileException(file.path() + ": describes no possible model: " + impossible.getMessage(),
                    impossible);
        }
    }

    /**
     * Whether an open file holds a model that Tern saved: it, or its folder, describes one.
     *
     * @param path as it was opened
     * @throws MalformedFileException if there is a description, but an impossible one
     * @throws IOException if it cannot be read
     */
    public static boolean isOwn(Path path, TensorFile file) throws IOException {
        return describe(path, file).isPresent();
    }

    /** The description in the tensors' file; that in the same folder where there is none; empty if neither is ours. */
    private static Optional<ModelDescription> describe(Path path, TensorFile file) throws IOException {
        Path beside = file.path().resolveSibling(CONFIG_FILE);
        String inside = file.texts().get(CONFIG_KEY);
        if (inside == null) {
            boolean ours = Files.exists(beside) && (Files.size(beside) > LARGEST_CONFIG
                    || Files.readString(beside, StandardCharsets.ISO_8859_1).contains(ModelDescription.FORMAT));
            return ours ? Optional.of(readDescription(beside)) : Optional.empty();
        }
        ModelDescription own = description(inside, file.path() + ": " + CONFIG_KEY);
        if (Files.isDirectory(path) && Files.exists(beside) && !readDescription(beside).equals(own)) {
            LOG.log(System.Logger.Level.WARNING, "{0} differs from the configuration stored in {1}, which is used; "
                    + "save the model again to make them equal", beside, file.path());
        }
        return Optional.of(own);
    }

    private static ModelDescription readDescription(Path file) throws IOException {
        if (Files.size(file) > LARGEST_CONFIG) {
            throw new MalformedFileException(file + ": has " + Files.size(file) + " bytes, at most " + LARGEST_CONFIG
                    + " are allowed");
        }
        try {
            return description(Files.readString(file), file.toString());
        } catch (CharacterCodingException bad) {
            throw new MalformedFileException(file + " is not UTF-8 text", bad);
        }
    }

    private static ModelDescription description(String json, String where) throws MalformedFileException {
        try {
            return ModelDescription.read(json, where);
        } catch (IllegalArgumentException impossible) {
            throw new MalformedFileException(String.valueOf(impossible.getMessage()), impossible);
        }
    }

    private record Declared(String name, Shape shape, Role role) {
    }

    /** What the configuration asks for. */
    private List<Declared> declared() throws MalformedFileException {
        List<Declared> declared = new ArrayList<>();
        try {
            Object unusedBecauseOnlyDeclared = new Stack(description.model(), (name, shape, role, initialiser) -> {
                declared.add(new Declared(name, shape, role));
                return Parameters.Source.shapesOnly().provide(name, shape, role, initialiser);
            });
            return declared;
        } catch (IllegalArgumentException | ArithmeticException impossible) {
            throw new MalformedFileException(file.path() + ": the configuration does not make a model: "
                    + impossible.getMessage(), impossible);
        }
    }

    /** Compares what the configuration asks for with what the file holds, and names every difference (or the first few). */
    private void checkTensors(List<Declared> declared) throws MalformedFileException {
        List<String> missing = new ArrayList<>();
        List<String> wrong = new ArrayList<>();
        Map<String, Shape> left = new TreeMap<>();
        file.tensors().forEach(tensor -> left.put(tensor.name(), Shape.of()));
        declared.forEach(parameter -> {
            String name = parameter.name();
            Shape shape = parameter.shape();
            Optional<StoredTensor> stored = file.find(name);
            left.remove(name);
            if (stored.isEmpty()) {
                missing.add(Quoted.name(name) + " " + shape);
            } else {
                List<Long> lengths = Arrays.stream(shape.toArray()).mapToObj(Long::valueOf).toList();
                boolean real = switch (stored.get().type()) {
                    case F64, F32, BF16, F16 -> true;
                    default -> false;
                };
                if (!lengths.equals(stored.get().shape()) || !real) {
                    wrong.add(stored.get() + " where F32" + shape + " is expected");
                }
            }
        });
        List<String> unexpected = left.keySet().stream().map(Quoted::name).toList();
        List<String> complaints = new ArrayList<>();
        complain(complaints, "missing", missing);
        complain(complaints, "unexpected", unexpected);
        complain(complaints, "mis-shaped", wrong);
        if (!complaints.isEmpty()) {
            throw new MalformedFileException(file.path() + ": the tensors do not fit the configuration: "
                    + String.join("; ", complaints) + "; the two belong to different models");
        }
    }

    private static void complain(List<String> complaints, String what, List<String> names) {
        if (!names.isEmpty()) {
            complaints.add(names.size() + " " + what + ": "
                    + String.join(", ", names.subList(0, Math.min(NAMED, names.size())))
                    + (names.size() > NAMED ? ", …" : ""));
        }
    }

    @FunctionalInterface
    private interface Provider {
        Tensor provide(Declared parameter) throws IOException;
    }

    private Stack build(List<Declared> declared, Provider provider) throws IOException {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (Declared parameter : declared) {
            tensors.put(parameter.name(), provider.provide(parameter));
        }
        return new Stack(description.model(), new Stored(tensors));
    }

    private record Stored(Map<String, Tensor> tensors) implements Parameters.Source {
        @Override
        public Tensor provide(String name, Shape shape, Role role, Initialiser initialiser) {
            return Objects.requireNonNull(tensors.get(name), name);
        }
    }

    /** Matrices keep the types that operations read as they are. */
    private static boolean isKept(Declared parameter, DType dtype) {
        return isMatrix(parameter) && isMap(parameter.shape())
                && (dtype == DType.BF16 || dtype == DType.F16 || dtype.isBlocked());
    }

    /** Filters of convolutions in groups are [taps, outputs, inputs]; no operation reads them in another type than it computes in. */
    private static boolean isMap(Shape shape) {
        return shape.rank() == 2;
    }

    private static boolean isMatrix(Declared parameter) {
        return parameter.role() == Role.MATRIX || parameter.role() == Role.LOW_RANK;
    }

    /** The mapping itself, except for what is not a matrix and not F32: that is widened once. */
    private Tensor mapped(Declared parameter) throws IOException {
        if (named.isPresent()) {
            return named.get().tensor(parameter.name(), parameter.shape(), dtype -> isKept(parameter, dtype), DType.F32,
                    converted);
        }
        Tensor stored = file.tensor(parameter.name());
        return stored.dtype() == DType.F32 || isKept(parameter, stored.dtype()) ? stored
                : converted.allocate(DType.F32, stored.shape()).copyFrom(stored);
    }

    /** Matrices in one block of memory, in the order of declaration, each on a boundary of 64 bytes; the rest as mapped. */
    private Provider copies(List<Declared> declared) throws IOException {
        Map<String, Tensor> mapped = new LinkedHashMap<>();
        long bytes = 0;
        for (Declared parameter : declared) {
            Tensor tensor = mapped(parameter);
            mapped.put(parameter.name(), tensor);
            bytes += isMatrix(parameter) ? aligned(tensor.bytes()) : 0;
        }
        MemorySegment block = converted.allocate(DType.I64, Shape.of(Math.toIntExact(bytes / 8))).data();
        Map<String, Tensor> placed = new LinkedHashMap<>();
        long at = 0;
        for (Declared parameter : declared) {
            Tensor tensor = Objects.requireNonNull(mapped.get(parameter.name()), parameter.name());
            if (isMatrix(parameter)) {
                MemorySegment own = block.asSlice(at, tensor.bytes());
                at += aligned(tensor.bytes());
                tensor = Tensor.over(tensor.dtype(), tensor.shape(), own.copyFrom(tensor.data()));
            }
            placed.put(parameter.name(), tensor);
        }
        return parameter -> Objects.requireNonNull(placed.get(parameter.name()), parameter.name());
    }

    private static long aligned(long bytes) {
        return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /** The model, over the mapped file: its parameters can be read, not written. Lives as long as this. */
    public Stack model() {
        return model;
    }

    /** A copy of the model whose parameters can be trained; it outlives this. */
    public Stack load(DType dtype, Allocator memory) throws IOException {
        try (Memory passing = new Memory()) {
            return build(declared(), parameter -> {
                Tensor stored = named.isPresent()
                        ? named.get().tensor(parameter.name(), parameter.shape(), any -> false, dtype, passing)
                        : file.tensor(parameter.name());
                return memory.allocate(dtype, parameter.shape()).copyFrom(stored);
            });
        }
    }

    /** The architecture. */
    public StackConfig config() {
        return description.model();
    }

    /** What the model's tokenizer called its descriptor. */
    public Map<String, String> tokenizer() {
        return description.tokenizer();
    }

    /** What was noted when the model was saved. */
    public Map<String, String> notes() {
        return description.notes();
    }

    /** The stored tensors. */
    public TensorFile file() {
        return file;
    }

    /**
     * What tells this model from others: as stored when it was saved; else computed from what was read, which takes a look
     * at every byte once, or for a file that others published at the beginning and end of every tensor.
     */
    public synchronized String fingerprint() {
        String stored = file.texts().get(FINGERPRINT_KEY);
        return stored != null ? stored : computeFingerprint();
    }

    private synchronized String computeFingerprint() {
        if (computedFingerprint == null) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            file.tensors().forEach(stored -> tensors.put(stored.name(), tensor(stored.name())));
            computedFingerprint = named.isPresent() ? Fingerprint.ofSamples(config(), tensors)
                    : Fingerprint.of(config(), Collections.unmodifiableMap(tensors));
        }
        return computedFingerprint;
    }

    private Tensor tensor(String name) {
        try {
            return file.tensor(name);
        } catch (MalformedFileException impossible) {
            throw new IllegalStateException("every tensor was read when the file was opened", impossible);
        }
    }

    /**
     * Looks at every byte: whether the parameters are those that were saved, and whether all are finite numbers.
     *
     * @return one entry a tensor, in the order of the file
     * @throws MalformedFileException if the fingerprint is another than was stored; names both, and what is not finite
     */
    public List<TensorHealth> verify() throws MalformedFileException {
        List<TensorHealth> all = TensorHealth.of(file);
        String found = computeFingerprint();
        if (!found.equals(fingerprint())) {
            List<TensorHealth> unsound = all.stream().filter(health -> !health.sound()).toList();
            throw new MalformedFileException(file.path() + ": the parameters have fingerprint " + found + ", but "
                    + Quoted.name(fingerprint()) + " was stored with them; the file is damaged or was edited"
                    + (unsound.isEmpty() ? "" : "; " + TensorHealth.complaint(unsound)));
        }
        return all;
    }

    @Override
    public void close() {
        file.close();
        converted.close();
    }
}
