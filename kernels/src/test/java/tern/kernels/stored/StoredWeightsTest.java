package tern.kernels.stored;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import tern.kernels.EagerOps;
import tern.kernels.KernelLaw;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.ops.LinearMap;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** The vector body equals the plain one for every type, is the same bits on any number of threads and beside any rows. */
class StoredWeightsTest {
    private static final int[] ROWS = {0, 1, 2, 3, 4, 5, 7, VectorStoredWeights.FEW, VectorStoredWeights.FEW + 1, 40};
    private static final int[] OUTS = {0, 1, 2, 3, 4, 5, 7, 8, 11, 70};

    private final StoredWeights vector = new VectorStoredWeights();
    private final StoredWeights plain = new ReferenceStoredWeights();

    static Stream<DType> types() {
        return Arrays.stream(DType.values()).filter(type -> type.isBlocked() || type == DType.BF16
                || type == DType.F16);
    }

    private static int[] widths(DType type) {
        return type.isBlocked() ? new int[] {0, type.blockLength(), 2 * type.blockLength(), 5 * type.blockLength()}
                : KernelLaw.lengths().toArray();
    }

    @ParameterizedTest
    @MethodSource("types")
    void productsEqualThePlainLoops(DType type) {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1), four = law.team(4);
            for (int width : widths(type)) {
                checkLinear(law, one, four, type, law.random().nextInt(6), width, law.random().nextInt(10));
                checkLinear(law, one, four, type, 1, width, 9);
                checkLinear(law, one, four, type, 18, width, 6);
            }
            int width = 3 * type.blockLength() + (type.isBlocked() ? 0 : 50);
            for (int rows : ROWS) {
                checkLinear(law, one, four, type, rows, width, 9);
            }
            for (int out : OUTS) {
                checkLinear(law, one, four, type, 1, width, out);
                checkLinear(law, one, four, type, 2, width, out);
                checkLinear(law, one, four, type, 3, width, out);
            }
            checkLinear(law, one, four, type, 1, 1024, 263);
            checkLinear(law, one, four, type, 2, 1024, 263);
            checkLinear(law, one, four, type, 6, 256, 193);
            law.assertGuardsUntouched();
        }
    }

    @Test
    void manyRowsMeetSeveralPanels() {
        try (KernelLaw law = new KernelLaw(7)) {
            checkLinear(law, law.team(1), law.team(4), DType.Q8_0, VectorStoredWeights.FEW + 1, 4096, 600);
            law.assertGuardsUntouched();
        }
    }

    private void checkLinear(KernelLaw law, ThreadTeam one, ThreadTeam four, DType type, int rows, int in, int out) {
        boolean biased = law.random().nextBoolean();
        String what = "%s rows %d in %d out %d biased %b".formatted(type, rows, in, out, biased);
        Tensor x = law.gaussian(DType.F32, rows, in), weight = law.stored(type, out, in);
        Tensor bias = law.gaussian(DType.F32, biased ? out : 0);
        Tensor expected = law.blank(DType.F32, rows, out), onOne = law.copy(expected), onFour = law.copy(expected);
        plain.linear(one, x, weight, bias, expected);
        vector.linear(one, x, weight, bias, onOne);
        vector.linear(four, x, weight, bias, onFour);
        law.assertClose(what, onOne, expected);
        law.assertSame(what + ", four threads", onFour, onOne);
    }

    @ParameterizedTest
    @MethodSource("types")
    void aRowOfXDoesNotDependOnItsNeighbours(DType type) {
        checkNeighbours(type, 2 * type.blockLength() + (type.isBlocked() ? 0 : 77));
        checkNeighbours(type, type.isBlocked() ? 5 * type.blockLength() : 160);
    }

    private void checkNeighbours(DType type, int in) {
        try (KernelLaw law = new KernelLaw(11)) {
            ThreadTeam team = law.team(1);
            int out = 13;
            Tensor x = law.gaussian(DType.F32, VectorStoredWeights.FEW, in), weight = law.stored(type, out, in);
            Tensor bias = law.gaussian(DType.F32, out), together = law.blank(DType.F32, VectorStoredWeights.FEW, out);
            vector.linear(team, x, weight, bias, together);
            for (int rows = 1; rows < 8; rows++) {
                for (int i = 0; i + rows <= VectorStoredWeights.FEW; i += rows) {
                    Tensor alone = law.blank(DType.F32, rows, out);
                    vector.linear(team, x.slice(i, i + rows), weight, bias, alone);
                    law.assertSame("%s, %d rows from %d".formatted(type, rows, i), alone, together.slice(i, i + rows));
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    void rowsAreTheVeryValuesOfTheirDecoding(DType type) {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1), four = law.team(4);
            for (int width : widths(type)) {
                checkRows(law, one, four, type, width, 7);
            }
            checkRows(law, one, four, type, 512, 200);
            law.assertGuardsUntouched();
        }
    }

    private void checkRows(KernelLaw law, ThreadTeam one, ThreadTeam four, DType type, int width, int rows) {
        int entries = 9;
        Tensor table = law.stored(type, entries, width), ids = law.blank(DType.I32, rows);
        for (int r = 0; r < rows; r++) {
            ids.set(r, law.random().nextInt(entries));
        }
        Tensor byPlain = law.blank(DType.F32, rows, width), byVector = law.copy(byPlain), onFour = law.copy(byPlain);
        plain.rows(one, table, ids, byPlain);
        vector.rows(one, table, ids, byVector);
        vector.rows(four, table, ids, onFour);
        for (int r = 0; r < rows; r++) {
            for (int d = 0; d < width; d++) {
                int at = r * width + d;
                // A comparison of floats, not of their bits: a zero may have the other sign.
                assertThat(byVector.get(at) == table.get((long) ids.getInt(r) * width + d))
                        .as("%s, width %d, row %d, column %d", type, width, r, d).isTrue();
                assertThat(byVector.get(at) == byPlain.get(at)).isTrue();
            }
        }
        law.assertSame(type + ", four threads", onFour, byVector);
    }

    @ParameterizedTest
    @EnumSource(names = {"F16", "BF16"})
    void everyPatternOfSixteenBitsDecodesToItsValue(DType type) {
        try (KernelLaw law = new KernelLaw(3)) {
            Tensor table = law.blank(type, 1, 1 << 16), ids = law.zeros(DType.I32, 1);
            for (int i = 0; i < 1 << 16; i++) {
                table.data().set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, (short) i);
            }
            Tensor y = law.blank(DType.F32, 1, 1 << 16);
            vector.rows(law.team(1), table, ids, y);
            for (int i = 0; i < 1 << 16; i++) {
                float want = type == DType.F16 ? Float.float16ToFloat((short) i) : Float.intBitsToFloat(i << 16);
                assertThat(Float.compare((float) y.get(i), want)).as("pattern %x: %s", i, y.get(i)).isZero();
            }
        }
    }

    @Test
    void everyHalfWidensInLanesToItsValue() {
        try (KernelLaw law = new KernelLaw(4)) {
            Tensor table = law.blank(DType.F16, 1, 1 << 16);
            for (int i = 0; i < 1 << 16; i++) {
                table.data().set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, (short) i);
            }
            for (int i = 0; i < 1 << 16; i += StoredLanes.LENGTH) {
                float[] found = StoredLanes.half(table.data(), 2L * i).toArray();
                for (int j = 0; j < found.length; j++) {
                    assertThat(Float.compare(found[j], Float.float16ToFloat((short) (i + j))))
                            .as("pattern %x: %s", i + j, found[j]).isZero();
                }
            }
        }
    }

    @Test
    void doublesGoToThePlainBody() {
        try (KernelLaw law = new KernelLaw(5)) {
            ThreadTeam team = law.team(1);
            Tensor x = law.gaussian(DType.F64, 3, 64), weight = law.stored(DType.Q8_0, 5, 64);
            Tensor bias = law.gaussian(DType.F64, 5), expected = law.blank(DType.F64, 3, 5);
            Tensor actual = law.blank(DType.F64, 3, 5);
            plain.linear(team, x, weight, bias, expected);
            vector.linear(team, x, weight, bias, actual);
            law.assertSame("F64", actual, expected);
            double sum = bias.get(1);
            for (int i = 0; i < 64; i++) {
                sum += x.get(64 + i) * weight.get(64 + i);
            }
            assertThat(actual.get(6)).isEqualTo(sum);
        }
    }

    @Test
    void operationsTakeStoredWeights() {
        try (KernelLaw law = new KernelLaw(8);
                Workspace results = new Workspace();
                EagerOps ops = new EagerOps(KernelSet.fastest(), law.team(4), results)) {
            Tensor weight = law.stored(DType.Q4_0, 96, 64), decoded = law.blank(DType.F32, 96, 64).copyFrom(weight);
            Tensor ids = law.zeros(DType.I32, 2, 3).setAll(0, 95, 7, 8, 9, 7), bias = law.gaussian(DType.F32, 96);
            Tensor embedded = ops.embed(weight, ids);
            assertThat(embedded.dtype()).isEqualTo(DType.F32);
            law.assertClose("embed", embedded, ops.embed(decoded, ids));
            law.assertClose("linear", ops.linear(embedded, weight, bias), ops.linear(embedded, decoded, bias));
            Tensor x = embedded.reshape(6, 64), targets = law.zeros(DType.I32, 6).setAll(0, 95, 7, -1, 9, 7);
            law.assertClose("crossEntropy", ops.crossEntropy(x, weight, targets), ops.crossEntropy(x, decoded, targets),
                    1e-4);
            assertThatThrownBy(() -> ops.linear(embedded, law.blank(DType.I32, 96, 64)))
                    .hasMessageContaining("linear: weight I32[96, 64] is not of a type that weights are stored in");
        }
    }

    @Test
    void mapsTogetherGiveTheBitsOfEachAlone() {
        for (int rows : new int[] {1, 2, 3, 5, 8, 9}) {
            try (KernelLaw law = new KernelLaw(12);
                    Workspace results = new Workspace();
                    EagerOps ops = new EagerOps(KernelSet.fastest(), law.team(4), results)) {
                Tensor x = law.gaussian(DType.F32, rows, 256), narrow = law.gaussian(DType.F32, rows, 64);
                List<LinearMap> maps = List.of(
                        new LinearMap(x, law.stored(DType.Q8_0, 300, 256), Optional.empty()),
                        new LinearMap(narrow, law.stored(DType.BF16, 19, 64), Optional.of(law.gaussian(DType.F32, 19))),
                        new LinearMap(x, law.gaussian(DType.F32, 40, 256), Optional.empty()),
                        new LinearMap(narrow, law.gaussian(DType.F32, 200, 64), Optional.empty()),
                        new LinearMap(x, law.stored(DType.Q4_K, 33, 256), Optional.of(law.gaussian(DType.F32, 33))));
                List<Tensor> together = ops.linears(maps);
                assertThat(together).hasSize(5);
                for (int i = 0; i < maps.size(); i++) {
                    LinearMap map = maps.get(i);
                    Tensor alone = ops.linear(map.x(), map.weight(), map.bias().orElse(EagerOps.none(DType.F32)));
                    law.assertSame("map " + i + " of " + rows + " rows", together.get(i), alone);
                }
            }
        }
    }

    @Test
    void partsOfAMapAreSlicesOfTheWhole() {
        for (int rows : new int[] {1, 9, 63, 64, 200}) {
            try (KernelLaw law = new KernelLaw(14);
                    Workspace results = new Workspace();
                    EagerOps ops = new EagerOps(KernelSet.fastest(), law.team(4), results);
                    EagerOps steady = new EagerOps(KernelSet.steady(), law.team(2), results)) {
                Tensor x = law.gaussian(DType.F32, 1, rows, 96);
                for (Tensor weight : List.of(law.gaussian(DType.F32, 300, 96), law.stored(DType.BF16, 300, 96),
                        law.stored(DType.Q8_0, 300, 96))) {
                    for (Optional<Tensor> bias : List.of(Optional.<Tensor>empty(),
                            Optional.of(law.gaussian(DType.F32, 300)))) {
                        LinearMap map = new LinearMap(x, weight, bias);
                        Tensor whole = ops.linears(List.of(map)).getFirst();
                        Tensor same = steady.linears(List.of(map)).getFirst();
                        List<Tensor> parts = ops.linearParts(map, 160, 7, 100);
                        List<Tensor> bits = steady.linearParts(map, 160, 7, 100);
                        assertThat(parts).hasSize(3);
                        int from = 0;
                        for (int i = 0; i < 3; i++) {
                            int to = from + parts.get(i).shape().last();
                            law.assertClose("part " + i, parts.get(i), ops.slice(whole, -1, from, to), 1e-6);
                            law.assertSame("steady part " + i, bits.get(i), ops.slice(same, -1, from, to));
                            from = to;
                        }
                        assertThat(from).isEqualTo(267);
                    }
                }
                assertThatThrownBy(() -> ops.linearParts(
                        new LinearMap(x, law.gaussian(DType.F32, 30, 96), Optional.empty()), 20, 11))
                        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("20..31");
            }
        }
    }

    @Test
    void whatASegmentLeavesIsCopiedWhole() {
        try (KernelLaw law = new KernelLaw(15);
                Workspace results = new Workspace();
                Workspace left = new Workspace();
                EagerOps ops = EagerOps.bySegments(KernelSet.fastest(), law.team(3), results, left)) {
            for (int rows : new int[] {1, 31, 32, 33, 300}) {
                Tensor x = law.gaussian(DType.F32, rows, 1025);
                ops.begin();
                List<Tensor> found = ops.segment(List.of(x), in -> List.of(ops.add(in.getFirst(), in.getFirst())));
                ops.segment(List.of(x), in -> List.of(ops.scale(in.getFirst(), Double.NaN)));
                law.assertSame("rows " + rows, found.getFirst(), ops.add(x, x));
            }
        }
    }

    @Test
    void segmentsUseTheSameMemoryAndGiveTheSameNumbers() {
        try (KernelLaw law = new KernelLaw(13);
                Workspace results = new Workspace();
                Workspace left = new Workspace();
                Workspace all = new Workspace();
                EagerOps plain = new EagerOps(KernelSet.fastest(), law.team(2), all);
                EagerOps lean = EagerOps.bySegments(KernelSet.fastest(), law.team(2), results, left)) {
            Tensor weight = law.gaussian(DType.F32, 1024, 1024), x = law.gaussian(DType.F32, 8, 1024);
            List<Tensor> expected = List.of(x, x);
            for (int step = 0; step < 2; step++) {
                lean.begin();
                List<Tensor> found = List.of(x, x);
                for (int i = 0; i < 100; i++) {
                    UnaryOperator<List<Tensor>> part = segment(lean, weight);
                    found = lean.segment(found, part);
                    expected = step == 0 ? plain.segment(expected, segment(plain, weight)) : expected;
                }
                law.assertSame("step " + step, found.getFirst(), expected.getFirst());
                assertThat(found.getLast()).as("what a segment did not make stays where it is").isSameAs(x);
            }
            assertThat(results.peak()).isLessThan(3 << 16);
            assertThat(left.peak()).isEqualTo(100 << 15);
            assertThat(all.peak()).isEqualTo(200 << 15);
        }
    }

    private static UnaryOperator<List<Tensor>> segment(EagerOps ops, Tensor weight) {
        return in -> List.of(ops.scale(ops.linear(in.getFirst(), weight), 0.03), in.getLast());
    }

    @Test
    void refusesWhatDoesNotFit() {
        try (KernelLaw law = new KernelLaw(6)) {
            ThreadTeam team = law.team(1);
            Tensor x = law.gaussian(DType.F32, 3, 64), weight = law.stored(DType.Q8_0, 5, 64);
            Tensor none = law.blank(DType.F32, 0), y = law.blank(DType.F32, 3, 5);
            assertThatThrownBy(() -> vector.linear(team, x, law.stored(DType.Q8_0, 5, 32), none, y))
                    .hasMessageContaining("expected [R,in], [out,in], [R,out]");
            assertThatThrownBy(() -> vector.linear(team, x, law.blank(DType.I8, 5, 64), none, y))
                    .hasMessageContaining("expected BF16, F16 or a blocked type");
            assertThatThrownBy(() -> vector.linear(team, x, weight, law.blank(DType.F32, 4), y))
                    .hasMessageContaining("expected [5], or [0] for none");
            assertThatThrownBy(() -> vector.linear(team, x, weight, none, law.blank(DType.F64, 3, 5)))
                    .hasMessageContaining("must all be F32 or all F64");
            Tensor ids = law.zeros(DType.I32, 2);
            ids.set(1, 5);
            assertThatThrownBy(() -> vector.rows(team, weight, ids, law.blank(DType.F32, 2, 64)))
                    .hasMessageContaining("id 5 at position 1, expected 0..4");
            assertThat(weight.shape()).isEqualTo(Shape.of(5, 64));
        }
    }
}
