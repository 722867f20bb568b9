package tern.kernels.history;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Rows found again by one or two identifiers, as many as fit; the others are computed each time. Steady state allocates
 * nothing on the Java heap. Confined to one thread.
 */
public final class KeptRows {
    private static final int ROWS_AT_ONCE = 256;
    private static final int FIRST_PLACES = 1 << 10;

    private final Memory memory;
    private final List<Tensor> blocks = new ArrayList<>();
    private long[] keys = new long[FIRST_PLACES];
    private int[] rows = new int[FIRST_PLACES];
    private int[] missing = new int[0];
    private int count;
    private boolean full;

    /** No rows yet; they will live in this memory. */
    public KeptRows(Memory memory) {
        this.memory = memory;
        Arrays.fill(rows, -1);
    }

    /** Tells how many bytes more may be kept, and takes them. */
    @FunctionalInterface
    public interface Allowance {
        /** Whether so many bytes more may be kept; if so they count as taken. */
        boolean take(long bytes);
    }

    /**
     * The rows of these identifiers.
     *
     * @param ids [N,1] or [N,2]
     * @param compute rows for those identifiers that are not known, each once
     * @param results where the rows and scratch go
     * @return [N,R]
     */
    public Tensor rows(Tensor ids, Function<Tensor, Tensor> compute, Workspace results, Allowance allowance) {
        int wanted = ids.dim(0);
        if (missing.length < wanted) {
            missing = new int[Math.max(wanted, ROWS_AT_ONCE)];
        }
        int unknown = 0;
        int before = count;
        for (int i = 0; i < wanted; i++) {
            long key = key(ids, i);
            int place = place(key);
            if (rows[place] < 0) {
                missing[unknown++] = i;
                if (!full) {
                    put(key, place, count++);
                }
            }
        }
        if (unknown == 0) {
            return gathered(ids, results);
        }
        Tensor asked = results.allocate(DType.I32, ids.shape().with(0, unknown));
        for (int i = 0; i < unknown; i++) {
            for (int k = 0; k < ids.dim(1); k++) {
                asked.set((long) i * ids.dim(1) + k, ids.getInt((long) missing[i] * ids.dim(1) + k));
            }
        }
        Tensor made = compute.apply(asked);
        if (!full && keep(made, before, allowance)) {
            return gathered(ids, results);
        }
        if (full) {
            return gatheredWith(ids, made, unknown, results);
        }
        Tensor all = gatheredWithNew(ids, made, before, results);
        full = true;
        rehash(rows.length, before);
        count = before;
        return all;
    }

    /** Appends the rows made, numbered from {@code first} on; false if there is no allowance for them. */
    private boolean keep(Tensor made, int first, Allowance allowance) {
        int width = made.shape().last();
        while ((long) blocks.size() * ROWS_AT_ONCE < first + made.dim(0)) {
            if (!allowance.take(made.dtype().bytes((long) ROWS_AT_ONCE * width))) {
                return false;
            }
            blocks.add(memory.allocate(made.dtype(), Shape.of(ROWS_AT_ONCE, width)));
        }
        for (int i = 0; i < made.dim(0); i++) {
            copy(made, i, blocks.get((first + i) / ROWS_AT_ONCE), (first + i) % ROWS_AT_ONCE);
        }
        return true;
    }

    private Tensor gathered(Tensor ids, Workspace results) {
        Tensor first = blocks.getFirst();
        Tensor y = results.allocate(first.dtype(), Shape.of(ids.dim(0), first.dim(1)));
        for (int i = 0; i < ids.dim(0); i++) {
            int row = rows[place(key(ids, i))];
            copy(blocks.get(row / ROWS_AT_ONCE), row % ROWS_AT_ONCE, y, i);
        }
        return y;
    }

    /** Rows that are kept, and in the places of those that are not, the ones made, in order. */
    private Tensor gatheredWith(Tensor ids, Tensor made, int unknown, Workspace results) {
        Tensor y = results.allocate(made.dtype(), Shape.of(ids.dim(0), made.shape().last()));
        int next = 0;
        for (int i = 0; i < ids.dim(0); i++) {
            if (next < unknown && missing[next] == i) {
                copy(made, next++, y, i);
            } else {
                int row = rows[place(key(ids, i))];
                copy(blocks.get(row / ROWS_AT_ONCE), row % ROWS_AT_ONCE, y, i);
            }
        }
        return y;
    }

    /** Rows that are kept, and those made for entries from {@code first} on. */
    private Tensor gatheredWithNew(Tensor ids, Tensor made, int first, Workspace results) {
        Tensor y = results.allocate(made.dtype(), Shape.of(ids.dim(0), made.shape().last()));
        for (int i = 0; i < ids.dim(0); i++) {
            int row = rows[place(key(ids, i))];
            if (row >= first) {
                copy(made, row - first, y, i);
            } else {
                copy(blocks.get(row / ROWS_AT_ONCE), row % ROWS_AT_ONCE, y, i);
            }
        }
        return y;
    }

    private static void copy(Tensor from, int row, Tensor to, int at) {
        long bytes = from.dtype().bytes(from.shape().last());
        MemorySegment.copy(from.data(), row * bytes, to.data(), at * bytes, bytes);
    }

    private static long key(Tensor ids, int i) {
        return ids.dim(1) == 1 ? ids.getInt(i) : (long) ids.getInt(2L * i) << 32 | ids.getInt(2L * i + 1) & 0xFFFFFFFFL;
    }

    /** Where a key is, or the free place where it would go. */
    private int place(long key) {
        int mask = rows.length - 1;
        int place = (int) (key * 0x9E3779B97F4A7C15L >>> 33) & mask;
        while (rows[place] >= 0 && keys[place] != key) {
            place = place + 1 & mask;
        }
        return place;
    }

    private void put(long key, int place, int row) {
        keys[place] = key;
        rows[place] = row;
        if (2 * (row + 1) > rows.length) {
            rehash(2 * rows.length, row + 1);
        }
    }

    /** All entries below {@code first} again, in so many places. */
    private void rehash(int places, int first) {
        long[] oldKeys = keys;
        int[] oldRows = rows;
        keys = new long[places];
        rows = new int[places];
        Arrays.fill(rows, -1);
        for (int i = 0; i < oldRows.length; i++) {
            if (oldRows[i] >= 0 && oldRows[i] < first) {
                int place = place(oldKeys[i]);
                keys[place] = oldKeys[i];
                rows[place] = oldRows[i];
            }
        }
    }
}
