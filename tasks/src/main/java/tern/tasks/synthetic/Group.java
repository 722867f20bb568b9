package tern.tasks.synthetic;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Groups whose elements are multiplied one after another (Merrill et al. 2024, arXiv 2404.08819). Permutations are numbered
 * in lexicographic order, those of A4 and A5 among the even ones; 0 is the identity everywhere. A product r·x of
 * permutations maps i to x[r[i]]. An element of A4×Z5 is 5·a + z.
 */
public enum Group {
    /** All permutations of three. */
    S3(permutations(3, false)),
    /** All permutations of five; not solvable. */
    S5(permutations(5, false)),
    /** The even permutations of five; not solvable. */
    A5(permutations(5, true)),
    /** Numbers modulo 60; abelian. */
    Z60(modulo(60)),
    /** The even permutations of four with numbers modulo 5; solvable. */
    A4XZ5(product(table(permutations(4, true)), modulo(5)));

    private final int[][] products;
    private final List<Integer> swaps = new ArrayList<>();

    Group(int[][] products) {
        this.products = products;
    }

    Group(List<int[]> permutations) {
        this(table(permutations));
        for (int x = 0; x < permutations.size(); x++) {
            int moved = 0;
            for (int i = 0; i < permutations.get(x).length; i++) {
                moved += permutations.get(x)[i] == i ? 0 : 1;
            }
            if (moved == 2) {
                swaps.add(x);
            }
        }
    }

    /** Number of elements. */
    public int order() {
        return products.length;
    }

    /** r·x. */
    public int product(int r, int x) {
        return products[r][x];
    }

    /** The elements that exchange two things and leave the rest; none where there are no such. */
    public List<Integer> transpositions() {
        return List.copyOf(swaps);
    }

    /** In lexicographic order. */
    private static List<int[]> permutations(int count, boolean evenOnly) {
        List<int[]> found = new ArrayList<>();
        extend(new int[count], 0, evenOnly, found);
        return found;
    }

    private static void extend(int[] some, int filled, boolean evenOnly, List<int[]> found) {
        if (filled == some.length) {
            if (!evenOnly || inversions(some) % 2 == 0) {
                found.add(some.clone());
            }
            return;
        }
        for (int next = 0; next < some.length; next++) {
            boolean taken = false;
            for (int i = 0; i < filled; i++) {
                taken |= some[i] == next;
            }
            if (!taken) {
                some[filled] = next;
                extend(some, filled + 1, evenOnly, found);
            }
        }
    }

    private static int inversions(int[] permutation) {
        int count = 0;
        for (int i = 0; i < permutation.length; i++) {
            for (int j = i + 1; j < permutation.length; j++) {
                count += permutation[i] > permutation[j] ? 1 : 0;
            }
        }
        return count;
    }

    private static int[][] table(List<int[]> permutations) {
        int[][] table = new int[permutations.size()][permutations.size()];
        for (int r = 0; r < table.length; r++) {
            for (int x = 0; x < table.length; x++) {
                int[] made = new int[permutations.getFirst().length];
                for (int i = 0; i < made.length; i++) {
                    made[i] = permutations.get(x)[permutations.get(r)[i]];
                }
                table[r][x] = rank(permutations, made);
            }
        }
        return table;
    }

    private static int rank(List<int[]> permutations, int[] wanted) {
        for (int i = 0; i < permutations.size(); i++) {
            if (Arrays.equals(permutations.get(i), wanted)) {
                return i;
            }
        }
        throw new AssertionError(Arrays.toString(wanted) + " is not among the permutations");
    }

    private static int[][] modulo(int order) {
        int[][] table = new int[order][order];
        for (int r = 0; r < order; r++) {
            for (int x = 0; x < order; x++) {
                table[r][x] = (r + x) % order;
            }
        }
        return table;
    }

    private static int[][] product(int[][] a, int[][] b) {
        int[][] table = new int[a.length * b.length][a.length * b.length];
        for (int r = 0; r < table.length; r++) {
            for (int x = 0; x < table.length; x++) {
                table[r][x] = a[r / b.length][x / b.length] * b.length + b[r % b.length][x % b.length];
            }
        }
        return table;
    }
}
