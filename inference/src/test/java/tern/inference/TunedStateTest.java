package tern.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import tern.checkpoint.Safetensors;
import tern.checkpoint.TensorFile;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.rwkv.Rwkv5Config;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.text.ByteTokenizer;

/** States tuned by RWKV's authors' tools: value axis before key axis in the file, which Tern keeps the other way round. */
class TunedStateTest {
    private static final long SEED = 19;
    private static final int HEADS = 2;
    private static final int WIDTH = 8;
    private static final int[] IDS = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4};

    private final Memory memory = new Memory();
    private final Engine engine = new Engine(1);
    private final SplittableRandom random = new SplittableRandom(SEED);

    @TempDir
    private Path folder;

    @AfterEach
    void release() {
        engine.close();
        memory.close();
    }

    private LanguageModel model(String kind) {
        MixerConfig mixer = switch (kind) {
            case "rwkv5" -> Rwkv5Config.of(WIDTH);
            case "rwkv6" -> Rwkv6Config.of(WIDTH);
            case "rwkv7" -> Rwkv7Config.of(WIDTH, HEADS * WIDTH, true);
            case "attention" -> AttentionConfig.of(2);
            default -> throw new IllegalArgumentException(kind);
        };
        StackConfig config = StackConfig.of(HEADS * WIDTH, 64,
                List.of(mixer, new RwkvChannelMixConfig(32, false), mixer, new RwkvChannelMixConfig(32, false)));
        Stack stack = new Stack(config, Parameters.Source.initialised(SEED, DType.F32, memory));
        // These start at zero: nothing that heads remember would be heard.
        stack.parameters().all().stream().filter(parameter -> parameter.name().endsWith("output.weight"))
                .forEach(parameter -> fill(parameter.tensor()));
        return new LanguageModel(stack, ByteTokenizer.ALL, "test-" + kind, engine);
    }

    private void fill(Tensor tensor) {
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, random.nextDouble() - 0.5);
        }
    }

    private Path tuned(DType type, int layers, int heads) throws IOException {
        Map<String, Tensor> states = new LinkedHashMap<>();
        for (int layer = 0; layer < layers; layer++) {
            Tensor state = memory.allocate(type, Shape.of(heads, WIDTH, WIDTH));
            fill(state);
            states.put("blocks." + layer + ".att.time_state", state);
        }
        Path path = folder.resolve("tuned" + states.size() + heads + ".safetensors");
        Safetensors.write(path, states, Map.of());
        return path;
    }

    @ParameterizedTest
    @ValueSource(strings = {"rwkv5", "rwkv6", "rwkv7"})
    void isTakenWithKeysBeforeValues(String kind) throws IOException {
        Path path = tuned(kind.equals("rwkv5") ? DType.BF16 : DType.F32, 2, HEADS);
        assertThat(Snapshot.positionIn(path)).isZero();
        try (LanguageModel model = model(kind);
                Snapshot snapshot = Snapshot.load(path, model);
                LiveSequence sequence = model.sequence();
                LiveSequence stepped = model.sequence();
                LiveSequence plain = model.sequence()) {
            assertThat(snapshot.position()).isZero();
            Path saved = folder.resolve("saved");
            snapshot.save(saved);
            try (TensorFile theirs = TensorFile.open(path); TensorFile ours = TensorFile.open(saved)) {
                List<Integer> withHeads = new ArrayList<>();
                for (int branch = 0; branch < 4; branch++) {
                    assertThat(ours.tensor("branches." + branch + ".slots.0").toFloats()).containsOnly(0);
                    if (ours.find("branches." + branch + ".slots.1").isPresent()) {
                        withHeads.add(branch);
                    }
                }
                assertThat(withHeads).containsExactly(0, 2);
                for (int layer = 0; layer < 2; layer++) {
                    Tensor read = ours.tensor("branches." + 2 * layer + ".slots.1");
                    Tensor written = theirs.tensor("blocks." + layer + ".att.time_state");
                    for (int head = 0; head < HEADS; head++) {
                        for (int key = 0; key < WIDTH; key++) {
                            for (int value = 0; value < WIDTH; value++) {
                                assertThat(read.get((head * WIDTH + key) * WIDTH + value))
                                        .isEqualTo(written.get((head * WIDTH + value) * WIDTH + key));
                            }
                        }
                    }
                }
            }
            sequence.restore(snapshot);
            stepped.restore(snapshot);
            float[] read = sequence.prefill(IDS);
            float[] step = {};
            for (int id : IDS) {
                step = stepped.step(id);
            }
            float[] without = plain.prefill(IDS);
            double moved = 0;
            for (int i = 0; i < read.length; i++) {
                assertThat(read[i]).as("logit %d, seed %d", i, SEED).isCloseTo(step[i], within(1e-4f));
                moved = Math.max(moved, Math.abs(read[i] - without[i]));
            }
            assertThat(moved).as("what the tuned state changes").isGreaterThan(1e-3);
        }
    }

    @Test
    void ofAnotherModelIsRefused() throws IOException {
        try (LanguageModel rwkv = model("rwkv6"); LanguageModel attention = model("attention")) {
            Path few = tuned(DType.F32, 1, HEADS);
            assertThatIOException().isThrownBy(() -> Snapshot.load(few, rwkv))
                    .withMessageContaining("layer 1 should be [2, 8, 8] for this model, found none");
            Path many = tuned(DType.F32, 3, HEADS);
            assertThatIOException().isThrownBy(() -> Snapshot.load(many, rwkv))
                    .withMessageContaining("has 3 layers of RWKV's heads, the model has 2");
            Path wide = tuned(DType.F32, 2, 4);
            assertThatIOException().isThrownBy(() -> Snapshot.load(wide, rwkv))
                    .withMessageContaining("should be [2, 8, 8] for this model, found [4, 8, 8]");
            assertThatIOException().isThrownBy(() -> Snapshot.load(few, attention))
                    .withMessageContaining("the model has 0; it belongs to another model");
            assertThat(Snapshot.fits(few, rwkv)).isFalse();
        }
    }

    /** Alone and in a batch with others of other ages, as if each had been put there by hand. */
    @ParameterizedTest
    @ValueSource(strings = {"rwkv5", "rwkv6", "rwkv7"})
    void everySequenceOfAModelMayBeginWithIt(String kind) throws IOException {
        Path path = tuned(DType.F32, 2, HEADS);
        try (LanguageModel model = model(kind);
                Snapshot snapshot = Snapshot.load(path, model);
                LiveSequence restored = model.sequence();
                LiveSequence plain = model.sequence()) {
            LanguageModel begun = model.beginningWith(path);
            restored.restore(snapshot);
            float[] expected = restored.prefill(IDS);
            float[] after = restored.step(7);
            assertThat(plain.prefill(IDS)).isNotEqualTo(expected);
            try (LiveSequence sequence = begun.sequence(); LiveBatch batch = begun.batch(4)) {
                assertThat(sequence.prefill(IDS)).isEqualTo(expected);
                try (Snapshot here = sequence.snapshot()) {
                    assertThatIllegalArgumentException().isThrownBy(() -> plain.restore(here))
                            .withMessageContaining(begun.fingerprint());
                    assertThat(sequence.step(7)).isEqualTo(after);
                    LiveBatch.Seat old = batch.join(here);
                    LiveBatch.Seat fresh = batch.join();
                    LiveBatch.Seat prompted = batch.join();
                    batch.prefill(prompted, IDS);
                    float[] all = new float[3 * 256];
                    batch.step(new int[] {7, IDS[0], 7}, all);
                    assertThat(row(all, old)).containsExactly(after, within(1e-4f));
                    assertThat(row(all, prompted)).containsExactly(after, within(1e-4f));
                    old.leave();
                    // Who comes into a row that others used begins anew.
                    LiveBatch.Seat again = batch.join();
                    float[] next = new float[3 * 256];
                    int[] tokens = new int[3];
                    tokens[fresh.row()] = IDS[1];
                    tokens[again.row()] = IDS[0];
                    batch.step(tokens, next);
                    assertThat(row(next, again)).containsExactly(row(all, fresh), within(1e-4f));
                    restored.restore(snapshot);
                    restored.step(IDS[0]);
                    assertThat(row(next, fresh)).containsExactly(restored.step(IDS[1]), within(1e-4f));
                }
            }
            assertThat(begun.fingerprint()).endsWith("-" + model.fingerprint());
            assertThatIOException().isThrownBy(() -> begun.beginningWith(folder.resolve("none")));
        }
        try (LanguageModel other = model("attention")) {
            assertThatIOException().isThrownBy(() -> other.beginningWith(path))
                    .withMessageContaining("belongs to another model");
        }
    }

    private static float[] row(float[] all, LiveBatch.Seat seat) {
        return Arrays.copyOfRange(all, seat.row() * 256, (seat.row() + 1) * 256);
    }
}
