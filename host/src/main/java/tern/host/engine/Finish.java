package tern.host.engine;

/** Why a stream ended. */
public enum Finish {
    /** A stop string, or the token that ends a text. */
    STOP,
    /** As many tokens as were allowed. */
    LENGTH
}
