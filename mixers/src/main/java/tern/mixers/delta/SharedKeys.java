package tern.mixers.delta;

/**
 * Queries and keys that several value heads share.
 *
 * @param heads G, number of heads of queries and keys; divides H
 * @param byTurns which share: value heads h with equal h mod G, as llama.cpp stores Qwen3.5, or neighbours, with equal ⌊hG/H⌋
 */
public record SharedKeys(int heads, boolean byTurns) {
    /** Shared by neighbours. */
    public static SharedKeys byNeighbours(int heads) {
        return new SharedKeys(heads, false);
    }
}
