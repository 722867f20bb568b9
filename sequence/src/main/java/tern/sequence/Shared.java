package tern.sequence;

import java.util.Map;

import tern.ops.Ops;
import tern.tensor.Tensor;

/**
 * What a branch may look up in other parts of the stack, beside wires.
 *
 * @param histories what earlier branches remember for later ones, by the name under which they share it
 * @param tokens the stack's embedding
 */
public record Shared(Map<String, History> histories, TokenTable tokens) {
    /** Nothing to look up. */
    public static final Shared NOTHING = new Shared(Map.of(), (ops, ids) -> {
        throw new IllegalArgumentException("this mixer looks tokens up, but it was given no table of tokens");
    });

    /** Rows of the past. */
    @FunctionalInterface
    public interface History {
        /**
         * Rows {@code from} to {@code to} (exclusive) of every sequence; those from a sequence's age on mean nothing.
         *
         * @param from −1 or more; row −1 stands for the position before the first
         * @return [B,to − from,R]
         */
        Tensor rows(Ops ops, int from, int to);
    }

    /** One history. */
    public History history(String name) {
        History history = histories.get(name);
        if (history == null) {
            throw new IllegalArgumentException("history \"" + name
                    + "\" is not shared by an earlier branch; shared are " + histories.keySet());
        }
        return history;
    }
}
