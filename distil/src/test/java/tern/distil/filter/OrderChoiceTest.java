package tern.distil.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import org.junit.jupiter.api.Test;

class OrderChoiceTest {
    private static List<OrderChoice.Filter> filters(int count, int time) {
        List<OrderChoice.Filter> filters = new ArrayList<>();
        for (int f = 0; f < count; f++) {
            int seed = f;
            double[] taps = f % 3 == 0
                    ? Fixtures.taps(1, time,
                            s -> (5 + seed) * Math.pow(1 + s / (3.0 + seed), -1.2) - Math.exp(-s / 20.0))
                    : Fixtures.difficult(Fixtures.Kind.values()[f % Fixtures.Kind.values().length], f, time);
            filters.add(new OrderChoice.Filter("layer 0 filter " + f, taps));
        }
        return filters;
    }

    @Test
    void resultsDoNotDependOnThreads() {
        List<OrderChoice.Filter> filters = filters(9, 200);
        OrderChoice one = new OrderChoice(new HankelFit(), 12, 1);
        OrderChoice four = new OrderChoice(new HankelFit(), 12, 4);
        same(one.fixed(filters, 6), four.fixed(filters, 6));
        same(one.smallestFor(filters, 0.2), four.smallestFor(filters, 0.2));
        same(one.spread(filters, 50).choices(), four.spread(filters, 50).choices());
    }

    private static void same(List<OrderChoice.Choice> a, List<OrderChoice.Choice> b) {
        assertThat(a).hasSameSizeAs(b);
        for (int f = 0; f < a.size(); f++) {
            assertThat(a.get(f).filter().name()).isEqualTo(b.get(f).filter().name());
            assertThat(a.get(f).summary()).isEqualTo(b.get(f).summary());
            assertThat(a.get(f).fit().filter().taps(300)).isEqualTo(b.get(f).fit().filter().taps(300));
        }
    }

    @Test
    void theSmallestOrderMeetsTheToleranceAndTheOneBelowDoesNot() {
        HankelFit method = new HankelFit();
        List<OrderChoice.Filter> filters = List.of(new OrderChoice.Filter("smooth", Fixtures.smooth()),
                new OrderChoice.Filter("bump", Fixtures.bump()), new OrderChoice.Filter("silent", new double[32]),
                new OrderChoice.Filter("modal", Fixtures.modal(4, 3, 1).taps(300)));
        for (double tolerance : new double[] {1e-1, 1e-2, 1e-4}) {
            for (OrderChoice.Choice choice : new OrderChoice(method, 24, 2).smallestFor(filters, tolerance)) {
                String what = choice.filter().name() + " within " + tolerance;
                assertThat(choice.met()).as(what).isTrue();
                assertThat(choice.fit().relativeL2()).as(what).isLessThanOrEqualTo(tolerance);
                assertThat(choice.fit().filter().isRounded()).as(what).isTrue();
                assertThat(choice.atLeast()).as(what).isLessThanOrEqualTo(choice.fit().order());
                if (choice.fit().order() > 0) {
                    FilterFit below = method.fitRounded(choice.filter().taps(), choice.fit().order() - 1);
                    assertThat(below.relativeL2()).as(what).isGreaterThan(tolerance);
                }
            }
        }
    }

    @Test
    void aFilterThatMissesTheToleranceIsNamedWithWhatWouldDo() {
        OrderChoice choice = new OrderChoice(new HankelFit(), 8, 2);
        OrderChoice.Choice box = choice
                .smallestFor(List.of(new OrderChoice.Filter("layer 2 filter 5", Fixtures.box())), 0.1)
                .getFirst();
        assertThat(box.met()).isFalse();
        assertThat(box.fit().order()).isEqualTo(8);
        assertThat(box.wouldDo()).hasValue(16);
        assertThat(box.summary()).contains("layer 2 filter 5").contains("not within 0.100")
                .contains("order 16 would do");
        OrderChoice.Choice noise = choice
                .smallestFor(List.of(new OrderChoice.Filter("noise", Fixtures.noise(1, 800, 400))), 1e-3).getFirst();
        assertThat(noise.met()).isFalse();
        assertThat(noise.wouldDo()).isEmpty();
        assertThat(noise.atLeast()).isEqualTo(128);
        assertThat(noise.summary()).contains("no order below 128 can").contains("keep it as a convolution");
    }

    @Test
    void exactAllocationEqualsBruteForce() {
        for (long seed = 1; seed <= 40; seed++) {
            Random random = new Random(seed);
            List<Allocation.Curve> curves = new ArrayList<>();
            for (int f = 0; f < 4; f++) {
                curves.add(curve(random, 5, 1 + random.nextInt(3), false));
            }
            int budget = random.nextInt(30);
            double best = bruteForce(curves, 0, budget);
            assertThat(total(curves, Allocation.exact(curves, budget), budget)).as("seed " + seed)
                    .isEqualTo(best, org.assertj.core.data.Offset.offset(1e-12));
        }
    }

