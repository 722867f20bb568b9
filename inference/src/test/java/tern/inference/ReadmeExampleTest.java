package tern.inference;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.checkpoint.Checkpoint;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.model.HeadConfig;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;
import tern.text.Columns;

/** The examples for embedders in README.md are these methods, and they do what the text around them says. */
class ReadmeExampleTest {
    // The lines between two marks stand in README.md, letter by letter.
    // example
    static String replies(Path folder) throws IOException {
        try (LanguageModel model = LanguageModel.open(folder); LiveSequence story = model.sequence()) {
            Sampler sampler = new Sampler(Sampling.GREEDY.withTemperature(0.8), 42);
            float[] logits = story.prefill(model.tokenizer().encode("ROMEO:"));    // reads the prompt in parallel
            for (int i = 0; i < 50; i++) {
                logits = story.step(sampler.next(logits));                         // constant time and memory
            }
            try (Snapshot here = story.snapshot();                                 // a few kilobytes
                    LiveSequence other = story.fork();                             // goes its own way
                    LiveBatch batch = model.batch(8)) {                            // sequences of any age in one step
                here.save(folder.resolve("romeo.state"));
                LiveBatch.Seat first = batch.join(here);
                LiveBatch.Seat second = batch.join();
                float[] after = batch.prefill(second, model.tokenizer().encode("JULIET:"));
                int[] ids = {sampler.next(logits), sampler.next(after)};
                float[] both = new float[2 * model.tokenizer().vocabulary()];
                batch.step(ids, both);
                other.step(ids[0]);
                story.restore(here);
                return first.position() + " and " + second.position() + " tokens read";
            }
        }
    }
    // example

    // example
    static double[] forecast(Predictor model, Map<String, byte[]> store, String key, double... row) throws IOException {
        try (LivePrediction sequence = model.sequence()) {
            byte[] kept = store.get(key);
            if (kept != null) {
                try (Snapshot before = model.snapshot(kept)) {
                    sequence.restore(before);
                }
            }
            double[] forecast = sequence.read(row);
            try (Snapshot after = sequence.snapshot()) {
                store.put(key, after.toBytes());
            }
            return forecast;
        }
    }
    // example

    /** Two keys whose records come in turn are told what each would be told alone. */
    @Test
    void aStateAKeyIsAllThatAStreamNeeds() throws IOException {
        try (Memory memory = new Memory(); Engine engine = new Engine(1)) {
            StackConfig config = StackConfig
                    .of(16, 32, List.of(ModalRecurrenceConfig.of(2, 2, 3, List.of(2), List.of(1))))
                    .withEnds(1, 32, false, Optional.of(2), Optional.of(HeadConfig.forecast(3, 2)));
            Stack stack = new Stack(config, Parameters.Source.initialised(1, DType.F32, memory));
            Columns columns = new Columns(List.of("a", "b"), List.of(1.0, 2.0), List.of(0.5, 3.0), 8, 3, false);
            try (Predictor model = new Predictor(stack, "test", columns.notes(), engine);
                    LivePrediction alone = model.sequence();
                    LivePrediction other = model.sequence()) {
                Map<String, byte[]> store = new HashMap<>();
                for (int i = 0; i < 20; i++) {
                    assertThat(forecast(model, store, "one", i, 1)).isEqualTo(alone.read(new double[] {i, 1}));
                    assertThat(forecast(model, store, "other", 1, -i)).isEqualTo(other.read(new double[] {1, -i}));
                }
                assertThat(store).hasSize(2);
            }
        }
    }

    @Test
    void itRuns(@TempDir Path folder) throws IOException {
        try (Memory memory = new Memory()) {
            StackConfig config = StackConfig.of(16, 32,
                    List.of(ModalRecurrenceConfig.of(2, 2, 3, List.of(2), List.of(1))));
            Stack stack = new Stack(config, Parameters.Source.initialised(1, DType.F32, memory));
            String fingerprint = Checkpoint.save(folder, stack, ByteTokenizer.ALL.descriptor(), Map.of());
            assertThat(fingerprint).isNotBlank();
        }
        assertThat(replies(folder)).isEqualTo("57 and 8 tokens read");
        try (LanguageModel model = LanguageModel.open(folder);
                Snapshot saved = Snapshot.load(folder.resolve("romeo.state"), model)) {
            assertThat(saved.position()).isEqualTo(56);
        }
    }

    @Test
    void theReadmeSaysTheSame() throws IOException {
        Path root = Path.of(System.getProperty("tern.root"));
        String source = Files.readString(root.resolve("inference/src/test/java/tern/inference/ReadmeExampleTest.java"));
        String[] parts = source.split("    // example\n");
        String readme = Files.readString(root.resolve("README.md"));
        assertThat(parts).hasSize(5);
        for (int example : new int[] {1, 3}) {
            assertThat(readme).contains(parts[example].stripTrailing().stripIndent());
        }
    }
}
