package tern.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

class StateFileTest {
    @TempDir
    Path folder;

    private final Memory memory = new Memory();

    @AfterEach
    void release() {
        memory.close();
    }

    @Test
    void aStateIsReadBackExactly() {
        Seeds.forAll(10, (seed, random) -> {
            Map<String, Tensor> slots = new LinkedHashMap<>();
            slots.put("branches.0.history", Tensors.normal(DType.F32, random, memory, 1, 3, 4));
            slots.put("branches.0.taps", Tensors.normal(DType.F32, random, memory, 1, Seeds.between(random, 0, 9)));
            slots.put("branches.1.state", Tensors.normal(DType.F64, random, memory, 1, 5));
            StateFile state = new StateFile("f00d", random.nextLong(1L << 50), slots,
                    Map.of("sampler", "42", "x", "é"));
            Path file = folder.resolve("state-" + seed);
            try {
                state.save(file);
                StateFile read = StateFile.load(file, "f00d", memory);
                assertThat(read.position()).isEqualTo(state.position());
                assertThat(read.fingerprint()).isEqualTo("f00d");
                assertThat(read.notes()).isEqualTo(state.notes());
                assertThat(read.slots()).containsOnlyKeys(slots.keySet());
                slots.forEach((name, tensor) -> {
                    Tensor loaded = read.slots().getOrDefault(name, tensor);
                    assertThat(loaded).isNotSameAs(tensor);
                    assertThat(loaded.toString()).isEqualTo(tensor.toString());
                    assertThat(loaded.data().mismatch(tensor.data())).isEqualTo(-1);
                    loaded.fill(0);
                });
            } catch (IOException failed) {
                throw new AssertionError(failed);
            }
        });
    }

    @Test
    void anotherModelIsRefusedNamingBothFingerprints() throws IOException {
        Path file = folder.resolve("s");
        new StateFile("aaaa", 5, Map.of("x", memory.zeros(DType.F32, 1)), Map.of()).save(file);
        assertThatThrownBy(() -> StateFile.load(file, "bbbb", memory)).isInstanceOf(MalformedFileException.class)
                .hasMessage(file
                        + ": the state belongs to the model with fingerprint aaaa, this model has fingerprint bbbb;"
                        + " load the model that the state was saved from");
    }

    @Test
    void whatIsNoStateIsRefused() throws IOException {
        Path file = folder.resolve("s");
        Map<String, Tensor> slots = Map.of("x", memory.zeros(DType.F32, 1));
        Map<String, String> good = Map.of("tern.format", "tern-state", "tern.version", "1", "tern.fingerprint", "aaaa",
                "tern.position", "5");
        Safetensors.write(file, slots, good);
        assertThat(StateFile.load(file, "aaaa", memory).position()).isEqualTo(5);
        Map<Map<String, String>, String> refusals = new LinkedHashMap<>();
        refusals.put(Map.of(), "this is not a saved state");
        refusals.put(changed(good, "tern.version", "2"), "the state is in version \"2\" of the format");
        refusals.put(changed(good, "tern.position", "-1"), "the state's position is \"-1\"");
        refusals.put(changed(good, "tern.position", "99999999999999999999"), "the state's position is");
        Map<String, String> without = new LinkedHashMap<>(good);
        without.remove("tern.fingerprint");
        refusals.put(without, "the state lacks tern.fingerprint");
        for (Map.Entry<Map<String, String>, String> refusal : refusals.entrySet()) {
            Safetensors.write(file, slots, refusal.getKey());
            assertThatThrownBy(() -> StateFile.load(file, "aaaa", memory)).isInstanceOf(MalformedFileException.class)
                    .hasMessageContaining(refusal.getValue());
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new StateFile("a", -1, slots, Map.of()))
                .withMessageContaining("position is -1");
    }

    private static Map<String, String> changed(Map<String, String> map, String key, String value) {
        Map<String, String> changed = new LinkedHashMap<>(map);
        changed.put(key, value);
        return changed;
    }
}
