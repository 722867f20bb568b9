package tern.host.engine;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import tern.inference.LanguageModel;
import tern.inference.Snapshot;

/**
 * States of one model by the tokens that led to them: a tree in which a path from the root spells tokens and some nodes hold
 * the state after them. A prompt goes on from the deepest state on its path.
 *
 * <p>States in memory are bounded; when there are too many, the one goes first that saves the fewest tokens a byte that it
 * alone holds, tokens counted from the next state above it, and those not used for long count less and less (GreedyDual-Size: Cao and Irani 1997).
 * With a folder, what goes from memory is written there, bounded too, and found again after a restart. Safe for use by several
 * threads.
 */
public final class StateTree implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger("tern.host");
    /** The first of the {@linkplain #marks marks}. */
    static final int FIRST_MARK = 64;
    /** Each mark lies a quarter further than the one before. */
    static final double SPACING = 1.25;
    private static final int BOUNDARIES = 10;
    // States that wait to be written hold memory beyond the budget.
    private static final int MOST_WRITES_WAITING = 64;
    private static final long QUIET_NANOS = 60_000_000_000L;

    private final LanguageModel model;
    private final Optional<StateFolder> folder;
    private final Node root = new Node(new int[0], 0);
    private final Set<Node> inMemory = new LinkedHashSet<>();
    private final Set<Node> onDisk = new LinkedHashSet<>();
    private final ExecutorService writer = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("tern-states").factory());
    private final long budget;
    // How many states hold a stretch of a history; its bytes count once.
    private final Map<Object, Integer> holders = new IdentityHashMap<>();
    private long bytes;
    private long diskBytes;
    private int writesWaiting;
    private long unwritten;
    private long complained;
    private double age;
    private long hits;
    private long misses;
    private long evictions;

    private static final class Node {
        private int[] edge;
        private final int depth;
        private Optional<Node> parent = Optional.empty();
        private final Map<Integer, Node> children = new HashMap<>();
        private Optional<Lease> state = Optional.empty();
        private Optional<Path> file = Optional.empty();
        private long ownBytes;
        private List<Snapshot.Part> parts = List.of();
        private long fileBytes;
        private double base;

        private Node(int[] edge, int depth) {
            this.edge = edge;
            this.depth = depth;
        }

        private boolean holds() {
            return state.isPresent() || file.isPresent();
        }

        private void adopt(Node child) {
            child.parent = Optional.of(this);
            children.put(child.edge[0], child);
        }
    }

    /**
     * A state found.
     *
     * @param position number of tokens that led to it
     */
    public record Found(int position, Lease lease) {
    }

    /** What the tree holds and did. */
    public record Report(int states, long bytes, int statesOnDisk, long bytesOnDisk, long hits, long misses,
            long evictions) {
    }

    /**
     * A tree for a model, with what a folder holds already.
     *
     * @param budget bytes of states in memory; 0 keeps none there
     * @param folder where states go that memory has no room for
     */
    public StateTree(LanguageModel model, long budget, Optional<StateFolder> folder) {
        this.model = model;
        this.budget = budget;
        this.folder = folder;
        folder.ifPresent(where -> where.entries().forEach(entry -> {
            Node node = node(entry.tokens(), entry.tokens().length);
            node.file = Optional.of(entry.file());
            node.fileBytes = entry.bytes();
            diskBytes += entry.bytes();
            onDisk.add(node);
        }));
    }

    /**
     * Positions of a prompt at which states are kept: boundaries (the first two and the last eight), where the prompt leaves
     * what the tree knows, and marks at 64 and from there on each a quarter further than the one before. So there are at most
     * 11 + log(T/64)/log(1.25) of a prompt of T tokens, and one that differs from an earlier one at token t reads again at
     * most t/5 tokens before it. Ascending, all above {@code from} and below the prompt's end.
     */
    synchronized List<Integer> stops(int[] prompt, List<Integer> boundaries, int from) {
        TreeSet<Integer> stops = new TreeSet<>(marks(from, prompt.length));
        int count = boundaries.size();
        for (int i = 0; i < count; i++) {
            if (i < 2 || i >= count - (BOUNDARIES - 2)) {
                stops.add(boundaries.get(i));
            }
        }
        stops.add(matched(prompt));
        return stops.stream().filter(stop -> stop > from && stop < prompt.length).toList();
    }

    /** Marks above {@code from} and below {@code to}. */
    static List<Integer> marks(int from, int to) {
        List<Integer> marks = new ArrayList<>();
        for (int mark = FIRST_MARK; mark < to; mark = (int) Math.min(Integer.MAX_VALUE, Math.ceil(mark * SPACING))) {
            if (mark > from) {
                marks.add(mark);
            }
        }
        return marks;
    }

    /** How many of these tokens lie on a path of the tree. */
    synchronized int matched(int[] tokens) {
        Node node = root;
        int at = 0;
        while (at < tokens.length) {
            Node child = node.children.get(tokens[at]);
            if (child == null) {
                return at;
            }
            int same = same(child.edge, tokens, at);
            at += same;
            if (same < child.edge.length) {
                return at;
            }
            node = child;
        }
        return at;
    }

    private static int same(int[] edge, int[] tokens, int at) {
        int length = Math.min(edge.length, tokens.length - at);
        int found = Arrays.mismatch(edge, 0, length, tokens, at, at + length);
        return found < 0 ? length : found;
    }

    /**
     * The deepest state in memory on the path of these tokens. One after all of them counts only if it knows the logits, so
     * that there is always something to go on from.
     */
    synchronized Optional<Found> deepest(int[] tokens) {
        List<Node> path = path(tokens);
        for (Node node : path.reversed()) {
            if (node.state.isPresent() && usable(node, tokens)) {
                node.base = age;
                inMemory.remove(node);
                inMemory.add(node);
                hits++;
                return Optional.of(new Found(node.depth, node.state.get().again()));
            }
        }
        misses++;
        return Optional.empty();
    }

    private static boolean usable(Node node, int[] tokens) {
        return node.depth < tokens.length || node.state.isPresent() && node.state.get().snapshot().hasLogits();
    }

    /** Nodes that lie on the path of these tokens, from the top, without the root. */
    private List<Node> path(int[] tokens) {
        List<Node> path = new ArrayList<>();
        Node node = root;
        int at = 0;
        while (at < tokens.length) {
            Node child = node.children.get(tokens[at]);
            if (child == null || same(child.edge, tokens, at) < child.edge.length) {
                break;
            }
            path.add(child);
            at += child.edge.length;
            node = child;
        }
        return path;
    }

    /** Brings the deepest state on this path into memory, if it lies on disk; takes as long as reading it. */
    public void warm(int[] tokens) {
        Optional<Path> file = Optional.empty();
        synchronized (this) {
            for (Node node : path(tokens).reversed()) {
                if (node.holds() && node.depth <= tokens.length) {
                    file = node.state.isPresent() ? Optional.empty() : node.file;
                    break;
                }
            }
        }
        if (file.isEmpty()) {
            return;
        }
        try {
            Snapshot.Saved saved = Snapshot.loadSaved(file.get(), model);
            try (Lease lease = Lease.of(saved.snapshot())) {
                put(saved.tokens(), saved.tokens().length, lease);
            }
        } catch (IOException | IllegalArgumentException damaged) {
            LOG.log(Level.WARNING, "a state that was kept on disk is left out: " + damaged.getMessage());
            forget(file.get());
        }
    }

    private synchronized void forget(Path file) {
        for (Node node : List.copyOf(onDisk)) {
            if (node.file.filter(file::equals).isPresent()) {
                dropFile(node);
            }
        }
    }

    /** Whether the state after the first {@code position} of these tokens is in memory. */
    synchronized boolean has(int[] tokens, int position) {
        List<Node> path = path(position == tokens.length ? tokens : Arrays.copyOf(tokens, position));
        return !path.isEmpty() && path.getLast().depth == position && path.getLast().state.isPresent();
    }

    /**
     * Keeps a state, if there is room for it. The lease stays the caller's.
     *
     * @param position how many of the tokens led to it
     */
    synchronized void put(int[] tokens, int position, Lease lease) {
        Snapshot snapshot = lease.snapshot();
        long size = snapshot.bytes() + 4L * snapshot.logitCount() + 4L * position;
        if (size > budget || position == 0) {
            return;
        }
        Node node = node(tokens, position);
        if (node.state.isPresent() && (node.state.get().snapshot().hasLogits() || !snapshot.hasLogits())) {
            return;
        }
        node.state.ifPresent(old -> {
            uncount(node);
            old.close();
        });
        node.state = Optional.of(lease.again());
        node.ownBytes = snapshot.ownBytes() + 4L * snapshot.logitCount() + 4L * position;
        node.parts = snapshot.parts();
        node.base = age;
        count(node);
        inMemory.remove(node);
        inMemory.add(node);
        while (bytes > budget) {
            evict();
        }
    }

    private void count(Node node) {
        bytes += node.ownBytes;
        for (Snapshot.Part part : node.parts) {
            if (holders.merge(part.identity(), 1, Integer::sum) == 1) {
                bytes += part.bytes();
            }
        }
    }

    private void uncount(Node node) {
        bytes -= node.ownBytes;
        for (Snapshot.Part part : node.parts) {
            if (holders.merge(part.identity(), -1, Integer::sum) == 0) {
                holders.remove(part.identity());
                bytes -= part.bytes();
            }
        }
        node.parts = List.of();
    }

    /** Bytes that go if this state goes. */
    private long freed(Node node) {
        long freed = node.ownBytes;
        for (Snapshot.Part part : node.parts) {
            if (holders.getOrDefault(part.identity(), 0) > 1) {
                break;
            }
            freed += part.bytes();
        }
        return freed;
    }

    /** The node at this depth of the path, made if it is not there. */
    private Node node(int[] tokens, int depth) {
        Node node = root;
        while (node.depth < depth) {
            Node child = node.children.get(tokens[node.depth]);
            if (child == null) {
                Node made = new Node(Arrays.copyOfRange(tokens, node.depth, depth), depth);
                node.adopt(made);
                return made;
            }
            int same = Math.min(same(child.edge, tokens, node.depth), depth - node.depth);
            node = same == child.edge.length ? child : split(child, same);
        }
        return node;
    }

    private static Node split(Node child, int length) {
        Node above = child.parent.orElseThrow();
        Node middle = new Node(Arrays.copyOf(child.edge, length), above.depth + length);
        above.adopt(middle);
        child.edge = Arrays.copyOfRange(child.edge, length, child.edge.length);
        middle.adopt(child);
        return middle;
    }

    private void evict() {
        Node least = inMemory.iterator().next();
        double lowest = Double.POSITIVE_INFINITY;
        for (Node node : inMemory) {
            double worth = node.base + (double) saved(node) / freed(node);
            if (worth < lowest) {
                lowest = worth;
                least = node;
            }
        }
        age = Math.max(age, lowest);
        evictions++;
        dropMemory(least, true);
    }

    /** Tokens that a prompt through this node would read more if it did not hold a state. */
    private static int saved(Node node) {
        Optional<Node> above = node.parent;
        while (above.isPresent() && !above.get().holds()) {
            above = above.get().parent;
        }
        return node.depth - above.map(found -> found.depth).orElse(0);
    }

    private void dropMemory(Node node, boolean spill) {
        Lease lease = node.state.orElseThrow();
        node.state = Optional.empty();
        uncount(node);
        inMemory.remove(node);
        if (spill && folder.isPresent() && node.file.isEmpty() && writesWaiting < MOST_WRITES_WAITING) {
            writesWaiting++;
            int[] tokens = tokens(node);
            StateFolder where = folder.get();
            writer.execute(() -> write(where, tokens, lease));
        } else {
            lease.close();
        }
        prune(node);
    }

    private static int[] tokens(Node node) {
        int[] tokens = new int[node.depth];
        Node at = node;
        while (at.parent.isPresent()) {
            Node above = at.parent.get();
            System.arraycopy(at.edge, 0, tokens, above.depth, at.edge.length);
            at = above;
        }
        return tokens;
    }

    /** A full disk fails for every state that leaves memory: one line a minute says so. */
    private void complain(IOException failed) {
        long now = System.nanoTime();
        synchronized (this) {
            unwritten++;
            if (unwritten > 1 && now - complained < QUIET_NANOS) {
                return;
            }
            complained = now;
        }
        LOG.log(Level.WARNING, "a state of a prompt could not be written to disk and is gone (" + unwritten
                + " so far; such prompts are read again): " + failed.getMessage());
    }

    private void write(StateFolder where, int[] tokens, Lease lease) {
        Optional<StateFolder.Entry> written = Optional.empty();
        try (lease) {
            written = Optional.of(where.write(tokens, lease.snapshot()));
        } catch (IOException failed) {
            complain(failed);
        }
        synchronized (this) {
            writesWaiting--;
            written.ifPresent(entry -> {
                Node node = node(entry.tokens(), entry.tokens().length);
                if (node.file.isEmpty()) {
                    diskBytes += entry.bytes();
                }
                node.file = Optional.of(entry.file());
                node.fileBytes = entry.bytes();
                onDisk.remove(node);
                onDisk.add(node);
                while (diskBytes > where.budget() && !onDisk.isEmpty()) {
                    dropFile(onDisk.iterator().next());
                }
            });
        }
    }

    private void dropFile(Node node) {
        node.file.ifPresent(file -> folder.ifPresent(where -> where.delete(file)));
        node.file = Optional.empty();
        diskBytes -= node.fileBytes;
        onDisk.remove(node);
        prune(node);
    }

    /** Takes away nodes that neither hold nor lead to anything, and joins edges that no longer fork. */
    private static void prune(Node start) {
        Node node = start;
        while (!node.holds() && node.parent.isPresent()) {
            Node above = node.parent.get();
            if (node.children.isEmpty()) {
                above.children.remove(node.edge[0]);
                node = above;
                continue;
            }
            if (node.children.size() == 1) {
                Node child = node.children.values().iterator().next();
                int[] joined = Arrays.copyOf(node.edge, node.edge.length + child.edge.length);
                System.arraycopy(child.edge, 0, joined, node.edge.length, child.edge.length);
                child.edge = joined;
                above.adopt(child);
            }
            return;
        }
    }

    /** What the tree holds and did. */
    public synchronized Report report() {
        return new Report(inMemory.size(), bytes, onDisk.size(), diskBytes, hits, misses, evictions);
    }

    /** Waits for what is being written. */
    public void flush() {
        try {
            writer.submit(() -> {
            }).get();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        } catch (java.util.concurrent.ExecutionException impossible) {
            throw new IllegalStateException("the thread that writes states failed", impossible);
        }
    }

    /** Writes what is in memory to the folder, if there is one, and releases it. */
    @Override
    public void close() {
        while (true) {
            synchronized (this) {
                if (inMemory.isEmpty()) {
                    break;
                }
                for (Node node : List.copyOf(inMemory)) {
                    if (writesWaiting == MOST_WRITES_WAITING && folder.isPresent()) {
                        break;
                    }
                    dropMemory(node, true);
                }
            }
            flush();
        }
        flush();
        writer.shutdown();
    }
}
