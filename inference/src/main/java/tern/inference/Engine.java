package tern.inference;

import java.util.function.Supplier;

import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.tensor.Workspace;

/**
 * The threads, kernels and scratch memory that models run on. Steps of all sequences that share an engine are carried out
 * one at a time, so it is safe to use from several threads; two runtimes do not wait for each other.
 */
public final class Engine implements AutoCloseable {
    private final ThreadTeam team;
    private final Workspace results = new Workspace(), left = new Workspace();
    private final EagerOps ops;
    // Guarded by this, like whatever a step uses.
    private boolean stepping;
    private boolean closed;

    /**
     * An engine with so many threads.
     *
     * @param threads 1 or more, the calling thread included
     */
    public Engine(int threads) {
        this(threads, KernelSet.fastest());
    }

    /** An engine with these kernels. */
    public Engine(int threads, KernelSet kernels) {
        this.team = new ThreadTeam(threads);
        this.ops = EagerOps.bySegments(kernels, team, results, left);
    }

    /**
     * An engine on which what a model computes is a function of the tokens alone, bit for bit: see {@link KernelSet#steady}.
     */
    public static Engine steady(int threads) {
        return new Engine(threads, KernelSet.steady());
    }

    /** An engine on all cores. */
    public static Engine onAllCores() {
        return new Engine(Runtime.getRuntime().availableProcessors());
    }

    /** Number of threads, the caller's included. */
    public int threads() {
        return team.threads();
    }

    /** Bytes of scratch memory held. */
    public long bytes() {
        return results.bytes() + left.bytes();
    }

    /**
     * Changes how many bytes of rows that depend on tokens alone are kept, 64 MiB at first.
     *
     * @param bytes 0 to compute them each time
     */
    public synchronized void limitKeptRows(long bytes) {
        ops.limitKeptRows(bytes);
    }

    /** Bytes of rows kept that depend on tokens alone. */
    public synchronized long keptRowsBytes() {
        return ops.keptRowsBytes();
    }

    EagerOps ops() {
        return ops;
    }

    /**
     * Runs one step: scratch memory is taken back before it, so what it gives back must be copied out within it.
     *
     * @param model whose step it is; what is derived from its parameters stays until {@link #forget}
     */
    synchronized <T> T step(Object model, Supplier<T> work) {
        if (closed) {
            throw new IllegalStateException("the engine is closed; close it after the models that run on it");
        }
        if (stepping) {
            throw new IllegalStateException(
                    "a step of this engine led to another one, which would take its memory; wait until it returns");
        }
        stepping = true;
        try {
            ops.begin(model);
            return work.get();
        } finally {
            stepping = false;
        }
    }

    /**
     * Ends the threads and gives scratch memory back, after the step that runs. Closing twice does nothing.
     *
     * @throws IllegalStateException if called from within a step
     */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        requireNoStep("the engine");
        closed = true;
        ops.close();
        team.close();
        results.close();
        left.close();
    }

    /** A model is closed. */
    synchronized void forget(Object model) {
        if (!closed) {
            ops.forget(model);
        }
    }

    /** What steps use cannot go while this thread is within one. */
    synchronized void requireNoStep(String what) {
        if (stepping) {
            throw new IllegalStateException(what + " cannot be closed from within a step; wait until it returns");
        }
    }
}
