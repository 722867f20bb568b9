package tern.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.RecordJson;
import tern.kernels.KernelSet;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.model.HeadConfig;
import tern.model.HeadConfig.Pooling;
import tern.model.ModelInput;
import tern.model.ModelState;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.text.ByteTokenizer;
import tern.text.Columns;

/**
 * A head tells of a stream what it tells of the whole sequence, wherever the stream is cut and whatever store it went through
 * in between.
 */
class PredictorTest {
    private static final int WIDTH = 32;
    private static final Offset<Double> NEAR = within(2e-5);
    private static final Columns TABLE = new Columns(List.of("load", "heat"), List.of(10.0, -2.0), List.of(4.0, 0.5),
            16, 3, false);

    @TempDir
    private Path folder;

    private final Memory memory = new Memory();
    private final Engine engine = new Engine(2, KernelSet.fastest());
    private final SplittableRandom random = new SplittableRandom(5);

    @AfterEach
    void release() {
        engine.close();
        memory.close();
    }

    private static StackConfig config(Optional<Integer> features, HeadConfig head) {
        return StackConfig.of(WIDTH, 32, List.of(ModalRecurrenceConfig.of(2, 2, 3, List.of(3), List.of(1)),
                GatedMlpConfig.gated(24, Activation.SILU), Presets.named("rwkv7-micro").branches().getFirst(),
                GatedMlpConfig.gated(24, Activation.SILU)))
                .withEnds(features.isPresent() ? 1 : 9, 32, false, features, Optional.of(head));
    }

    private Stack stack(StackConfig config) {
        return new Stack(config, Parameters.Source.initialised(3, DType.F32, memory));
    }

    private Predictor of(Optional<Integer> features, HeadConfig head, Map<String, String> notes) {
        return new Predictor(stack(config(features, head)), "test", notes, engine);
    }

    private double[][] rows(int count, int features) {
        return random.doubles(count).mapToObj(first -> random.doubles(features, -2, 2).toArray())
                .toArray(double[][]::new);
    }

    @ParameterizedTest
    @EnumSource(value = Pooling.class, names = {"NONE", "MEAN", "LAST"})
    void aStreamTellsWhatTheWholeSequenceDoes(Pooling pooling) throws IOException {
        for (int inner : new int[] {0, 12}) {
            HeadConfig head = new HeadConfig(pooling, 5, inner, pooling != Pooling.MEAN);
            Predictor numbers = of(Optional.of(3), head, Map.of());
            double[][] rows = rows(70, 3);
            double[] whole = numbers.predict(rows);
            assertThat(whole).hasSize(5);
            try (LivePrediction cut = numbers.sequence(); LivePrediction other = numbers.sequence()) {
                cut.read(rows[0]);
                cut.read(Arrays.copyOfRange(rows, 1, 40));
                for (int i = 40; i < 60; i++) {
                    assertThat(cut.read(rows[i])).containsExactly(numbers.predict(Arrays.copyOf(rows, i + 1)), NEAR);
                }
                try (Snapshot here = cut.snapshot(); Snapshot read = numbers.snapshot(here.toBytes())) {
                    other.restore(read);
                }
                double[] end = other.read(Arrays.copyOfRange(rows, 60, 70));
                assertThat(end).containsExactly(whole, NEAR);
                assertThat(cut.read(Arrays.copyOfRange(rows, 60, 70))).isEqualTo(end);
                assertThat(other.position()).isEqualTo(70);
                assertThat(other.stateBytes()).isEqualTo(cut.stateBytes());
            }
            Predictor tokens = of(Optional.empty(), head, Map.of());
            int[] ids = random.ints(50, 0, 9).toArray();
            try (LivePrediction cut = tokens.sequence()) {
                cut.read(Arrays.copyOf(ids, 17));
                assertThat(cut.read(Arrays.copyOfRange(ids, 17, 50))).containsExactly(tokens.predict(ids), NEAR);
            }
        }
    }

    /** By the pass that training takes. */
    @Test
    void whatComesOutIsWhatIsTrained() {
        Stack stack = stack(config(Optional.empty(), HeadConfig.classification(4, 0)));
        Predictor model = new Predictor(stack, "test", Map.of(), engine);
        int[] ids = {1, 2, 3, 4, 8};
        double[] expected = engine.step(model, () -> {
            Tensor tensor = engine.ops().results().allocate(DType.I32, Shape.of(1, ids.length));
            for (int i = 0; i < ids.length; i++) {
                tensor.set(i, ids[i]);
            }
            Tensor hidden = stack.forward(Form.PARALLEL, engine.ops(), ModelInput.padded(tensor),
                    ModelState.empty(stack.stateLayouts(), DType.F32, 1, 0, engine.ops().results())).hidden();
            double[] mean = new double[WIDTH];
            for (int t = 0; t < ids.length; t++) {
                for (int d = 0; d < WIDTH; d++) {
                    mean[d] += hidden.get((long) WIDTH * t + d) / ids.length;
                }
            }
            double[] scores = new double[4];
            for (int c = 0; c < 4; c++) {
                for (int d = 0; d < WIDTH; d++) {
                    scores[c] += stack.head().get((long) WIDTH * c + d) * mean[d];
                }
            }
            return scores;
        });
        assertThat(model.predict(ids)).containsExactly(expected, NEAR);
        assertThat(model.classifies()).isTrue();
    }

