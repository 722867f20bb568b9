package tern.mixers;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** Finds what a misspelt name was meant to be. Safe for use by several threads. */
public final class NearestName {
    private NearestName() {
    }

    /**
     * What to say after "unknown …": the nearest name if one is near, and always the names that exist.
     *
     * @param found the unknown name
     * @param names the names that exist
     */
    public static String advice(String found, Collection<String> names) {
        return advice(found, names, String.join(", ", names));
    }

    /**
     * The same of names that are too many to be listed.
     *
     * @param found the unknown name
     * @param names the names that exist
     * @param known what is said of them instead of a list
     */
    public static String advice(String found, Collection<String> names, String known) {
        String wanted = found.toLowerCase(Locale.ROOT);
        String nearest = "";
        int least = Math.max(2, found.length() / 3) + 1;
        for (String name : names) {
            int distance = distance(wanted, name.toLowerCase(Locale.ROOT));
            if (distance < least) {
                least = distance;
                nearest = name;
            }
        }
        String all = "known are " + known;
        return nearest.isEmpty() ? all : "did you mean \"" + nearest + "\"? " + all;
    }

    /**
     * The known name with the fewest edits, if they are at most a third of its letters, or one that begins with the word.
     *
     * @param word the unknown name
     * @param known the names that exist
     */
    public static Optional<String> of(String word, Collection<String> known) {
        String wanted = word.toLowerCase(Locale.ROOT);
        Optional<String> nearest = known.stream()
                .min(Comparator.<String>comparingInt(name -> distance(wanted, name.toLowerCase(Locale.ROOT)))
                        .thenComparing(Comparator.naturalOrder()))
                .filter(name -> distance(wanted, name.toLowerCase(Locale.ROOT)) <= Math.max(1, name.length() / 3));
        return nearest.isPresent() ? nearest
                : known.stream().sorted().filter(name -> wanted.length() > 2 && name.startsWith(wanted)).findFirst();
    }

    /** Least number of characters inserted, removed, replaced or swapped with a neighbour (optimal string alignment). */
    static int distance(String a, String b) {
        int[][] edits = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            edits[i][0] = i;
        }
        for (int j = 0; j <= b.length(); j++) {
            edits[0][j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            for (int j = 1; j <= b.length(); j++) {
                int replaced = edits[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                edits[i][j] = Math.min(replaced, 1 + Math.min(edits[i - 1][j], edits[i][j - 1]));
                boolean swapped = i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2)
                        && a.charAt(i - 2) == b.charAt(j - 1);
                if (swapped) {
                    edits[i][j] = Math.min(edits[i][j], 1 + edits[i - 2][j - 2]);
                }
            }
        }
        return edits[a.length()][b.length()];
    }
}
