package tern.tasks.synthetic;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

/** Lengths to test at. */
final class Lengths {
    private Lengths() {
    }

    /** Multiples of a length that can be tested at besides it, checked. */
    static List<Integer> multiples(String task, int length, List<Integer> longer) {
        int most = Integer.MAX_VALUE / length;
        for (int multiple : longer) {
            Guesses.require(task, "longer", multiple, multiple >= 2 && multiple <= most,
                    "multiples of the length " + length + " from 2 to " + most);
        }
        Guesses.require(task, "longer", longer, new HashSet<>(longer).size() == longer.size(), "each multiple once");
        return List.copyOf(longer);
    }

    /** The trained length and multiples of it. */
    static List<Integer> of(int length, List<Integer> multiples) {
        List<Integer> lengths = new ArrayList<>();
        lengths.add(length);
        multiples.forEach(multiple -> lengths.add(length * multiple));
        return List.copyOf(lengths);
    }
}
