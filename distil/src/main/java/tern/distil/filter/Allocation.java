package tern.distil.filter;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Spreads a budget over items, each with a list of (cost, error) points of which exactly one is taken, so that the sum of
 * errors is smallest. Exact by dynamic programming while that is affordable; beyond, by marginal gain along each item's
 * lower convex hull, which is exact on convex curves of unit cost steps and within one step of it otherwise.
 */
final class Allocation {
    private static final long AFFORDABLE = 60_000_000;

    private Allocation() {
    }

    /** Points of one item: costs strictly rising from 0, errors falling. */
    record Curve(long[] cost, double[] error) {
    }

    /** The index of the point taken for each item; their costs sum to at most {@code budget}. */
    static int[] allocate(List<Curve> curves, long budget) {
        long most = curves.stream().mapToLong(c -> c.cost()[c.cost().length - 1]).sum();
        long room = Math.min(budget, most);
        long points = curves.stream().mapToLong(c -> c.cost().length).sum();
        return points * (room + 1) <= AFFORDABLE ? exact(curves, (int) room) : greedy(curves, room);
    }

    static int[] exact(List<Curve> curves, int room) {
        int n = curves.size();
        double[] best = new double[room + 1];
        char[][] taken = new char[n][room + 1];
        for (int f = 0; f < n; f++) {
            Curve curve = curves.get(f);
            double[] next = new double[room + 1];
            Arrays.fill(next, Double.POSITIVE_INFINITY);
            for (int p = 0; p < curve.cost().length; p++) {
                if (curve.cost()[p] > room) {
                    break;
                }
                int cost = (int) curve.cost()[p];
                for (int b = cost; b <= room; b++) {
                    double total = best[b - cost] + curve.error()[p];
                    if (total < next[b]) {
                        next[b] = total;
                        taken[f][b] = (char) p;
                    }
                }
            }
            best = next;
        }
        int[] chosen = new int[n];
        int left = room;
        for (int f = n - 1; f >= 0; f--) {
            chosen[f] = taken[f][left];
            left -= (int) curves.get(f).cost()[chosen[f]];
        }
        return chosen;
    }

    private record Move(int item, int to, double gain, long cost) {
        double rate() {
            return gain / cost;
        }
    }

    static int[] greedy(List<Curve> curves, long room) {
        int[] chosen = new int[curves.size()];
        // steepest first; ties go to the earlier item, so that the result is one and the same everywhere
        PriorityQueue<Move> moves = new PriorityQueue<>((a, b) -> a.rate() != b.rate()
                ? Double.compare(b.rate(), a.rate())
                : Integer.compare(a.item(), b.item()));
        List<int[]> hulls = new ArrayList<>();
        int[] at = new int[curves.size()];
        for (int f = 0; f < curves.size(); f++) {
            hulls.add(hull(curves.get(f)));
            offer(moves, curves.get(f), hulls.get(f), f, 0);
        }
        long left = room;
        while (!moves.isEmpty()) {
            Move move = moves.poll();
            if (move.cost() <= left) {
                left -= move.cost();
                at[move.item()]++;
                chosen[move.item()] = move.to();
                offer(moves, curves.get(move.item()), hulls.get(move.item()), move.item(), at[move.item()]);
            }
        }
        return filledUp(curves, chosen, left);
    }

    private static void offer(PriorityQueue<Move> moves, Curve curve, int[] hull, int item, int at) {
        if (at + 1 < hull.length) {
            int from = hull[at];
            int to = hull[at + 1];
            moves.add(
                    new Move(item, to, curve.error()[from] - curve.error()[to], curve.cost()[to] - curve.cost()[from]));
        }
    }

    /** Spends what is left on the best single moves, also to points off the hull. */
    private static int[] filledUp(List<Curve> curves, int[] chosen, long left) {
        long rest = left;
        while (true) {
            Move best = new Move(-1, 0, 0, 1);
            for (int f = 0; f < chosen.length; f++) {
                Curve curve = curves.get(f);
                for (int to = chosen[f] + 1; to < curve.cost().length; to++) {
                    long cost = curve.cost()[to] - curve.cost()[chosen[f]];
                    if (cost > rest) {
                        break;
                    }
                    Move move = new Move(f, to, curve.error()[chosen[f]] - curve.error()[to], cost);
                    if (move.gain() > 0 && move.rate() > best.rate()) {
                        best = move;
                    }
                }
            }
            if (best.item() < 0) {
                return chosen;
            }
            rest -= best.cost();
            chosen[best.item()] = best.to();
        }
    }

    /** Indices of the points on the lower convex hull, from the first point to the one of least error. */
    private static int[] hull(Curve curve) {
        int[] stack = new int[curve.cost().length];
        int size = 0;
        for (int p = 0; p < stack.length; p++) {
            if (size > 0 && curve.error()[p] >= curve.error()[stack[size - 1]]) {
                continue;
            }
            while (size >= 2 && slope(curve, stack[size - 2], stack[size - 1]) <= slope(curve, stack[size - 1], p)) {
                size--;
            }
            stack[size++] = p;
        }
        return Arrays.copyOf(stack, size);
    }

    private static double slope(Curve curve, int from, int to) {
        return (curve.error()[from] - curve.error()[to]) / (curve.cost()[to] - curve.cost()[from]);
    }
}
