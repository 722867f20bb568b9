package tern.tasks.synthetic;

import java.util.ArrayList;
import java.util.List;

/** Lengths to test at. */
final class Lengths {
    private Lengths() {
    }

    /** The trained length and multiples of it. */
    static List<Integer> of(int length, List<Integer> multiples) {
        List<Integer> lengths = new ArrayList<>();
        lengths.add(length);
        multiples.forEach(multiple -> lengths.add(Math.multiplyExact(length, multiple)));
        return List.copyOf(lengths);
    }
}
