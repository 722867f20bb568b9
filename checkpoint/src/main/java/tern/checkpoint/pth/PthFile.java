package tern.checkpoint.pth;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.checkpoint.mapped.ByteCursor;
import tern.checkpoint.mapped.MappedFile;
import tern.checkpoint.mapped.Quoted;
import tern.checkpoint.mapped.TensorTable;
import tern.checkpoint.pth.Pickled.Entries;
import tern.checkpoint.pth.Pickled.Entry;
import tern.checkpoint.pth.Pickled.Real;
import tern.checkpoint.pth.Pickled.Storage;
import tern.checkpoint.pth.Pickled.Text;
import tern.checkpoint.pth.Pickled.Truth;
import tern.checkpoint.pth.Pickled.View;
import tern.checkpoint.pth.Pickled.Whole;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * One PyTorch file: a ZIP archive, or the form from before PyTorch 1.6. It must hold tensors by name, alone or under
 * {@code state_dict}, {@code model}, {@code module} or {@code model_state_dict}; single numbers and texts beside them are its
 * metadata. No code of the file is run. Tensors may share storage; one that is not row-major is copied when it is asked for.
 */
public final class PthFile implements TensorFile {
    /** The first four bytes of a ZIP archive as a little-endian number. */
    public static final int ARCHIVE_MAGIC = 0x04034b50;
    /** The first four bytes of the older form as a little-endian number. */
    public static final int LEGACY_MAGIC = 0x0a8a0280;

    private static final String KIND = "a PyTorch file";
    private static final Set<String> WRAPPERS = Set.of("state_dict", "model", "module", "model_state_dict");
    private static final int DEEPEST = 4;
    private static final String ONLY_TENSOR = "tensor";
    private static final long COPIED_PER_BYTE = 4;
    private static final long COPIED_AT_LEAST = 1 << 20;

    private final MappedFile file;
    private final String format;
    private final boolean littleEndian;
    private final Map<String, Metadatum> metadata = new LinkedHashMap<>();
    private final TensorTable tensors;
    private final Map<String, View> scattered = new HashMap<>();
    private final Map<String, MemorySegment> copies = new ConcurrentHashMap<>();

    private PthFile(MappedFile file, String format, boolean littleEndian) {
        this.file = file;
        this.format = format;
        this.littleEndian = littleEndian;
        this.tensors = new TensorTable(file.path());
    }

    /**
     * Opens a file.
     *
     * @throws MalformedFileException if it is damaged, asks for anything but tensors, or holds none; the message names the
     *             file, the byte or tensor, what was expected and what was found
     * @throws IOException if it cannot be read
     */
    public static PthFile open(Path path) throws IOException {
        return MappedFile.open(path, KIND).opened(file -> {
            ByteCursor cursor = ByteCursor.over(file);
            return switch (cursor.i32("the first bytes")) {
                case ARCHIVE_MAGIC -> archive(file);
                case LEGACY_MAGIC -> legacy(file);
                default -> throw cursor.complaintAt(0, "begins neither as a ZIP archive nor as an older PyTorch file;"
                        + " this is not a PyTorch file");
            };
        });
    }

    private static PthFile archive(MappedFile file) throws MalformedFileException {
        ZipDirectory zip = new ZipDirectory(file);
        String folder = zip.folder();
        StorageRange pickle = zip.find(folder + "data.pkl");
        ByteCursor cursor = new ByteCursor(file.path() + ": data.pkl", file.bytes(), pickle.from(),
                pickle.from() + pickle.bytes());
        Map<String, StorageRange> ranges = new HashMap<>();
        Pickled object = Unpickler.read(cursor, storage -> {
            StorageRange range = ranges.get(storage.key());
            if (range == null) {
                range = zip.find(folder + "data/" + storage.key());
                ranges.put(storage.key(), range);
            }
            checkSize(file, storage, range);
        });
        if (cursor.remaining() > 0) {
            throw cursor.complaint(cursor.remaining() + " bytes follow the pickle, expected none; the file is damaged");
        }
        PthFile opened = new PthFile(file, "PyTorch, ZIP archive", littleEndian(file, zip, folder + "byteorder"));
        opened.add(object, ranges);
        return opened;
    }

