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

    /** Runs one step: scratch memory is taken back before it, so what it gives back must be copied out within it. */
    synchronized <T> T step(Supplier<T> work) {
        ops.begin();
        return work.get();
    }

    @Override
    public synchronized void close() {
        ops.close();
        team.close();
        results.close();
        left.close();
    }
}
