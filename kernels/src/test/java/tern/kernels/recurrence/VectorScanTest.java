package tern.kernels.recurrence;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.kernels.recurrence.ScanLaw.Decay;
import tern.kernels.recurrence.ScanLaw.Named;
import tern.kernels.recurrence.ScanLaw.Rule;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Vector = plain for recurrences over matrices, whatever the shape, the decay and the number of threads. */
class VectorScanTest {
    private static final double TOLERANCE = 2e-5;

    private final StateScan plain = new ReferenceStateScan();
    /** Position by position, by the choice of the kernel, and in chunks wherever there is one. */
    private final List<StateScan> bodies = List.of(new VectorStateScan(Integer.MAX_VALUE), new VectorStateScan(),
            new VectorStateScan(1));

    @ParameterizedTest
    @EnumSource(Rule.class)
    void everyTime(Rule rule) {
        KernelLaw.lengths().forEach(time -> check(3000 + time, rule, Decay.TYPICAL, 2, time, 2, 8, 8, 2, time, 2, 8));
    }

    @ParameterizedTest
    @EnumSource(Rule.class)
    void everyWidth(Rule rule) {
        KernelLaw.lengths().filter(width -> width > 0).forEach(width -> {
            check(3100 + width, rule, Decay.TYPICAL, 1, 3, 2, width, 7, 1, 3, 2, width);
            check(3150 + width, rule, Decay.TYPICAL, 1, 21, 2, 5, width, 1, 21, 2, 5);
            check(3200 + width, rule, Decay.MILD, 1, 37, 1, width, width, 1, 37, 1, width);
        });
    }

    @ParameterizedTest
    @EnumSource(Rule.class)
    void usualHeads(Rule rule) {
        for (int width : new int[] {8, 16, 32, 64, 128}) {
            check(3300 + width, rule, Decay.TYPICAL, 1, 1, 2, width, width, 1, 1, 2, width);
            check(3400 + width, rule, Decay.TYPICAL, 2, 83, 2, width, width, 2, 83, 2, width);
        }
        check(3500, rule, Decay.MILD, 1, 70, 1, 64, 128, 1, 70, 1, 64);
        // More states than the backward pass keeps at once on four threads, but not on one.
        check(3501, rule, Decay.MILD, 1, 600, 1, 64, 64, 1, 600, 1, 64);
        check(3502, rule, Decay.MILD, 1, 600, 1, 64, 64, 1, 600, 1, 1);
    }

    @ParameterizedTest
    @EnumSource(Rule.class)
    void everyDecayShape(Rule rule) {
        int[][] shapes = {{2, 40, 2, 20}, {2, 40, 2, 1}, {1, 40, 2, 20}, {1, 40, 2, 1}, {2, 1, 2, 20}, {2, 1, 2, 1},
            {1, 1, 2, 20}, {1, 1, 2, 1}};
        for (int i = 0; i < shapes.length; i++) {
            check(3600 + i, rule, Decay.TYPICAL, 2, 40, 2, 20, 18, shapes[i]);
        }
    }

    @ParameterizedTest
    @EnumSource(Decay.class)
    void everyDecay(Decay decay) {
        for (Rule rule : Rule.values()) {
            check(3700 + rule.ordinal(), rule, decay, 1, 256, 1, 64, 64, 1, 256, 1, 64);
        }
    }

    /** Rewrites that are the keys themselves take a shorter way. */
    @Test
    void rewritesOfKeys() {
        UnaryOperator<ScanInputs> tied = ScanLaw::tied;
        for (int time : new int[] {1, 15, 16, 17, 83}) {
            check(3800 + time, Rule.RANK_ONE, Decay.TYPICAL, tied, 2, time, 2, 20, 18, 2, time, 2, 20);
            check(3900 + time, Rule.RANK_ONE, Decay.MILD, tied, 1, time, 3, 64, 64, 1, time, 3, 1);
        }
        check(4000, Rule.RANK_ONE, Decay.EXTREME, tied, 1, 100, 1, 64, 128, 1, 100, 1, 64);
    }

    private void check(long seed, Rule rule, Decay decay, int batch, int time, int heads, int keys, int values,
            int... decayShape) {
        check(seed, rule, decay, UnaryOperator.identity(), batch, time, heads, keys, values, decayShape);
    }