    @Test
    void aTableIsReadAndForecastInItsUnits() {
        HeadConfig head = HeadConfig.forecast(3, 2);
        Predictor told = of(Optional.of(2), head, Map.of());
        Predictor table = of(Optional.of(2), head, TABLE.notes());
        double[][] rows = rows(16, 2);
        double[][] measured = Arrays.stream(rows)
                .map(row -> new double[] {row[0] * 4 + 10, row[1] * 0.5 - 2}).toArray(double[][]::new);
        double[] forecast = told.predict(rows);
        double[] expected = new double[6];
        for (int i = 0; i < 6; i++) {
            expected[i] = i % 2 == 0 ? forecast[i] * 4 + 10 : forecast[i] * 0.5 - 2;
        }
        assertThat(table.predict(measured)).containsExactly(expected, within(1e-4));
        try (LivePrediction stream = table.sequence()) {
            assertThat(stream.read(measured)).containsExactly(expected, within(1e-4));
        }
        assertThat(table.columns()).contains(TABLE);
        assertThat(table.classifies()).isFalse();
    }

    /** A window that stands higher is forecast higher by as much, and rows before it do not matter. */
    @Test
    void relativeWindowsFollowTheLevel() {
        Columns relative = new Columns(TABLE.names(), TABLE.means(), TABLE.deviations(), 16, 3, true);
        Predictor model = of(Optional.of(2), HeadConfig.forecast(3, 2), relative.notes());
        double[][] rows = rows(16, 2);
        double[][] higher = Arrays.stream(rows).map(row -> new double[] {row[0] + 100, row[1] - 7})
                .toArray(double[][]::new);
        double[] forecast = model.predict(rows);
        double[] above = model.predict(higher);
        for (int i = 0; i < 6; i++) {
            assertThat(above[i] - forecast[i]).isCloseTo(i % 2 == 0 ? 100 : -7, within(1e-3));
        }
        double[][] longer = rows(20, 2);
        System.arraycopy(rows, 0, longer, 4, 16);
        assertThat(model.predict(longer)).isEqualTo(forecast);
        assertThatIllegalArgumentException().isThrownBy(model::sequence)
                .withMessageContaining("told less their last row");
    }

    @Test
    void twoSequencesAreCompared() {
        Predictor pair = of(Optional.empty(), HeadConfig.pair(2, 0), Map.of());
        int[] one = {1, 2, 3};
        int[] longer = {4, 5, 6, 7, 8, 1};
        assertThat(pair.compare(one, longer)).hasSize(2).doesNotContain(Double.NaN)
                .isNotEqualTo(pair.compare(longer, one));
        assertThatIllegalArgumentException().isThrownBy(() -> pair.predict(one)).withMessageContaining("compares two");
        assertThatIllegalArgumentException().isThrownBy(pair::sequence).withMessageContaining("compares two");
        Predictor single = of(Optional.empty(), HeadConfig.classification(2, 0), Map.of());
        assertThatIllegalArgumentException().isThrownBy(() -> single.compare(one, longer))
                .withMessageContaining("reads one sequence");
    }

    @Test
    void modelsThatReadAheadTakeWholeSequencesOnly() {
        StackConfig both = Presets.named("mega-image-micro").withEnds(1, 64, false, Optional.of(1),
                Optional.of(HeadConfig.classification(10, 0)));
        Predictor model = new Predictor(stack(both), "test", Map.of(), engine);
        assertThat(model.predict(rows(64, model.features()))).hasSize(model.outputs()).doesNotContain(Double.NaN);
        assertThatIllegalArgumentException().isThrownBy(model::sequence)
                .withMessageContaining("reads in both directions");
    }

