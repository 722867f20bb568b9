package tern.sequence;

import java.util.Map;

import tern.tensor.Tensor;

/**
 * What a branch may look up in other parts of the stack, beside wires.
 *
 * @param histories growing slots of earlier branches' states that they share, by slot name, [B,capacity,R] each: the first
 *            {@code ages[b]} rows of a sequence count and are from before the input at hand
 * @param tokens the stack's embedding
 */
public record Shared(Map<String, Tensor> histories, TokenTable tokens) {
    /** Nothing to look up. */
    public static final Shared NOTHING = new Shared(Map.of(), (ops, ids) -> {
        throw new IllegalArgumentException("this mixer looks tokens up, but it was given no table of tokens");
    });

    /** One history. */
    public Tensor history(String name) {
        Tensor history = histories.get(name);
        if (history == null) {
            throw new IllegalArgumentException("history \"" + name
                    + "\" is not shared by an earlier branch; shared are " + histories.keySet());
        }
        return history;
    }
}