    private void check(long seed, Rule rule, Decay decay, UnaryOperator<ScanInputs> change, int batch, int time,
            int heads, int keys, int values, int... decayShape) {
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            ThreadTeam four = law.team(4);
            ScanInputs in = change
                    .apply(ScanLaw.draw(law, rule, decay, DType.F32, batch, time, heads, keys, values, decayShape));
            Tensor state = law.gaussian(DType.F32, batch, heads, keys, values);
            Tensor expected = law.blank(DType.F32, batch, time, heads, values);
            Tensor expectedState = law.blank(DType.F32, batch, heads, keys, values);
            plain.forward(four, in, state, expected, expectedState);
            for (StateScan vector : bodies) {
                Tensor actual = law.copy(expected).fill(Double.NaN);
                Tensor again = law.copy(actual);
                Tensor actualState = law.copy(expectedState).fill(Double.NaN);
                Tensor againState = law.copy(state);
                vector.forward(four, in, state, actual, actualState);
                vector.forward(one, in, againState, again, againState);
                law.assertClose("y", actual, expected, TOLERANCE);
                law.assertClose("state", actualState, expectedState, TOLERANCE);
                law.assertSame("y on one thread, in place", again, actual);
                law.assertSame("state on one thread, in place", againState, actualState);
            }

            Tensor dy = law.gaussian(DType.F32, batch, time, heads, values);
            Tensor dNextState = law.gaussian(DType.F32, batch, heads, keys, values);
            ScanInputs wanted = ScanLaw.gradients(law, in);
            ScanInputs found = ScanLaw.gradients(law, in);
            ScanInputs repeated = ScanLaw.gradients(law, in);
            Tensor wantedState = law.blank(DType.F32, batch, heads, keys, values);
            Tensor foundState = law.copy(wantedState);
            Tensor repeatedState = law.copy(wantedState);
            StateScan vector = new VectorStateScan();
            plain.backward(four, in, state, dy, dNextState, wanted, wantedState);
            vector.backward(four, in, state, dy, dNextState, found, foundState);
            vector.backward(one, in, state, dy, dNextState, repeated, repeatedState);
            if (in.rewritesKeys()) {
                ScanLaw.addRewrites(wanted);
                ScanLaw.addRewrites(found);
                ScanLaw.addRewrites(repeated);
            }
            for (int i = 0; i < ScanLaw.list(wanted).size(); i++) {
                Named gradient = ScanLaw.list(found).get(i);
                law.assertClose(gradient.name(), gradient.tensor(), ScanLaw.list(wanted).get(i).tensor(), TOLERANCE);
                law.assertSame(gradient.name() + " on one thread", ScanLaw.list(repeated).get(i).tensor(),
                        gradient.tensor());
            }
            law.assertClose("dState", foundState, wantedState, TOLERANCE);
            law.assertSame("dState on one thread", repeatedState, foundState);
            law.assertGuardsUntouched();
        }
    }

    /** Heads that share queries and keys: what each body makes of them repeated, with the same bits. */
    @Test
    void sharedKeys() {
        int[][] shapes = {{1, 1, 4, 2, 16, 16}, {2, 1, 6, 1, 20, 18}, {2, 37, 6, 1, 20, 18}, {2, 83, 6, 3, 64, 64},
            {1, 16, 3, 1, 128, 64}, {1, 100, 24, 1, 128, 64}, {1, 100, 12, 4, 8, 70}, {1, 700, 24, 2, 64, 64}};
        for (int i = 0; i < shapes.length; i++) {
            int[] shape = shapes[i];
            int batch = shape[0], time = shape[1], heads = shape[2], shared = shape[3], keys = shape[4];
            int values = shape[5];
            for (int decays : new int[] {1, keys}) {
                try (KernelLaw law = new KernelLaw(4300 + 2 * i + (decays == 1 ? 0 : 1))) {
                    ScanInputs drawn = ScanLaw.draw(law, Rule.GATED, Decay.TYPICAL, DType.F32, batch, time, heads, keys,
                            values, batch, time, heads, decays);
                    Tensor query = law.gaussian(DType.F32, batch, time, shared, keys);
                    Tensor key = law.gaussian(DType.F32, batch, time, shared, keys);
                    ScanInputs in = ScanInputs.gated(query, key, drawn.value(), drawn.logDecay());
                    ScanInputs whole = ScanInputs.gated(ScanLaw.repeated(law, query, heads),
                            ScanLaw.repeated(law, key, heads), drawn.value(), drawn.logDecay());
                    Tensor state = law.gaussian(DType.F32, batch, heads, keys, values);
                    sharedKeys(law, law.team(4), in, whole, state, plain);
                    for (StateScan body : bodies) {
                        sharedKeys(law, law.team(4), in, whole, state, body);
                        sharedKeys(law, law.team(1), in, whole, state, body);
                    }
                    law.assertGuardsUntouched();
                }
            }
        }
    }

    private static void sharedKeys(KernelLaw law, ThreadTeam team, ScanInputs in, ScanInputs whole, Tensor state,
            StateScan body) {
        Tensor wanted = law.blank(DType.F32, in.value().shape().toArray());
        Tensor found = law.copy(wanted).fill(Double.NaN);
        Tensor wantedState = law.copy(state), foundState = law.copy(state);
        body.forward(team, whole, wantedState, wanted, wantedState);
        body.forward(team, in, foundState, found, foundState);
        law.assertSame("y", found, wanted);
        law.assertSame("state", foundState, wantedState);
    }

    /** A decay of −∞ forgets: zeros, forward and backward, and no gradient to the decay. */
    @ParameterizedTest
    @EnumSource(Rule.class)
    void infiniteDecay(Rule rule) {
        for (int time : new int[] {2, 50}) {
            try (KernelLaw law = new KernelLaw(3800 + time)) {
                ScanInputs in = ScanLaw.draw(law, rule, Decay.MILD, DType.F32, 1, time, 1, 16, 16, 1, time, 1, 16);
                for (int i = 0; i < 16; i++) {
                    in.logDecay().set(16L * (time / 2) + i, i % 2 == 0 ? Double.NEGATIVE_INFINITY : -1e30);
                }
                Tensor state = law.gaussian(DType.F32, 1, 1, 16, 16);
                Tensor y = law.blank(DType.F32, 1, time, 1, 16);
                Tensor next = law.blank(DType.F32, 1, 1, 16, 16);
                Tensor expected = law.copy(y);
                Tensor expectedNext = law.copy(next);
                plain.forward(law.team(1), in, state, expected, expectedNext);
                for (StateScan vector : bodies) {
                    vector.forward(law.team(1), in, state, y, next);
                    law.assertClose("y", y, expected, TOLERANCE);
                    law.assertClose("state", next, expectedNext, TOLERANCE);
                }
                ScanInputs d = ScanLaw.gradients(law, in);
                Tensor dState = law.blank(DType.F32, 1, 1, 16, 16);
                new VectorStateScan().backward(law.team(1), in, state, law.gaussian(DType.F32, 1, time, 1, 16), next, d,
                        dState);
                for (int i = 0; i < 16; i++) {
                    assertThat(d.logDecay().get(16L * (time / 2) + i)).isZero();
                }
                for (Named gradient : ScanLaw.list(d)) {
                    assertThat(gradient.tensor().toDoubles()).as(gradient.name()).doesNotContain(Double.NaN);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Rule.class)
    void anyCutGivesTheSame(Rule rule) {
        for (long seed = 3900; seed < 3904; seed++) {
            try (KernelLaw law = new KernelLaw(seed)) {
                ThreadTeam team = law.team(2);
                int time = 150;
                ScanInputs in = ScanLaw.draw(law, rule, Decay.TYPICAL, DType.F32, 1, time, 2, 24, 16, 1, time, 2, 24);
                Tensor state = law.zeros(DType.F32, 1, 2, 24, 16);
                Tensor wholeState = law.blank(DType.F32, 1, 2, 24, 16);
                Tensor whole = law.blank(DType.F32, 1, time, 2, 16);
                Tensor pieces = law.blank(DType.F32, 1, time, 2, 16);
                new VectorStateScan(1).forward(team, in, state, whole, wholeState);
                for (int from = 0, to; from < time; from = to) {
                    to = from + 1 + law.random().nextInt(law.random().nextBoolean() ? 1 : Math.min(90, time - from));
                    StateScan vector = bodies.get(law.random().nextInt(bodies.size()));
                    vector.forward(team, ScanLaw.slice(in, from, to), state, ScanLaw.slice(pieces, from, to), state);
                }
                law.assertClose("pieces", pieces, whole, TOLERANCE);
                law.assertClose("state", state, wholeState, TOLERANCE);
                law.assertGuardsUntouched();
            }
        }
    }

    /** Heads go through time together, in groups by the number of threads, and their rows are fetched ahead: none shows. */
    @ParameterizedTest
    @EnumSource(Rule.class)
    void headsKnowNothingOfEachOther(Rule rule) {
        int heads = 5;
        int time = 850;
        try (KernelLaw law = new KernelLaw(3950)) {
            ScanInputs in = ScanLaw.draw(law, rule, Decay.TYPICAL, DType.F32, 1, time, heads, 64, 64, 1, time, heads,
                    rule == Rule.RANK_ONE ? 64 : 1);
            Tensor state = law.gaussian(DType.F32, 1, heads, 64, 64);
            Tensor next = law.blank(DType.F32, 1, heads, 64, 64);
            Tensor y = law.blank(DType.F32, 1, time, heads, 64);
            Tensor ownY = law.blank(DType.F32, 1, time, 1, 64);
            Tensor ownNext = law.blank(DType.F32, 1, 1, 64, 64);
            for (int run = 0; run < 4; run++) {
                StateScan vector = bodies.get(run / 2 * 2);
                vector.forward(law.team(1 + run % 2 * 2), in, state, y.fill(Double.NaN), next);
                for (int h = 0; h < heads; h++) {
                    ScanInputs own = new ScanInputs(head(law, in.query(), 2, h), head(law, in.key(), 2, h),
                            head(law, in.value(), 2, h), head(law, in.logDecay(), 2, h), head(law, in.bonus(), 0, h),
                            head(law, in.probe(), 2, h), head(law, in.rewrite(), 2, h));
                    vector.forward(law.team(1), own, head(law, state, 1, h), ownY, ownNext);
                    law.assertSame("y of head " + h, head(law, y, 2, h), ownY);
                    law.assertSame("state of head " + h, head(law, next, 1, h), ownNext);
                }
            }
            law.assertGuardsUntouched();
        }
    }

    // One head, or a tensor that has none.
    private static Tensor head(KernelLaw law, Tensor x, int axis, int h) {
        if (x.elements() == 0) {
            return x;
        }
        Tensor head = law.blank(x.dtype(), x.shape().with(axis, 1).toArray());
        long row = x.shape().elements()
                / IntStream.rangeClosed(0, axis).map(x::dim).asLongStream().reduce(1, (a, b) -> a * b);
        for (long i = 0; i < head.elements(); i++) {
            head.set(i, x.get((i / row * x.dim(axis) + h) * row + i % row));
        }
        return head;
    }

    @Test
    void groupsOfHeadsKeepAllThreadsBusy() {
        assertThat(VectorStateScan.together(1, 1, 12, 16)).isEqualTo(12);
        assertThat(VectorStateScan.together(4, 1, 12, 16)).isEqualTo(3);
        assertThat(VectorStateScan.together(4, 16, 12, 16)).isEqualTo(12);
        assertThat(VectorStateScan.together(4, 5, 12, 16)).isEqualTo(4);
        assertThat(VectorStateScan.together(4, 1, 2, 16)).isEqualTo(1);
        assertThat(VectorStateScan.together(2, 1, 64, 4)).isEqualTo(4);
        assertThat(VectorStateScan.together(2, 1, 8, 0)).isEqualTo(1);
    }

    // ── averages ────────────────────────────────────────────────────────────────────────────────────────────────────

    private final AverageScan plainAverage = new ReferenceAverageScan();
    private final AverageScan vectorAverage = new VectorAverageScan();

    @Test
    void averagesOfEveryTimeAndWidth() {
        KernelLaw.lengths().forEach(n -> {
            average(4000 + n, 2, n, 5, 1, 0);
            average(4100 + n, 2, 7, n, 1, 0);
        });
        average(4200, 2, 700, 40, 1, 0);
        average(4201, 1, 300, 20, 30, 0);
        average(4202, 3, 20, 600, 1, 80);
    }

    /** Keys of great size neither overflow nor matter by their common part. */
    @Test
    void averagesKnowNoCommonPart() {
        try (KernelLaw law = new KernelLaw(4300)) {
            Tensor key = law.gaussian(DType.F32, 1, 40, 20);
            Tensor value = law.gaussian(DType.F32, 1, 40, 20);
            Tensor decay = law.gaussian(DType.F32, 20);
            Tensor bonus = law.gaussian(DType.F32, 20);
            Tensor expected = law.blank(DType.F32, 1, 40, 20);
            Tensor y = law.blank(DType.F32, 1, 40, 20);
            // Sixteenths, so that the sum with 80 is exact.
            for (long i = 0; i < key.elements(); i++) {
                key.set(i, Math.round(16 * key.get(i)) / 16.0);
            }
            vectorAverage.forward(law.team(1), key, value, decay, bonus, law.zeros(DType.F32, 1, 3, 20), expected,
                    law.blank(DType.F32, 1, 3, 20));
            for (double shift : new double[] {80, -80}) {
                Tensor moved = law.copy(key);
                for (long i = 0; i < key.elements(); i++) {
                    moved.set(i, key.get(i) + shift);
                }
                vectorAverage.forward(law.team(1), moved, value, decay, bonus, law.zeros(DType.F32, 1, 3, 20), y,
                        law.blank(DType.F32, 1, 3, 20));
                law.assertClose("keys moved by " + shift, y, expected, 1e-4);
            }
        }
    }

    private void average(long seed, int batch, int time, int width, double spread, double shift) {
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            ThreadTeam four = law.team(4);
            Tensor key = law.gaussian(DType.F32, batch, time, width);
            for (long i = 0; i < key.elements(); i++) {
                key.set(i, spread * key.get(i) + shift);
            }
            Tensor value = law.gaussian(DType.F32, batch, time, width);
            Tensor decay = law.gaussian(DType.F32, width);
            Tensor bonus = law.gaussian(DType.F32, width);
            Tensor state = law.gaussian(DType.F32, batch, 3, width);
            for (int b = 0; b < batch; b++) {
                for (int d = 0; d < width; d++) {
                    long at = (3L * b + 1) * width + d;
                    state.set(at, d % 3 == 0 ? 0 : 1 + Math.abs(state.get(at)));
                    state.set(at - width, d % 3 == 0 ? 0 : state.get(at - width));
                    state.set(at + width, state.get(at + width) + shift);
                }
            }
            Tensor expected = law.blank(DType.F32, batch, time, width);
            Tensor actual = law.copy(expected);
            Tensor again = law.copy(expected);
            Tensor expectedState = law.blank(DType.F32, batch, 3, width);
            Tensor actualState = law.copy(expectedState);
            Tensor againState = law.copy(state);
            plainAverage.forward(one, key, value, decay, bonus, state, expected, expectedState);
            vectorAverage.forward(four, key, value, decay, bonus, state, actual, actualState);
            vectorAverage.forward(one, key, value, decay, bonus, againState, again, againState);
            double tolerance = 5e-5;
            law.assertClose("y", actual, expected, tolerance);
            law.assertClose("state", actualState, expectedState, tolerance);
            law.assertSame("y on one thread, in place", again, actual);
            law.assertSame("state on one thread, in place", againState, actualState);

            Tensor dy = law.gaussian(DType.F32, batch, time, width);
            Tensor dNext = law.gaussian(DType.F32, batch, 3, width);
            Tensor[] wanted = blanks(law, batch, time, width);
            Tensor[] found = blanks(law, batch, time, width);
            Tensor[] repeated = blanks(law, batch, time, width);
            averageBackward(plainAverage, one, key, value, decay, bonus, state, dy, dNext, wanted);
            averageBackward(vectorAverage, four, key, value, decay, bonus, state, dy, dNext, found);
            averageBackward(vectorAverage, one, key, value, decay, bonus, state, dy, dNext, repeated);
            String[] names = {"dKey", "dValue", "dDecay", "dBonus", "dState"};
            for (int i = 0; i < names.length; i++) {
                law.assertClose(names[i], found[i], wanted[i], 2e-4);
                law.assertSame(names[i] + " on one thread", repeated[i], found[i]);
            }
            law.assertGuardsUntouched();
        }
    }

    private static Tensor[] blanks(KernelLaw law, int batch, int time, int width) {
        return new Tensor[] {law.blank(DType.F32, batch, time, width), law.blank(DType.F32, batch, time, width),
            law.zeros(DType.F32, width).fill(0.5), law.zeros(DType.F32, width).fill(-0.5),
            law.blank(DType.F32, batch, 3, width)};
    }

    private static void averageBackward(AverageScan scan, ThreadTeam team, Tensor key, Tensor value, Tensor decay,
            Tensor bonus, Tensor state, Tensor dy, Tensor dNext, Tensor[] d) {
        scan.backward(team, key, value, decay, bonus, state, dy, dNext, d[0], d[1], d[2], d[3], d[4]);
    }
}
