package tern.tasks;

/** What a position of a task's sequences is. */
public sealed interface Input {
    /**
     * A token.
     *
     * @param vocabulary number of tokens
     */
    record Tokens(int vocabulary) implements Input {
        @Override
        public String toString() {
            return "tokens of " + vocabulary;
        }
    }

    /**
     * Real values.
     *
     * @param features how many
     */
    record Values(int features) implements Input {
        @Override
        public String toString() {
            return features + (features == 1 ? " value" : " values") + " a position";
        }
    }
}
