package tern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.autograd.Gradients;
import tern.autograd.TapeOps;
import tern.checkpoint.Checkpoint;
import tern.checkpoint.TensorFile;
import tern.checkpoint.naming.Families;
import tern.checkpoint.naming.Naming;
import tern.checkpoint.naming.NamingTable;
import tern.checkpoint.naming.Step;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.ModelState;
import tern.model.Parameters;
import tern.model.Passed;
import tern.model.Stack;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Loss, gradients and last state of published files against those of double-precision automatic differentiation; where
 * these come from, the README beside the files says. Gradients there are those of the stored numbers, so ours are taken back
 * through the naming table.
 */
class PublishedGradientsTest {
    private final Memory memory = new Memory();

    private static Path shared(String name) {
        Path path = Path.of(System.getProperty("tern.shared", "../../shared"), "data").resolve(name);
        assumeTrue(Files.exists(path), () -> "skipped: " + path + " is absent; it comes with the shared data");
        return path;
    }

    @ParameterizedTest
    @CsvSource({"tiny-rwkv-5v2-730K-FP32.bin, 5v2-730K-FP32, F64, 1e-6",
        "tiny-rwkv-5v2-730K-FP32.bin, 5v2-730K-FP32, F32, 1e-4", "tiny-rwkv-6v0-3m-Q5_0.bin, 6v0-3m-Q5_0, F32, 1e-4",
        "tiny-rwkv-6v0-3m-Q5_1.bin, 6v0-3m-Q5_1, F32, 1e-4",
        "tiny-rwkv-6v0-3m-Q5_1.bin, 6v0-3m-Q5_1-utf16, F32, 1e-4"})
    void gradients(String name, String reference, DType dtype, double tolerance) throws IOException {
        Path file = shared("rwkv-tiny/" + name);
        JsonNode expected = JsonMapper.shared()
                .readTree(Files.readString(shared("rwkv-tiny/ext-" + reference + ".json")));
        try (Checkpoint checkpoint = Checkpoint.open(file);
                ThreadTeam team = new ThreadTeam(2);
                Workspace workspace = new Workspace()) {
            Stack model = checkpoint.load(dtype, memory);
            List<Tensor> trained = model.parameters().trained().stream().map(Parameters.Parameter::tensor).toList();
            JsonNode tokens = expected.get("tokens");
            int time = tokens.size() - 1;
            Tensor ids = memory.zeros(DType.I32, 1, time);
            Tensor targets = memory.zeros(DType.I32, time);
            for (int t = 0; t < time; t++) {
                ids.set(t, tokens.get(t).intValue());
                targets.set(t, tokens.get(t + 1).intValue());
            }
            try (Gradients gradients = new Gradients(trained);
                    TapeOps tape = new TapeOps(KernelSet.fastest(), team, workspace, gradients, false)) {
                ModelState empty = ModelState.empty(model.stateLayouts(), dtype, 1, 0, memory);
                Passed passed = model.forward(Form.PARALLEL, tape, ids, empty);
                Tensor hidden = tape.reshape(passed.hidden(), Shape.of(time, model.config().width()));
                Tensor loss = tape.mean(tape.crossEntropy(hidden, model.head(), targets), time);
                assertThat(loss.get(0)).isCloseTo(expected.get("loss_mean_cross_entropy_nats").doubleValue(),
                        within(tolerance));
                tape.backward(loss, 1);
                compare(checkpoint.file(), model, gradients, expected.get("gradients"), tolerance);
            }
        } finally {
            memory.close();
        }
    }

    private static void compare(TensorFile file, Stack model, Gradients gradients, JsonNode expected, double tolerance)
            throws IOException {
        NamingTable names = Families.recognise(file).names();
        for (Map.Entry<String, JsonNode> entry : expected.properties()) {
            double[] found = stored(file, names, model, gradients, entry.getKey());
            double squares = 0;
            double largest = 0;
            for (double value : found) {
                squares += value * value;
                largest = Math.max(largest, Math.abs(value));
            }
            double norm = entry.getValue().get("l2").doubleValue();
            assertThat(Math.sqrt(squares)).as("norm of %s", entry.getKey()).isCloseTo(norm, within(tolerance * norm));
            double size = entry.getValue().get("absmax").doubleValue();
            assertThat(largest).as("largest of %s", entry.getKey()).isCloseTo(size, within(tolerance * norm));
            for (Map.Entry<String, JsonNode> at : entry.getValue().get("at").properties()) {
                assertThat(found[Integer.parseInt(at.getKey())]).as("%s at %s", entry.getKey(), at.getKey())
                        .isCloseTo(at.getValue().doubleValue(), within(tolerance * norm));
            }
        }
    }

