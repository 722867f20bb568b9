package tern.kernels;

import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;

import tern.kernels.history.KeptRows;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** What is derived from the parameters of one model, and kept between its steps. Confined to one thread. */
final class Derived implements AutoCloseable {
    private final Map<Object, Map<String, Tensor>> tensors = new IdentityHashMap<>();
    private final Map<Object, Map<String, KeptRows>> rows = new IdentityHashMap<>();
    private final Memory memory = new Memory();
    private long rowBytes;

    Tensor tensor(Object owner, String name, Supplier<Tensor> compute, Workspace scratch) {
        Map<String, Tensor> own = tensors.computeIfAbsent(owner, ignored -> new HashMap<>());
        Tensor known = own.get(name);
        if (known == null) {
            Workspace.Mark mark = scratch.mark();
            known = memory.copyOf(compute.get());
            scratch.release(mark);
            own.put(name, known);
        }
        return known;
    }

    Tensor rows(Object owner, String name, Tensor ids, Function<Tensor, Tensor> compute, Workspace scratch,
            KeptRows.Allowance allowance) {
        return rows.computeIfAbsent(owner, ignored -> new HashMap<>())
                .computeIfAbsent(name, ignored -> new KeptRows(memory)).rows(ids, compute, scratch, bytes -> {
                    boolean taken = allowance.take(bytes);
                    rowBytes += taken ? bytes : 0;
                    return taken;
                });
    }

    /** Bytes of rows that are kept. */
    long rowBytes() {
        return rowBytes;
    }

    boolean isEmpty() {
        return tensors.isEmpty() && rows.isEmpty();
    }

    @Override
    public void close() {
        tensors.clear();
        rows.clear();
        rowBytes = 0;
        memory.close();
    }
}
