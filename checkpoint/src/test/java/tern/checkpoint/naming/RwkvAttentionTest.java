package tern.checkpoint.naming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.TensorFile;
import tern.checkpoint.gguf.GgufWriter;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv6Variation;
import tern.model.ModelState;
import tern.model.Stack;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Transformers whose attention became RWKV's time mixing, in files as llama.cpp names them, against the equations written out position by
 * position in double precision.
 */
class RwkvAttentionTest {
    private static final long SEED = 77;
    private static final int WIDTH = 12;
    private static final int HEAD = 3;
    private static final int HEADS = WIDTH / HEAD;
    private static final int INNER = 20;
    private static final int VOCABULARY = 9;
    private static final int LAYERS = 3;
    private static final int RANK = 2;
    private static final int TIME = 11;
    private static final double EPSILON = 1e-6;

    @TempDir
    Path folder;

    private final SplittableRandom random = new SplittableRandom(SEED);
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();

    private void put(Memory memory, String name, int... shape) {
        Tensor tensor = memory.zeros(DType.F32, shape);
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, random.nextDouble(-1, 1));
        }
        tensors.put(name, tensor);
    }

    private Tensor of(String name) {
        return Objects.requireNonNull(tensors.get(name), name);
    }

    private Path write(Memory memory, String architecture, boolean some, int keyHeads) throws IOException {
        put(memory, "token_embd.weight", VOCABULARY, WIDTH);
        put(memory, "output_norm.weight", WIDTH);
        put(memory, "output.weight", VOCABULARY, WIDTH);
        for (int layer = 0; layer < LAYERS; layer++) {
            String own = "blk." + layer + ".";
            put(memory, own + "attn_norm.weight", WIDTH);
            put(memory, own + "ffn_norm.weight", WIDTH);
            put(memory, own + "ffn_gate.weight", INNER, WIDTH);
            put(memory, own + "ffn_up.weight", INNER, WIDTH);
            put(memory, own + "ffn_down.weight", WIDTH, INNER);
            String time = own + "time_mix_";
            put(memory, time + "receptance.weight", WIDTH, WIDTH);
            put(memory, time + "output.weight", WIDTH, WIDTH);
            put(memory, time + "key.weight", keyHeads * HEAD, WIDTH);
            put(memory, time + "value.weight", keyHeads * HEAD, WIDTH);
            if (architecture.equals("rwkv6qwen2")) {
                put(memory, time + "gate.weight", WIDTH, WIDTH);
                put(memory, time + "lerp_x.weight", 1, 1, WIDTH);
                put(memory, time + "lerp_fused.weight", 5, 1, 1, WIDTH);
                put(memory, time + "w1.weight", 5 * RANK, WIDTH);
                put(memory, time + "w2.weight", 5, WIDTH, RANK);
                put(memory, time + "decay.weight", WIDTH);
                put(memory, time + "decay_w1.weight", RANK, WIDTH);
                put(memory, time + "decay_w2.weight", WIDTH, RANK);
                if (some) {
                    put(memory, time + "receptance.bias", WIDTH);
                    put(memory, time + "key.bias", keyHeads * HEAD);
                    put(memory, time + "value.bias", keyHeads * HEAD);
                }
            } else {
                put(memory, time + "lerp_fused.weight", some ? 6 : 5, 1, 1, WIDTH);
                for (String low : List.of("w", "a", "v")) {
                    put(memory, time + low + "0.weight", WIDTH);
                    put(memory, time + low + "1.weight", RANK, WIDTH);
                    put(memory, time + low + "2.weight", WIDTH, RANK);
                }
                for (String vector : List.of("k_k", "k_a", "r_k")) {
                    put(memory, time + vector + ".weight", WIDTH);
                }
                if (some) {
                    put(memory, time + "g1.weight", RANK, WIDTH);
                    put(memory, time + "g2.weight", WIDTH, RANK);
                    put(memory, time + "ln.weight", WIDTH);
                    put(memory, time + "ln.bias", WIDTH);
                }
            }
        }
        Map<String, Metadatum> metadata = new LinkedHashMap<>();
        metadata.put("general.architecture", new Metadatum.Text(architecture));
        metadata.put(architecture + ".attention.layer_norm_rms_epsilon",
                new Metadatum.Real(Metadatum.Precision.F32, EPSILON));
        metadata.put(architecture + ".wkv.head_size", new Metadatum.Whole(Metadatum.Width.U32, HEAD));
        metadata.put(architecture + ".context_length", new Metadatum.Whole(Metadatum.Width.U32, 4096));
        metadata.put(architecture + ".embedding_length", new Metadatum.Whole(Metadatum.Width.U32, WIDTH));
        metadata.put(architecture + ".block_count", new Metadatum.Whole(Metadatum.Width.U32, LAYERS));
        Path path = folder.resolve(architecture + ".gguf");
        GgufWriter.write(path, metadata, tensors.entrySet().stream()
                .map(entry -> GgufWriter.Entry.asIs(entry.getKey(), entry.getValue())).toList());
        return path;
    }

    // ── the equations ───────────────────────────────────────────────────────────────────────────────────────────────

    private double[] times(String matrix, double[] x) {
        return timesPart(matrix, 0, of(matrix).dim(0), x);
    }

    /** Rows of a matrix [rows,columns], or of a stack of them seen as one. */
    private double[] timesPart(String matrix, int from, int rows, double[] x) {
        double[] y = new double[rows];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < x.length; j++) {
                y[i] += of(matrix).get((long) (from + i) * x.length + j) * x[j];
            }
        }
        Tensor bias = tensors.get(matrix.replace(".weight", ".bias"));
        for (int i = 0; bias != null && i < rows; i++) {
            y[i] += bias.get(i);
        }
        return y;
    }

    private double[] vector(String name, int from) {
        double[] values = new double[WIDTH];
        for (int d = 0; d < WIDTH; d++) {
            values[d] = of(name).get(from + d);
        }
        return values;
    }

    private interface Each {
        double at(int d);
    }

    private static double[] each(int length, Each value) {
        double[] values = new double[length];
        for (int d = 0; d < length; d++) {
            values[d] = value.at(d);
        }
        return values;
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    private double[] norm(String name, double[] x) {
        double squares = 0;
        for (double value : x) {
            squares += value * value;
        }
        double root = Math.sqrt(squares / x.length + EPSILON);
        return each(x.length, d -> x[d] / root * of(name).get(d));
    }

    private static double[] lerp(double[] x, double[] before, double[] share) {
        return each(x.length, d -> x[d] + (before[d] - x[d]) * share[d]);
    }

    private static double[] tanh(double[] x) {
        return each(x.length, d -> Math.tanh(x[d]));
    }

    /** Position by position; states [head][key][value]. */
    private double[][] logits(boolean six, int[] ids, boolean some, int keyHeads) {
        double[][] before = new double[LAYERS][WIDTH];
        double[][][][] states = new double[LAYERS][HEADS][HEAD][HEAD];
        double[][] logits = new double[ids.length][];
        for (int t = 0; t < ids.length; t++) {
            double[] x = vector("token_embd.weight", ids[t] * WIDTH);
            double[] first = new double[WIDTH];
            for (int layer = 0; layer < LAYERS; layer++) {
                String own = "blk." + layer + ".";
                double[] z = norm(own + "attn_norm.weight", x);
                double[] mixed = six ? six(own + "time_mix_", z, before[layer], states[layer], keyHeads)
                        : seven(own + "time_mix_", z, before[layer], states[layer], first, layer, some);
                before[layer] = z;
                double[] residual = x;
                double[] middle = each(WIDTH, d -> residual[d] + mixed[d]);
                double[] n = norm(own + "ffn_norm.weight", middle);
                double[] gate = times(own + "ffn_gate.weight", n);
                double[] up = times(own + "ffn_up.weight", n);
                double[] down = times(own + "ffn_down.weight",
                        each(INNER, i -> gate[i] * sigmoid(gate[i]) * up[i]));
                x = each(WIDTH, d -> middle[d] + down[d]);
            }
            logits[t] = times("output.weight", norm("output_norm.weight", x));
        }
        return logits;
    }

    private double[] six(String time, double[] z, double[] before, double[][][] state, int keyHeads) {
        double[] low = tanh(times(time + "w1.weight", lerp(z, before, vector(time + "lerp_x.weight", 0))));
        double[][] inputs = new double[5][];
        for (int c = 0; c < 5; c++) {
            int from = RANK * c;
            double[] more = timesPart(time + "w2.weight", c * WIDTH, WIDTH, each(RANK, i -> low[from + i]));
            double[] share = vector(time + "lerp_fused.weight", c * WIDTH);
            inputs[c] = lerp(z, before, each(WIDTH, d -> share[d] + more[d]));
        }
        double[] k = times(time + "key.weight", inputs[1]);
        double[] v = times(time + "value.weight", inputs[2]);
        double[] r = times(time + "receptance.weight", inputs[3]);
        double[] gate = times(time + "gate.weight", inputs[4]);
        double[] decay = times(time + "decay_w2.weight", tanh(times(time + "decay_w1.weight", inputs[0])));
        double[] w = each(WIDTH, d -> Math.exp(-Math.exp(decay[d] + of(time + "decay.weight").get(d))));
        double[] y = new double[WIDTH];
        for (int h = 0; h < HEADS; h++) {
            int shared = h / (HEADS / keyHeads) * HEAD;
            for (int i = 0; i < HEAD; i++) {
                int at = h * HEAD + i;
                for (int j = 0; j < HEAD; j++) {
                    state[h][i][j] = w[at] * state[h][i][j] + k[shared + i] * (1 - w[at]) * v[shared + j];
                    y[h * HEAD + j] += r[at] * state[h][i][j] / Math.sqrt(HEAD);
                }
            }
        }
        return times(time + "output.weight", each(WIDTH, d -> y[d] * sigmoid(gate[d])));
    }

    private double[] lowRank(String time, String letter, double[] x) {
        double[] up = times(time + letter + "2.weight", times(time + letter + "1.weight", x));
        return each(WIDTH, d -> up[d] + of(time + letter + "0.weight").get(d));
    }

    private double[] seven(String time, double[] z, double[] before, double[][][] state, double[] first, int layer,
            boolean some) {
        double[][] inputs = new double[some ? 6 : 5][];
        for (int c = 0; c < inputs.length; c++) {
            inputs[c] = lerp(z, before, vector(time + "lerp_fused.weight", c * WIDTH));
        }
        double[] r = times(time + "receptance.weight", inputs[0]);
        double[] k = times(time + "key.weight", inputs[2]);
        double[] plain = times(time + "value.weight", inputs[3]);
        double[] up = times(time + "w2.weight", tanh(times(time + "w1.weight", inputs[1])));
        double[] w = each(WIDTH,
                d -> Math.exp(-Math.exp(-0.5) * sigmoid(up[d] + of(time + "w0.weight").get(d))));
        double[] rate = lowRank(time, "a", inputs[4]);
        double[] a = each(WIDTH, d -> sigmoid(rate[d]));
        double[] part = lowRank(time, "v", inputs[3]);
        double[] v = layer == 0 ? plain : each(WIDTH, d -> plain[d] + (first[d] - plain[d]) * sigmoid(part[d]));
        if (layer == 0) {
            System.arraycopy(plain, 0, first, 0, WIDTH);
        }
        double[] y = new double[WIDTH];
        double[] key = each(WIDTH, d -> k[d] * (1 + (a[d] - 1) * of(time + "k_a.weight").get(d)));
        for (int h = 0; h < HEADS; h++) {
            int from = h * HEAD;
            double[] removal = each(HEAD, i -> k[from + i] * of(time + "k_k.weight").get(from + i));
            double length = Math.sqrt(removal[0] * removal[0] + removal[1] * removal[1] + removal[2] * removal[2]);
            double bonus = 0;
            for (int i = 0; i < HEAD; i++) {
                removal[i] /= length;
                bonus += r[from + i] * key[from + i] * of(time + "r_k.weight").get(from + i);
            }
            double[] read = new double[HEAD];
            for (int j = 0; j < HEAD; j++) {
                double held = 0;
                for (int i = 0; i < HEAD; i++) {
                    held += removal[i] * state[h][i][j];
                }
                for (int i = 0; i < HEAD; i++) {
                    state[h][i][j] = w[from + i] * state[h][i][j] - removal[i] * a[from + i] * held
                            + key[from + i] * v[from + j];
                    read[j] += r[from + i] * state[h][i][j];
                }
            }
            double mean = (read[0] + read[1] + read[2]) / HEAD;
            double variance = 0;
            for (double value : read) {
                variance += (value - mean) * (value - mean) / HEAD;
            }
            for (int j = 0; j < HEAD; j++) {
                double normed = !some ? read[j]
                        : (read[j] - mean) / Math.sqrt(variance + 64e-5) * of(time + "ln.weight").get(from + j)
                                + of(time + "ln.bias").get(from + j);
                y[from + j] = normed + bonus * v[from + j];
            }
        }
        if (some) {
            double[] inner = times(time + "g1.weight", inputs[5]);
            double[] gate = times(time + "g2.weight", each(RANK, i -> sigmoid(inner[i])));
            return times(time + "output.weight", each(WIDTH, d -> y[d] * gate[d]));
        }
        return times(time + "output.weight", y);
    }

    // ── the tests ───────────────────────────────────────────────────────────────────────────────────────────────────

    @ParameterizedTest
    @CsvSource({"rwkv6qwen2, true, 2", "rwkv6qwen2, false, 4", "rwkv6qwen2, true, 1", "arwkv7, true, 4",
        "arwkv7, false, 4"})
    void logitsAreThoseOfTheEquations(String architecture, boolean some, int keyHeads) throws IOException {
        int[] tokens = random.ints(TIME, 0, VOCABULARY).toArray();
        try (Memory memory = new Memory();
                Workspace workspace = new Workspace();
                ThreadTeam team = new ThreadTeam(1);
                EagerOps ops = new EagerOps(KernelSet.reference(), team, workspace);
                TensorFile file = TensorFile.open(write(memory, architecture, some, keyHeads))) {
            double[][] expected = logits(architecture.equals("rwkv6qwen2"), tokens, some, keyHeads);
            Blueprint blueprint = Families.recognise(file);
            assertThat(blueprint.family()).endsWith("in the place of attention, naming of llama.cpp");
            assertThat(blueprint.config().context()).isEqualTo(4096);
            NamedParameters parameters = new NamedParameters(file, blueprint);
            Stack stack = new Stack(blueprint.config(), (parameter, shape, role, initialiser) -> {
                try {
                    return memory.copyOf(parameters.tensor(parameter, shape, type -> false, DType.F64, memory));
                } catch (MalformedFileException broken) {
                    throw new IllegalArgumentException(broken.getMessage(), broken);
                }
            });
            Tensor ids = memory.zeros(DType.I32, 1, TIME);
            for (int t = 0; t < TIME; t++) {
                ids.set(t, tokens[t]);
            }
            for (Form form : Form.values()) {
                ModelState fresh = ModelState.empty(stack.stateLayouts(), DType.F64, 1, TIME, memory);
                Tensor hidden = stack.forward(form, ops, ids, fresh).hidden();
                Tensor found = stack.outputs(ops, hidden.reshape(TIME, WIDTH));
                for (int i = 0; i < TIME * VOCABULARY; i++) {
                    assertThat(found.get(i)).as("%s by %s at %d, seed %d", architecture, form, i, SEED)
                            .isCloseTo(expected[i / VOCABULARY][i % VOCABULARY], within(1e-9));
                }
            }
        }
    }

    /** Nothing is left over, and it is not written as the RWKV that llama.cpp knows under its own name. */
    @ParameterizedTest
    @CsvSource({"rwkv6qwen2, true, 2", "arwkv7, true, 4", "arwkv7, false, 4"})
    void filesOpenAndAreNotWrittenAsAnother(String architecture, boolean some, int keyHeads) throws IOException {
        try (Memory memory = new Memory();
                Checkpoint checkpoint = Checkpoint.open(write(memory, architecture, some, keyHeads))) {
            assertThat(checkpoint.model().parameters().all()).isNotEmpty();
            assertThatIllegalArgumentException().isThrownBy(() -> LlamaFile.write(folder.resolve("other.gguf"),
                    checkpoint.model(), DType.F32, "other", Map.of())).withMessageContaining("is known here for");
        }
    }

    @Test
    void headsMustFit() throws IOException {
        try (Memory memory = new Memory()) {
            put(memory, "token_embd.weight", VOCABULARY, WIDTH);
            Path path = folder.resolve("none.gguf");
            GgufWriter.write(path, Map.of("general.architecture", new Metadatum.Text("arwkv7")),
                    List.of(GgufWriter.Entry.asIs("token_embd.weight", of("token_embd.weight"))));
            assertThatExceptionOfType(MalformedFileException.class).isThrownBy(() -> Checkpoint.open(path))
                    .withMessageContaining("\"arwkv7.wkv.head_size\" is missing, expected a divisor of 12");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new Rwkv6Config(4, 1, 1, 64e-5,
                Optional.of(new Rwkv6Variation(0, false)))).withMessageContaining("keyHeads is 0");
    }
}
