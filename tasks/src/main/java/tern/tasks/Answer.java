package tern.tasks;

/** What a task asks for. */
public sealed interface Answer {
    /**
     * A symbol at every scored position.
     *
     * @param vocabulary number of symbols
     */
    record Symbols(int vocabulary) implements Answer {
        @Override
        public String toString() {
            return "one of " + vocabulary + " symbols at scored positions";
        }
    }

    /**
     * One class for the whole sequence.
     *
     * @param classes number of classes
     */
    record Classes(int classes) implements Answer {
        @Override
        public String toString() {
            return "one of " + classes + " classes";
        }
    }

    /**
     * Numbers, once the sequence was read.
     *
     * @param steps how many steps of the future
     * @param channels numbers of a step
     */
    record Numbers(int steps, int channels) implements Answer {
        @Override
        public String toString() {
            int count = steps * channels;
            return count + (count == 1 ? " number" : " numbers");
        }
    }
}