    private static void checkSize(MappedFile file, Storage storage, StorageRange range) throws MalformedFileException {
        int width = storage.type().blockBytes();
        if (storage.elements() > Long.MAX_VALUE / width || storage.elements() * width != range.bytes()) {
            throw new MalformedFileException(file.path() + ": storage " + Quoted.name(storage.key())
                    + " is said to hold " + storage.elements() + " elements of " + storage.type() + ", but has "
                    + range.bytes() + " bytes, expected "
                    + BigInteger.valueOf(storage.elements()).multiply(BigInteger.valueOf(width))
                    + "; the file is damaged");
        }
    }

    private static boolean littleEndian(MappedFile file, ZipDirectory zip, String entry) throws MalformedFileException {
        if (!zip.has(entry)) {
            return true;
        }
        StorageRange range = zip.find(entry);
        ByteCursor cursor = new ByteCursor(file.path().toString(), file.bytes(), range.from(),
                range.from() + range.bytes());
        String order = cursor.text(range.bytes(), "the order of bytes");
        return switch (order) {
            case "little" -> true;
            case "big" -> false;
            default -> throw cursor.complaintAt(range.from(), "the order of bytes is " + Quoted.name(order)
                    + ", expected \"little\" or \"big\"");
        };
    }

    private static PthFile legacy(MappedFile file) throws MalformedFileException {
        LegacyArchive archive = LegacyArchive.read(file);
        PthFile opened = new PthFile(file, "PyTorch, before 1.6", archive.littleEndian());
        opened.add(archive.object(), archive.storages());
        return opened;
    }

    /** The map that holds the tensors: the object, or what lies in it under a name that is usual; empty if there is none. */
    private static List<Entry> state(Pickled object) {
        if (object instanceof View) {
            return List.of(new Entry(new Text(ONLY_TENSOR), object));
        }
        Pickled inner = object;
        for (int depth = 0; depth < DEEPEST && inner instanceof Entries map; depth++) {
            if (map.entries.stream().anyMatch(entry -> entry.value() instanceof View)) {
                return map.entries;
            }
            inner = map.entries.stream().filter(PthFile::isWrapper).map(Entry::value).findFirst().orElse(object);
        }
        return List.of();
    }

    private static boolean isWrapper(Entry entry) {
        return entry.key() instanceof Text(String key) && WRAPPERS.contains(key) && entry.value() instanceof Entries;
    }

    private void add(Pickled object, Map<String, StorageRange> storages) throws MalformedFileException {
        List<Entry> state = state(object);
        if (state.isEmpty()) {
            throw new MalformedFileException(file.path() + ": the file holds no tensors by name, neither at its top nor"
                    + " under state_dict, model, module or model_state_dict; save model.state_dict()");
        }
        if (object instanceof Entries top) {
            addMetadata(top.entries);
        }
        addMetadata(state);
        long copied = 0;
        Set<String> names = new HashSet<>();
        for (Entry entry : state) {
            if (entry.value() instanceof View view) {
                if (!(entry.key() instanceof Text(String name))) {
                    throw new MalformedFileException(file.path() + ": tensor " + names.size()
                            + " has a key that is not text, expected a name");
                }
                if (!names.add(name)) {
                    throw new MalformedFileException(file.path() + ": tensor " + Quoted.name(name)
                            + " occurs twice, expected once");
                }
                StorageRange range = storages.get(view.storage().key());
                if (range == null) {
                    throw new MalformedFileException(file.path() + ": tensor " + Quoted.name(name) + ": storage "
                            + Quoted.name(view.storage().key()) + " is missing; the file is damaged");
                }
                StoredTensor stored = stored(name, view, range);
                tensors.add(stored);
                if (!isRowMajor(view) || !littleEndian) {
                    scattered.put(name, view);
                    checkCopied(stored, copied);
                    copied += stored.bytes();
                }
            }
        }
    }

