package tern.sequence;

import java.util.Set;

/** Names of the wires that a stack itself publishes, for every branch to read. */
public final class Wires {
    /** The token identifiers [B,T], I32. */
    public static final String IDS = "ids";
    /** What the first branch reads as residual stream: the embedded tokens, normalised if the stack does so [B,T,D]. */
    public static final String EMBEDDING = "embedding";
    /** The residual stream that the reading branch is added to, before its normalisation [B,T,D]. */
    public static final String RESIDUAL = "residual";
    /** All of them. */
    public static final Set<String> OF_STACK = Set.of(IDS, EMBEDDING, RESIDUAL);

    private Wires() {
    }
}
