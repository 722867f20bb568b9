package tern.mixers;

import java.util.Collection;
import java.util.Locale;

/** Finds what a misspelt name was meant to be. */
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
        String known = "known are " + String.join(", ", names);
        return nearest.isEmpty() ? known : "did you mean \"" + nearest + "\"? " + known;
    }

    /** Least number of inserted, removed and replaced characters between two words (Levenshtein 1966). */
    static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length()];
    }
}
