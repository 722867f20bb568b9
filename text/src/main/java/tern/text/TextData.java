package tern.text;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Text or any other bytes, from one or several sources one behind the other, as one long string. Plain files are mapped,
 * so they may be larger than memory; packed ones (gzip, zstd; told by their first bytes) are unpacked into native memory.
 * Immutable and safe for use by several threads; {@link #close} releases the memory, and with it what was cut from it.
 */
public final class TextData implements AutoCloseable {
    private static final long MAP_FROM = 1L << 20;
    private static final Pattern CUT = Pattern.compile("(@\\d{1,18},\\d{1,18}) of (\\d{1,18})");

    private final Arena arena = Arena.ofShared();
    private final Pieces pieces = new Pieces(arena);
    private final List<Source> sources = new ArrayList<>();

    private TextData() {
    }

    /**
     * One file of the data.
     *
     * @param name the file as it was given, or as it was found in a folder that was given
     * @param from first byte in the data
     * @param to byte behind its last
     */
    public record Source(String name, long from, long to) {
    }

    /**
     * Reads files and folders in the given order; a folder stands for its files at any depth, hidden ones left out, in the
     * order of their paths.
     *
     * @throws IOException if a file is missing, unreadable, empty or damaged, or if packed files do not fit into memory
     *     once unpacked; the message names the file and, for the last, the memory needed
     * @throws IllegalArgumentException if no path is given
     */
    public static TextData open(List<Path> paths) throws IOException {
        return open(paths, AvailableMemory.bytes());
    }

    /** {@link #open(List)} with the paths written out. */
    public static TextData open(Path... paths) throws IOException {
        return open(List.of(paths));
    }

    /** Data that is in memory already; the bytes are copied. */
    public static TextData of(String name, byte[] bytes) {
        TextData data = new TextData();
        data.pieces.append(bytes, 0, bytes.length);
        data.pieces.finish();
        data.sources.add(new Source(name, 0, bytes.length));
        return data;
    }

    /** Data from a stream, unpacked if it is packed; the stream is closed. */
    static TextData of(String name, InputStream stream) throws IOException {
        TextData data = new TextData();
        try (Loader loader = new Loader(data, AvailableMemory.bytes())) {
            loader.addStream(name, stream);
            loader.finish();
        }
        return data;
    }

    static TextData open(List<Path> paths, long memoryLimit) throws IOException {
        if (paths.isEmpty()) {
            throw new IllegalArgumentException("data: no file given, expected at least one file or folder");
        }
        TextData data = new TextData();
        try (Loader loader = new Loader(data, memoryLimit)) {
            for (Path path : paths) {
                loader.add(path);
            }
            loader.finish();
        }
        return data;
    }

    /** Reads sources into data; unless it comes to its end, closing it releases what was read. */
    private static final class Loader implements AutoCloseable {
        private final TextData data;
        private final long memoryLimit;
        private final byte[] buffer = new byte[1 << 16];
        private boolean tooLarge;
        private long unpacked;
        private boolean finished;

        Loader(TextData data, long memoryLimit) {
            this.data = data;
            this.memoryLimit = memoryLimit;
        }

        void add(Path path) throws IOException {
            // What a variable of a shell becomes that was never set.
            if (path.toString().isEmpty()) {
                throw new IOException(
                        "the name of a file of data is empty, expected a file or a folder; . is this one");
            }
            try {
                if (Files.isDirectory(path)) {
                    addFolder(path);
                } else {
                    addFile(path, false);
                }
            } catch (NoSuchFileException missing) {
                throw new IOException((missing.getFile() == null ? path : missing.getFile())
                        + ": no such file or folder; check the name", missing);
            } catch (AccessDeniedException denied) {
                throw new IOException(denied.getFile() + ": permission denied; the file cannot be read", denied);
            }
        }

        private void addFolder(Path folder) throws IOException {
            List<Path> files;
            try (Stream<Path> found = Files.walk(folder)) {
                files = found.filter(file -> !isHidden(folder, file) && Files.isRegularFile(file)).sorted().toList();
            } catch (java.io.UncheckedIOException unreadable) {
                throw unreadable.getCause();
            }
            long before = data.pieces.size() + unpacked;
            for (Path file : files) {
                addFile(file, true);
            }
            if (data.pieces.size() + unpacked == before) {
                throw new IOException(
                        folder + ": the folder holds no data; expected at least one file that is not empty");
            }
        }

        private static boolean isHidden(Path folder, Path file) {
            for (Path part : folder.relativize(file)) {
                if (part.toString().startsWith(".")) {
                    return true;
                }
            }
            return false;
        }

        private void addFile(Path file, boolean mayBeEmpty) throws IOException {
            long before = data.pieces.size() + unpacked;
            if (Files.isRegularFile(file) && Files.size(file) >= MAP_FROM && !isPacked(file)) {
                data.pieces.finish();
                long from = data.pieces.size();
                try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                    data.pieces.adopt(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), data.arena));
                }
                data.sources.add(new Source(file.toString(), from, data.pieces.size()));
            } else {
                addStream(file.toString(), Files.newInputStream(file));
            }
            if (!mayBeEmpty && data.pieces.size() + unpacked == before) {
                throw new IOException(file + ": the file is empty; expected text or other bytes");
            }
        }

        private static boolean isPacked(Path file) throws IOException {
            try (InputStream in = Files.newInputStream(file)) {
                byte[] head = in.readNBytes(Packing.MAGIC_BYTES);
                return Packing.of(head, head.length) != Packing.NONE;
            }
        }

        /** Copies a stream; once memory is exceeded it only counts, so that the need can be told. */
        void addStream(String name, InputStream stream) throws IOException {
            long from = data.pieces.size();
            try (stream) {
                byte[] head = stream.readNBytes(Packing.MAGIC_BYTES);
                InputStream whole = new SequenceInputStream(new ByteArrayInputStream(head), stream);
                try (InputStream in = Packing.of(head, head.length).open(name, whole)) {
                    for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
                        tooLarge |= data.pieces.held() + got > memoryLimit;
                        if (tooLarge) {
                            unpacked += got;
                        } else {
                            data.pieces.append(buffer, 0, got);
                        }
                    }
                }
            } catch (EOFException early) {
                throw new IOException(name + ": " + early.getMessage(), early);
            }
            data.pieces.finish();
            data.sources.add(new Source(name, from, data.pieces.size()));
        }

        void finish() throws IOException {
            if (tooLarge) {
                throw new IOException(data.sources.getFirst().name() + (data.sources.size() > 1 ? " and others" : "")
                        + ": the data needs " + mebibytes(data.pieces.held() + unpacked) + " of memory once unpacked, "
                        + mebibytes(memoryLimit)
                        + " are available; unpack the files on disk (plain files are mapped and need"
                        + " none) or use fewer");
            }
            finished = true;
        }

        private static String mebibytes(long bytes) {
            return ((bytes >> 20) + 1) + " MiB";
        }

        @Override
        public void close() {
            if (!finished) {
                data.close();
            }
        }
    }

    /** Number of bytes. */
    public long size() {
        return pieces.size();
    }

    /** Where the data came from, in order. */
    public List<Source> sources() {
        return List.copyOf(sources);
    }

    /** What the data is called in messages: the first source, and how many more. */
    public String name() {
        return sources.getFirst().name() + (sources.size() > 1 ? " and " + (sources.size() - 1) + " more" : "");
    }

    /** A range of bytes, a fresh array. */
    public byte[] bytes(long from, int count) {
        if (from < 0 || count < 0 || from > size() - count) {
            throw new IndexOutOfBoundsException("bytes " + from + " to " + (from + count) + " of " + name()
                    + ", which has " + size());
        }
        byte[] range = new byte[count];
        pieces.copy(from, range, 0, count);
        return range;
    }

    /** SHA-256 of all bytes, as hexadecimal digits. */
    public String sha256() {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError("every Java platform has SHA-256", impossible);
        }
        byte[] buffer = new byte[1 << 16];
        for (long at = 0; at < size(); at += buffer.length) {
            int part = (int) Math.min(buffer.length, size() - at);
            pieces.copy(at, buffer, 0, part);
            digest.update(buffer, 0, part);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** This data cut as is usual for it: as published for data sets that Tern knows, else {@link SplitRule#USUAL}. */
    public SplitData split() {
        return split(KnownData.usualRule(this));
    }

    /**
     * This data cut by a rule.
     *
     * @throws IllegalArgumentException if positions lie beyond the data
     */
    public SplitData split(SplitRule rule) {
        return SplitData.cut(this, rule);
    }

    /**
     * This data cut as it was cut before, so that nothing that was learned from counts as held out; as is usual for it, if
     * nothing is known of that, or it was other data.
     *
     * @param cut what {@link SplitData#cut} said then; data of another size is other data
     */
    public SplitData splitAs(Optional<String> cut) {
        Matcher known = CUT.matcher(cut.orElse(""));
        return known.matches() && known.group(2).equals(Long.toString(size())) ? split(SplitRule.parse(known.group(1)))
                : split();
    }

    Pieces pieces() {
        return pieces;
    }

    Arena arena() {
        return arena;
    }

    /** Releases the memory; token stores over this data must not be used any more. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