    /** The gradient of a stored tensor: of each of its parts, through what made a parameter of it. */
    private static double[] stored(TensorFile file, NamingTable names, Stack model, Gradients gradients, String name)
            throws IOException {
        Tensor numbers = file.tensor(name);
        double[] gradient = new double[Math.toIntExact(numbers.elements())];
        int users = 0;
        for (Naming naming : names.all()) {
            if (naming.theirs().equals(name)) {
                Tensor own = gradients
                        .of(model.parameters().find(naming.ours().orElseThrow()).orElseThrow().tensor()).orElseThrow();
                int from = 0;
                int changes = 0;
                for (Step step : naming.steps()) {
                    from = step instanceof Step.Part(int index) ? index * (int) own.elements() : from;
                    changes += step instanceof Step.Each ? 1 : 0;
                }
                for (int i = 0; i < own.elements(); i++) {
                    double x = numbers.get(from + i);
                    // One change is 1 − x; three are ln(−ln x), whose slope is 1/(x ln x).
                    double slope = changes == 0 ? 1 : changes == 1 ? -1 : 1 / (x * Math.log(x));
                    gradient[from + i] = slope * own.get(i);
                }
                users++;
            }
        }
        assertThat(users).as("parameters made of " + name).isPositive();
        return gradient;
    }

    /** The state after the last token, in rwkv.cpp's order: for each layer channel shift, time shift, heads by key and value. */
    @ParameterizedTest
    @CsvSource({"tiny-rwkv-5v2-730K-FP32.bin, 5v2-730K-FP32", "tiny-rwkv-6v0-3m-Q5_0.bin, 6v0-3m-Q5_0",
        "tiny-rwkv-6v0-3m-Q5_1.bin, 6v0-3m-Q5_1-utf16"})
    void lastStates(String name, String reference) throws IOException {
        Path file = shared("rwkv-tiny/" + name);
        JsonNode tokens = JsonMapper.shared()
                .readTree(Files.readString(shared("rwkv-tiny/ext-" + reference + ".json"))).get("tokens");
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(shared("rwkv-tiny/ext-state-" + reference + ".f32")))
                .order(ByteOrder.LITTLE_ENDIAN);
        try (Checkpoint checkpoint = Checkpoint.open(file);
                ThreadTeam team = new ThreadTeam(2);
                Workspace workspace = new Workspace();
                EagerOps ops = new EagerOps(KernelSet.fastest(), team, workspace)) {
            Tensor ids = memory.zeros(DType.I32, 1, tokens.size());
            for (int t = 0; t < tokens.size(); t++) {
                ids.set(t, tokens.get(t).intValue());
            }
            ModelState state = ModelState.empty(checkpoint.model().stateLayouts(), DType.F32, 1, 0, memory);
            ModelState last = checkpoint.model().forward(Form.PARALLEL, ops, ids, state).state();
            for (int layer = 0; layer < last.states().size() / 2; layer++) {
                same(bytes, last.states().get(2 * layer + 1).slot("shift"), reference + " channel shift " + layer);
                same(bytes, last.states().get(2 * layer).slot("shift"), reference + " time shift " + layer);
                same(bytes, last.states().get(2 * layer).slot("heads"), reference + " heads " + layer);
            }
            assertThat(bytes.remaining()).isZero();
        } finally {
            memory.close();
        }
    }

    private static void same(ByteBuffer expected, Tensor found, String what) {
        for (long i = 0; i < found.elements(); i++) {
            float number = expected.getFloat();
            assertThat(found.get(i)).as("%s at %d", what, i)
                    .isCloseTo(number, within(2e-4 * Math.max(1, Math.abs(number))));
        }
    }
}