    @Test
    void greedyAllocationIsExactOnConvexCurves() {
        for (long seed = 1; seed <= 40; seed++) {
            Random random = new Random(seed);
            List<Allocation.Curve> curves = new ArrayList<>();
            for (int f = 0; f < 4; f++) {
                curves.add(curve(random, 6, 1, true));
            }
            int budget = random.nextInt(24);
            double best = bruteForce(curves, 0, budget);
            assertThat(total(curves, Allocation.greedy(curves, budget), budget)).as("seed " + seed)
                    .isEqualTo(best, org.assertj.core.data.Offset.offset(1e-12));
        }
    }

    private static Allocation.Curve curve(Random random, int points, int step, boolean convex) {
        double[] drops = random.doubles(points - 1, 0, 1).toArray();
        if (convex) {
            java.util.Arrays.sort(drops);
        }
        long[] cost = new long[points];
        double[] error = new double[points];
        for (int p = points - 1; p > 0; p--) {
            error[p - 1] = error[p] + drops[points - 1 - p];
        }
        for (int p = 1; p < points; p++) {
            cost[p] = cost[p - 1] + step;
        }
        return new Allocation.Curve(cost, error);
    }

    private static double bruteForce(List<Allocation.Curve> curves, int from, long budget) {
        if (from == curves.size()) {
            return 0;
        }
        double best = Double.POSITIVE_INFINITY;
        Allocation.Curve curve = curves.get(from);
        for (int p = 0; p < curve.cost().length && curve.cost()[p] <= budget; p++) {
            best = Math.min(best, curve.error()[p] + bruteForce(curves, from + 1, budget - curve.cost()[p]));
        }
        return best;
    }

    private static double total(List<Allocation.Curve> curves, int[] taken, long budget) {
        double error = 0;
        long cost = 0;
        for (int f = 0; f < taken.length; f++) {
            error += curves.get(f).error()[taken[f]];
            cost += curves.get(f).cost()[taken[f]];
        }
        assertThat(cost).isLessThanOrEqualTo(budget);
        return error;
    }

    @Test
    void aSpreadBeatsTheSameOrderForAll() {
        List<OrderChoice.Filter> filters = filters(12, 300);
        OrderChoice choice = new OrderChoice(new HankelFit(), 32, 2);
        double even = choice.fixed(filters, 8).stream().mapToDouble(c -> c.fit().l2() * c.fit().l2()).sum();
        OrderChoice.Spread spread = choice.spread(filters, 12 * 8);
        assertThat(spread.floats()).isBetween(80L, 96L);
        assertThat(spread.squaredError()).isLessThan(0.9 * even);
        OrderChoice.Spread nothing = choice.spread(filters, 0);
        assertThat(nothing.floats()).isZero();
        OrderChoice.Spread more = choice.spread(filters, 12 * 12);
        assertThat(more.squaredError()).isLessThan(spread.squaredError());
    }

    @Test
    void weightsAndCostsSteerTheSpread() {
        double[] taps = Fixtures.noise(2, 300, 100);
        OrderChoice choice = new OrderChoice(new HankelFit(), 32, 1);
        OrderChoice.Spread spread = choice.spread(List.of(new OrderChoice.Filter("light", taps, 1, 1),
                new OrderChoice.Filter("heavy", taps, 100, 1), new OrderChoice.Filter("dear", taps, 1, 16)), 40);
        int light = spread.choices().get(0).fit().order();
        int heavy = spread.choices().get(1).fit().order();
        int dear = spread.choices().get(2).fit().order();
        assertThat(heavy).isGreaterThan(light);
        assertThat(light).isGreaterThan(dear);
        assertThat(spread.floats()).isEqualTo(light + heavy + 16L * dear).isLessThanOrEqualTo(40);
    }

    @Test
    void refusesBadRequests() {
        OrderChoice choice = new OrderChoice(2);
        assertThatThrownBy(() -> choice.spread(filters(1, 20), -1)).hasMessageContaining("budget is -1");
        assertThatThrownBy(() -> choice.smallestFor(filters(1, 20), 0)).hasMessageContaining("tolerance is 0");
        assertThatThrownBy(() -> choice.fixed(filters(1, 20), -3)).hasMessageContaining("order is -3");
        assertThatThrownBy(() -> new OrderChoice(new HankelFit(), -1, 1)).hasMessageContaining("maxOrder is -1");
        assertThatThrownBy(() -> new OrderChoice(0)).hasMessageContaining("threads is 0");
        double[] holed = new double[16];
        holed[9] = Double.NaN;
        assertThatThrownBy(() -> choice.fixed(List.of(new OrderChoice.Filter("layer 3 filter 1", holed)), 2))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("tap 9")
                .hasMessageContaining("layer 3 filter 1");
        assertThatThrownBy(() -> new OrderChoice.Filter("f", holed, 0, 1)).hasMessageContaining("weight is 0");
        assertThatThrownBy(() -> new OrderChoice.Filter("f", holed, 1, 0)).hasMessageContaining("floatsPerOrder is 0");
        assertThat(choice.fixed(List.of(), 4)).isEmpty();
        assertThat(choice.spread(List.of(), 10).choices()).isEmpty();
    }
}
