package tern.kernels.attention;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Vector bodies against the plain ones, and cut anywhere against the whole. */
class VectorAttentionTest {
    private final Attention plain = new ReferenceAttention();
    private final Attention vector = new VectorAttention();

    @Test
    void everyTime() {
        KernelLaw.lengths().forEach(time -> check(1000 + time, time, 4, 2, 5, 3, 0, 7));
    }

    @Test
    void everyWidth() {
        KernelLaw.lengths().filter(width -> width > 0)
                .forEach(width -> check(1100 + width, 5, 2, 1, width, 34 - width, 2, 0));
    }

    @Test
    void oneAndSeveralTiles() {
        check(1200, 63, 3, 3, 16, 64, 0, 0);
        check(1201, 64, 2, 1, 64, 16, 0, 1);
        check(1202, 65, 2, 2, 8, 80, 64, 63);
        check(1203, 200, 2, 1, 12, 20, 3, 100);
        check(1204, 1, 4, 2, 40, 70, 1100, 511);
        check(1205, 1, 1, 1, 64, 64, 512, 9);
        check(1206, 1, 12, 12, 64, 64, 700, 30);
    }

    /** Two sequences of these ages; histories with room to spare, and none at all where both ages are 0. */
    private void check(long seed, int time, int heads, int groups, int width, int valueWidth, int age0, int age1) {
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            ThreadTeam four = law.team(4);
            long[] ages = {age0, age1};
            int capacity = age0 + age1 == 0 ? 0 : Math.max(age0, age1) + time + 2;
            Tensor query = law.gaussian(DType.F32, 2, time, heads, width);
            Tensor key = law.gaussian(DType.F32, 2, time, groups, width);
            Tensor value = law.gaussian(DType.F32, 2, time, groups, valueWidth);
            Tensor keys = law.blank(DType.F32, 2, capacity, groups, width);
            Tensor values = law.blank(DType.F32, 2, capacity, groups, valueWidth);
            for (int b = 0; b < 2; b++) {
                fillRows(law, keys, b, (int) ages[b]);
                fillRows(law, values, b, (int) ages[b]);
            }
            Tensor expectedKeys = law.copy(keys);
            Tensor expectedValues = law.copy(values);
            Tensor actualKeys = law.copy(keys);
            Tensor actualValues = law.copy(values);
            Tensor expected = law.blank(DType.F32, 2, time, heads, valueWidth);
            Tensor actual = law.blank(DType.F32, 2, time, heads, valueWidth);
            Tensor again = law.blank(DType.F32, 2, time, heads, valueWidth);
            Tensor expectedSum = law.blank(DType.F32, 2, heads, time);
            Tensor actualSum = law.blank(DType.F32, 2, heads, time);
            plain.forward(one, query, key, value, expectedKeys, expectedValues, ages, expected, expectedSum);
            vector.forward(four, query, key, value, actualKeys, actualValues, ages, actual, actualSum);
            law.assertClose("y", actual, expected);
            law.assertClose("logSum", actualSum, expectedSum);
            law.assertSame("keys", actualKeys, expectedKeys);
            law.assertSame("values", actualValues, expectedValues);
            vector.forward(one, query, key, value, actualKeys, actualValues, ages, again, actualSum);
            law.assertSame("y on one thread", again, actual);

            Tensor dy = law.gaussian(DType.F32, 2, time, heads, valueWidth);
            Tensor sums = law.gaussian(DType.F32, 2, capacity, groups, width);
            Tensor valueSums = law.gaussian(DType.F32, 2, capacity, groups, valueWidth);
            Backward wanted = new Backward(law, query, key, value, sums, valueSums);
            Backward found = new Backward(law, query, key, value, sums, valueSums);
            Backward repeated = new Backward(law, query, key, value, sums, valueSums);
            plain.backward(one, query, key, value, keys, values, ages, expected, expectedSum, dy, wanted.dQuery,
                    wanted.dKey,
                    wanted.dValue, wanted.dKeys, wanted.dValues);
            vector.backward(four, query, key, value, keys, values, ages, expected, expectedSum, dy, found.dQuery,
                    found.dKey,
                    found.dValue, found.dKeys, found.dValues);
            vector.backward(one, query, key, value, keys, values, ages, expected, expectedSum, dy, repeated.dQuery,
                    repeated.dKey, repeated.dValue, repeated.dKeys, repeated.dValues);
            law.assertClose("dQuery", found.dQuery, wanted.dQuery);
            law.assertClose("dKey", found.dKey, wanted.dKey);
            law.assertClose("dValue", found.dValue, wanted.dValue);
            law.assertClose("dKeys", found.dKeys, wanted.dKeys);
            law.assertClose("dValues", found.dValues, wanted.dValues);
            law.assertSame("dQuery on one thread", repeated.dQuery, found.dQuery);
            law.assertSame("dKey on one thread", repeated.dKey, found.dKey);
            law.assertSame("dValue on one thread", repeated.dValue, found.dValue);
            law.assertSame("dKeys on one thread", repeated.dKeys, found.dKeys);
            law.assertSame("dValues on one thread", repeated.dValues, found.dValues);
            law.assertGuardsUntouched();
        }
    }

    private static void fillRows(KernelLaw law, Tensor history, int b, int rows) {
        long row = history.dim(1) == 0 ? 0 : history.elements() / 2 / history.dim(1);
        for (long i = 0; i < rows * row; i++) {
            history.set(b * (history.elements() / 2) + i, law.random().nextGaussian());
        }
    }

    private static final class Backward {
        private final Tensor dQuery;
        private final Tensor dKey;
        private final Tensor dValue;
        private final Tensor dKeys;
        private final Tensor dValues;

        private Backward(KernelLaw law, Tensor query, Tensor key, Tensor value, Tensor keySums, Tensor valueSums) {
            dQuery = law.blank(DType.F32, query.shape().toArray());
            dKey = law.blank(DType.F32, key.shape().toArray());
            dValue = law.blank(DType.F32, value.shape().toArray());
            dKeys = law.copy(keySums);
            dValues = law.copy(valueSums);
        }
    }

    /** Many positions by {@link VectorAttention#positionByPosition} have the bits that each has alone. */
    @Test
    void positionsTogetherAreThoseAlone() {
        alone(1300, 9, 2, 1, 64, 48, 0, 5);
        alone(1301, 150, 4, 2, 20, 37, 200, 253);
        alone(1302, 11, 1, 1, 7, 3, 510, 0);
        alone(1303, 130, 3, 3, 16, 16, 255, 256);
    }

    private void alone(long seed, int time, int heads, int groups, int width, int valueWidth, int age0, int age1) {
        Attention steady = VectorAttention.positionByPosition();
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam team = law.team(3);
            long[] ages = {age0, age1};
            int capacity = Math.max(age0, age1) + time + 2;
            Tensor query = law.gaussian(DType.F32, 2, time, heads, width);
            Tensor key = law.gaussian(DType.F32, 2, time, groups, width);
            Tensor value = law.gaussian(DType.F32, 2, time, groups, valueWidth);
            Tensor keys = law.blank(DType.F32, 2, capacity, groups, width);
            Tensor values = law.blank(DType.F32, 2, capacity, groups, valueWidth);
            for (int b = 0; b < 2; b++) {
                fillRows(law, keys, b, (int) ages[b]);
                fillRows(law, values, b, (int) ages[b]);
            }
            Tensor keysAlone = law.copy(keys);
            Tensor valuesAlone = law.copy(values);
            Tensor y = law.blank(DType.F32, 2, time, heads, valueWidth);
            Tensor yAlone = law.blank(DType.F32, 2, time, heads, valueWidth);
            Tensor sums = law.blank(DType.F32, 2, heads, time);
            Tensor sumsAlone = law.blank(DType.F32, 2, heads, time);
            steady.forward(team, query, key, value, keys, values, ages, y, sums);
            Tensor one = law.blank(DType.F32, 1, heads, 1);
            for (int b = 0; b < 2; b++) {
                for (int t = 0; t < time; t++) {
                    steady.forward(team, position(query, b, t), position(key, b, t), position(value, b, t),
                            keysAlone.slice(b, b + 1), valuesAlone.slice(b, b + 1), new long[] {ages[b] + t},
                            position(yAlone, b, t), one);
                    for (int h = 0; h < heads; h++) {
                        sumsAlone.set(((long) b * heads + h) * time + t, one.get(h));
                    }
                }
            }
            law.assertSame("y", y, yAlone);
            law.assertSame("logSum", sums, sumsAlone);
            law.assertSame("keys", keys, keysAlone);
            law.assertSame("values", values, valuesAlone);
        }
    }

    private static Tensor position(Tensor x, int b, int t) {
        int row = b * x.dim(1) + t;
        return x.reshape(x.dim(0) * x.dim(1), 1, x.dim(2), x.dim(3)).slice(row, row + 1);
    }

    @Test
    void anyCutGivesTheSame() {
        for (long seed = 1300; seed < 1306; seed++) {
            try (KernelLaw law = new KernelLaw(seed)) {
                ThreadTeam team = law.team(2);
                int time = 150;
                Tensor query = law.gaussian(DType.F32, time, 2, 16);
                Tensor key = law.gaussian(DType.F32, time, 1, 16);
                Tensor value = law.gaussian(DType.F32, time, 1, 16);
                Tensor whole = law.blank(DType.F32, 1, time, 2, 16);
                Tensor none = law.blank(DType.F32, 1, 0, 1, 16);
                vector.forward(team, query.reshape(1, time, 2, 16), key.reshape(1, time, 1, 16),
                        value.reshape(1, time, 1, 16),
                        none, none, new long[] {0}, whole, law.blank(DType.F32, 1, 2, time));
                Tensor keys = law.blank(DType.F32, 1, time, 1, 16);
                Tensor values = law.blank(DType.F32, 1, time, 1, 16);
                Tensor pieces = law.blank(DType.F32, time, 2, 16);
                for (int from = 0, to; from < time; from = to) {
                    to = from + 1 + law.random().nextInt(law.random().nextBoolean() ? 1 : Math.min(90, time - from));
                    int length = to - from;
                    vector.forward(team, query.slice(from, to).reshape(1, length, 2, 16),
                            key.slice(from, to).reshape(1, length, 1, 16),
                            value.slice(from, to).reshape(1, length, 1, 16), keys,
                            values, new long[] {from}, pieces.slice(from, to).reshape(1, length, 2, 16),
                            law.blank(DType.F32, 1, 2, length));
                }
                law.assertClose("pieces", pieces, whole.reshape(time, 2, 16));
                law.assertSame("keys", keys.reshape(time, 1, 16), key);
                law.assertGuardsUntouched();
            }
        }
    }

    @Test
    void largeScoresDoNotOverflow() {
        try (KernelLaw law = new KernelLaw(1400)) {
            ThreadTeam team = law.team(1);
            Tensor query = law.gaussian(DType.F32, 1, 40, 1, 8);
            plainScale(query, 300);
            Tensor key = law.gaussian(DType.F32, 1, 40, 1, 8);
            Tensor value = law.gaussian(DType.F32, 1, 40, 1, 8);
            Tensor none = law.blank(DType.F32, 1, 0, 1, 8);
            Tensor expected = law.blank(DType.F32, 1, 40, 1, 8);
            Tensor actual = law.blank(DType.F32, 1, 40, 1, 8);
            Tensor logSum = law.blank(DType.F32, 1, 1, 40);
            plain.forward(team, query, key, value, none, none, new long[] {0}, expected, logSum);
            vector.forward(team, query, key, value, none, none, new long[] {0}, actual, logSum);
            law.assertClose("y", actual, expected, 1e-3);
        }
    }

    private static void plainScale(Tensor x, double factor) {
        for (long i = 0; i < x.elements(); i++) {
            x.set(i, factor * x.get(i));
        }
    }

    @Test
    void rotaryPositions() {
        for (int width = 2; width <= 70; width += 2) {
            for (int time : new int[] {0, 1, 3, 130}) {
                try (KernelLaw law = new KernelLaw(1500 + width)) {
                    ThreadTeam one = law.team(1);
                    ThreadTeam four = law.team(4);
                    long[] ages = {5, 1_000_000};
                    Tensor x = law.gaussian(DType.F32, 2, time, 3, width);
                    Tensor expected = law.blank(DType.F32, 2, time, 3, width);
                    Tensor actual = law.blank(DType.F32, 2, time, 3, width);
                    plain.rotary(one, x, ages, 10_000, expected);
                    vector.rotary(four, x, ages, 10_000, actual);
                    law.assertClose("rotary", actual, expected, 1e-6);
                    plain.rotaryBackward(one, x, ages, 10_000, expected);
                    vector.rotaryBackward(four, x, ages, 10_000, actual);
                    law.assertClose("rotaryBackward", actual, expected, 1e-6);
                    vector.rotaryBackward(one, x, ages, 10_000, x);
                    law.assertSame("rotaryBackward in place, on one thread", x, actual);
                    law.assertGuardsUntouched();
                }
            }
        }
    }
}