    private void addMetadata(List<Entry> entries) {
        for (Entry entry : entries) {
            if (entry.key() instanceof Text(String key)) {
                switch (entry.value()) {
                    case Text(String text) -> metadata.put(key, new Metadatum.Text(text));
                    case Truth(boolean value) -> metadata.put(key, new Metadatum.Flag(value));
                    case Real(double value) -> metadata.put(key, new Metadatum.Real(Metadatum.Precision.F64, value));
                    case Whole(BigInteger value) when value.bitLength() < Long.SIZE -> metadata.put(key,
                            new Metadatum.Whole(Metadatum.Width.I64, value.longValue()));
                    default -> {
                        // structures of other kinds say nothing about tensors
                    }
                }
            }
        }
    }

    /** Repeating the elements of a small storage must not make an unlimited tensor. */
    private void checkCopied(StoredTensor stored, long copied) throws MalformedFileException {
        long most = Math.max(COPIED_AT_LEAST, Math.multiplyExact(COPIED_PER_BYTE, file.size()));
        if (stored.bytes() > most - copied) {
            throw new MalformedFileException(
                    file.path() + ": tensor " + stored + " repeats or reorders elements, so that"
                            + " a copy would take " + stored.bytes() + " bytes, expected at most " + (most - copied)
                            + "; save contiguous tensors");
        }
    }

    private StoredTensor stored(String name, View view, StorageRange range) throws MalformedFileException {
        Storage storage = view.storage();
        int width = storage.type().blockBytes();
        String what = file.path() + ": tensor " + Quoted.name(name);
        try {
            long elements = 1;
            long last = view.offset();
            for (int axis = 0; axis < view.shape().size(); axis++) {
                long length = view.shape().get(axis);
                elements = Math.multiplyExact(elements, length);
                if (length > 0) {
                    last = Math.addExact(last, Math.multiplyExact(length - 1, view.strides().get(axis)));
                }
            }
            boolean inside = elements == 0 ? view.offset() <= storage.elements() : last < storage.elements();
            if (!inside) {
                throw new MalformedFileException(what + " " + view.shape() + " reaches element " + last
                        + " of its storage, which has " + storage.elements() + "; the file is damaged");
            }
            long bytes = Math.multiplyExact(elements, (long) width);
            return new StoredTensor(name, storage.type(), view.shape(), range.from() + view.offset() * width, bytes);
        } catch (ArithmeticException overflow) {
            throw new MalformedFileException(what + ": the size of " + view.shape() + " overflows 64 bits", overflow);
        }
    }

    private static boolean isRowMajor(View view) {
        long expected = 1;
        for (int axis = view.shape().size() - 1; axis >= 0; axis--) {
            long length = view.shape().get(axis);
            if (length == 0) {
                return true;
            }
            if (length > 1 && view.strides().get(axis) != expected) {
                return false;
            }
            expected *= length;
        }
        return true;
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public String format() {
        return format;
    }

    @Override
    public Map<String, Metadatum> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    @Override
    public List<StoredTensor> tensors() {
        return tensors.all();
    }

    @Override
    public Optional<StoredTensor> find(String name) {
        return tensors.find(name);
    }

    @Override
    public Tensor tensor(String name) throws MalformedFileException {
        StoredTensor stored = tensors.require(name);
        View view = scattered.get(name);
        if (view == null) {
            return file.tensor(stored);
        }
        DType dtype = file.dtype(stored);
        Shape shape = file.shape(stored);
        return Tensor.over(dtype, shape, copies.computeIfAbsent(name, ignored -> {
            MemorySegment copy = file.allocate(stored.bytes());
            if (stored.bytes() > 0) {
                gather(view, stored.offset(), dtype.bytes(), copy);
            }
            if (!littleEndian) {
                MappedFile.reverseElements(copy, dtype.bytes());
            }
            return copy.asReadOnly();
        }));
    }

    private void gather(View view, long from, int width, MemorySegment into) {
        int rank = view.shape().size();
        long[] index = new long[rank];
        long source = from;
        for (long at = 0; at < into.byteSize(); at += width) {
            MemorySegment.copy(file.bytes(), source, into, at, width);
            for (int axis = rank - 1; axis >= 0; axis--) {
                source += view.strides().get(axis) * width;
                if (++index[axis] < view.shape().get(axis)) {
                    break;
                }
                source -= view.strides().get(axis) * width * index[axis];
                index[axis] = 0;
            }
        }
    }

    @Override
    public void close() {
        file.close();
    }
}