    /** A relative bias that has no number for what lies further away. */
    @Test
    void nothingIsReadBeyondAModelsLimit() {
        StackConfig config = RecordJson.with(Presets.named("mega-micro"),
                List.of("context=16", "branches.*.chunk=0", "branches.*.bias=simple"))
                .withEnds(1, 16, false, Optional.of(2), Optional.of(HeadConfig.classification(3, 0)));
        Predictor model = new Predictor(stack(config), "test", Map.of(), engine);
        int limit = model.network().limit();
        assertThat(limit).isLessThan(1000);
        double[][] rows = rows(limit + 1, 2);
        assertThatIllegalArgumentException().isThrownBy(() -> model.predict(rows))
                .withMessageContaining("at most " + limit);
        try (LivePrediction stream = model.sequence()) {
            double[] whole = stream.read(Arrays.copyOf(rows, limit));
            assertThatIllegalArgumentException().isThrownBy(() -> stream.read(rows[limit]))
                    .withMessageContaining("would have " + (limit + 1) + " positions, at most " + limit);
            assertThat(stream.position()).isEqualTo(limit);
            assertThat(whole).containsExactly(model.predict(Arrays.copyOf(rows, limit)), NEAR);
        }
    }

    @Test
    void whatDoesNotFitIsRefusedAndChangesNothing() {
        Predictor numbers = of(Optional.of(2), HeadConfig.regression(1), Map.of());
        Predictor tokens = of(Optional.empty(), HeadConfig.classification(2, 0), Map.of());
        try (LivePrediction stream = numbers.sequence(); LivePrediction words = tokens.sequence()) {
            double[] first = stream.read(new double[] {1, 2});
            for (double[][] bad : List.of(new double[][] {{1, 2}, {1}}, new double[][] {{1, 2}, {1, Double.NaN}},
                    new double[0][])) {
                assertThatIllegalArgumentException().isThrownBy(() -> stream.read(bad));
            }
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> stream.read(new double[] {1, 2}, new double[] {1e300, 0}))
                    .withMessageContaining("row 2").withMessageContaining("finite");
            assertThatIllegalArgumentException().isThrownBy(() -> stream.read(1)).withMessageContaining("give it rows");
            assertThat(stream.position()).isEqualTo(1);
            assertThat(first).hasSize(1);
            assertThatIllegalArgumentException().isThrownBy(() -> words.read(9)).withMessageContaining("vocabulary");
            assertThatIllegalArgumentException().isThrownBy(() -> words.read(new int[0]));
            assertThatIllegalArgumentException().isThrownBy(() -> words.read(new double[] {1}))
                    .withMessageContaining("give it tokens");
            assertThat(words.position()).isZero();
        }
        assertThatIllegalArgumentException().isThrownBy(() -> tokens.tokens((byte) 1))
                .withMessageContaining("not trained on bytes");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> of(Optional.of(3), HeadConfig.forecast(3, 2), TABLE.notes()))
                .withMessageContaining("do not fit");
        assertThatIllegalArgumentException().isThrownBy(
                () -> new Predictor(stack(Presets.named("rwkv7-micro")), "test", Map.of(), engine))
                .withMessageContaining("names the next token");
    }

    @SuppressWarnings("try")
    @Test
    void aSavedModelIsOpenedWithWhatWasNoted() throws IOException {
        Stack stack = stack(config(Optional.of(2), HeadConfig.forecast(3, 2)));
        Checkpoint.save(folder.resolve("table"), stack, Map.of(), TABLE.notes());
        Stack bytes = stack(StackConfig.of(16, 32, List.of(ModalRecurrenceConfig.of(2, 2, 3, List.of(3), List.of(1))))
                .withEnds(257, 32, false, Optional.empty(), Optional.of(HeadConfig.classification(2, 0))));
        Checkpoint.save(folder.resolve("bytes"), bytes, Map.of(), Map.of(ByteTokenizer.FIRST_BYTE_NOTE, "1"));
        byte[] kept;
        try (Predictor table = Predictor.open(folder.resolve("table"), engine);
                Predictor text = Predictor.open(folder.resolve("bytes"), engine);
                LivePrediction stream = table.sequence()) {
            assertThat(table.columns()).contains(TABLE);
            assertThat(stream.read(new double[] {11, -2})).hasSize(6);
            try (Snapshot snapshot = stream.snapshot()) {
                kept = snapshot.toBytes();
            }
            assertThat(text.tokens("a\u00ff".getBytes(StandardCharsets.ISO_8859_1))).containsExactly(98, 256);
            assertThat(text.predict(text.tokens((byte) 'a'))).hasSize(2);
            assertThatIOException().isThrownBy(() -> text.snapshot(kept)).withMessageContaining(text.fingerprint())
                    .withMessageContaining(table.fingerprint());
            table.close();
            assertThatIllegalStateException().isThrownBy(() -> stream.read(new double[] {1, 2}));
        }
        Checkpoint.save(folder.resolve("damaged"), stack, Map.of(),
                Map.of("columns", "a,b", "columns_means", "1,x"));
        assertThatIOException().isThrownBy(() -> Predictor.open(folder.resolve("damaged"), engine))
                .withMessageContaining("damaged");
    }
}
