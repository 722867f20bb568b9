package tern.serve.http;

import java.util.List;
import java.util.Optional;

import tools.jackson.databind.node.ObjectNode;

import tern.host.engine.Finish;
import tern.host.engine.Token;

/** How an answer is written: as a completion or as a chat completion, whole or in pieces. Immutable. */
interface Shape {
    /**
     * What surrounds choices.
     *
     * @param piece whether it is one of a stream
     */
    ObjectNode envelope(boolean piece);

    /** The piece that comes before a choice's first, if there is one. */
    Optional<ObjectNode> opening(int index);

    /**
     * A piece of a choice.
     *
     * @param offset characters that were generated before it
     * @param tokens those it came from, if probabilities were asked for
     */
    ObjectNode piece(int index, int offset, String text, List<Token> tokens, Optional<Finish> finish);

    /** How much a token adds to the offset of the pieces after it. */
    int units(Token token);

    /** A whole choice; see {@link #piece}. */
    ObjectNode whole(int index, String text, List<Token> tokens, Finish finish);
}
