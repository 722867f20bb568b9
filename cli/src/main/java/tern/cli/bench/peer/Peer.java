package tern.cli.bench.peer;

import java.util.Optional;

import tern.kernels.ThreadTeam;
import tern.tensor.Memory;

/** A library that does the same work as some kernels. Confined to one thread. */
public interface Peer {
    /** What it calls itself, with its version or the processor that it was tuned for where it tells. */
    String name();

    /**
     * The same work as a call, or empty if this peer does not do it.
     *
     * @param team whose number of threads the peer is to use
     * @param memory where its operands live, as long as the call is used
     */
    Optional<Runnable> prepare(Twin twin, ThreadTeam team, Memory memory);
}
