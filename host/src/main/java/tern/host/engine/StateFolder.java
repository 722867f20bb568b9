package tern.host.engine;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

import tern.inference.Snapshot;

/**
 * States on disk, each with the tokens that led to it: {@code NAME.state} and {@code NAME.tokens}, where the name is a hash of the
 * tokens. A state counts once both are there; each is written beside its place and moved. Safe for use by several threads that
 * write different states.
 */
public final class StateFolder {
    private static final System.Logger LOG = System.getLogger("tern.host");
    private static final String STATE = ".state";
    private static final String TOKENS = ".tokens";

    private final Path folder;
    private final long budget;

    /** A state and the tokens that led to it. */
    record Entry(int[] tokens, Path file, long bytes) {
        @Override
        public boolean equals(Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }

    /**
     * A folder, made if it is not there.
     *
     * @param budget bytes that it may hold
     * @throws IOException if it cannot be made
     */
    public StateFolder(Path folder, long budget) throws IOException {
        this.folder = Files.createDirectories(folder);
        this.budget = budget;
    }

    long budget() {
        return budget;
    }

    /** What is there, the oldest first; what is incomplete or damaged is left out. */
    List<Entry> entries() {
        record Dated(Entry entry, long time) {
        }
        List<Dated> found = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(path -> path.toString().endsWith(TOKENS)).toList()) {
                String name = file.getFileName().toString();
                Path state = folder.resolve(name.substring(0, name.length() - TOKENS.length()) + STATE);
                if (Files.exists(state)) {
                    byte[] bytes = Files.readAllBytes(file);
                    int[] tokens = new int[bytes.length / 4];
                    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(tokens);
                    if (tokens.length > 0 && name.equals(name(tokens) + TOKENS)) {
                        found.add(new Dated(new Entry(tokens, state, Files.size(state) + bytes.length),
                                Files.getLastModifiedTime(state).toMillis()));
                    }
                }
            }
        } catch (IOException unreadable) {
            LOG.log(Level.WARNING, "states kept on disk cannot be read and are left out: " + unreadable.getMessage());
        }
        found.sort((a, b) -> Long.compare(a.time, b.time));
        return found.stream().map(Dated::entry).toList();
    }

    Entry write(int[] tokens, Snapshot snapshot) throws IOException {
        String name = name(tokens);
        Path state = folder.resolve(name + STATE);
        snapshot.save(state, tokens, java.util.Map.of());
        ByteBuffer bytes = ByteBuffer.allocate(4 * tokens.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asIntBuffer().put(tokens);
        Path beside = folder.resolve(name + TOKENS + ".new");
        Files.write(beside, bytes.array());
        Files.move(beside, folder.resolve(name + TOKENS), StandardCopyOption.ATOMIC_MOVE);
        return new Entry(tokens, state, Files.size(state) + bytes.capacity());
    }

    void delete(Path state) {
        String name = state.getFileName().toString();
        try {
            Files.deleteIfExists(folder.resolve(name.substring(0, name.length() - STATE.length()) + TOKENS));
            Files.deleteIfExists(state);
        } catch (NoSuchFileException gone) {
            // Somebody tidied up; that is what was wanted.
            LOG.log(Level.DEBUG, "a state was gone already: " + gone.getMessage());
        } catch (IOException kept) {
            throw new UncheckedIOException("a state cannot be deleted", kept);
        }
    }

    private static String name(int[] tokens) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            ByteBuffer bytes = ByteBuffer.allocate(4 * tokens.length).order(ByteOrder.LITTLE_ENDIAN);
            bytes.asIntBuffer().put(tokens);
            return HexFormat.of().formatHex(Arrays.copyOf(digest.digest(bytes.array()), 16));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every JVM has SHA-256", impossible);
        }
    }
}
