package tern.mixers.mega;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.ops.Ops;
import tern.ops.Weighing;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

class GatedAttentionTest extends MixerContract {
    private static final double GOLDEN = 1e-8;

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    private static GatedAttentionConfig config(Weighing weighing, int chunk, RelativeBias bias, boolean causal,
            Normalisation norm, boolean prenorm) {
        MovingAverageConfig mover = causal ? MovingAverageConfig.of(2) : MovingAverageConfig.bidirectional(2);
        return new GatedAttentionConfig(mover, 4, 6, weighing, chunk, bias, causal, norm, prenorm);
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(
                MixerCase.of("softmax, rotary, chunks",
                        config(Weighing.SOFTMAX, 5, RelativeBias.ROTARY, true, Normalisation.LAYER, true), 4, 16, 24),
                MixerCase.of("laplace, simple, chunks, postnorm",
                        config(Weighing.LAPLACE, 4, RelativeBias.SIMPLE, true, Normalisation.SCALE, false), 5, 16, 24),
                MixerCase.of("relu², no bias, chunks",
                        config(Weighing.RELU_SQUARED, 3, RelativeBias.NONE, true, Normalisation.RMS, true), 6, 16, 24),
                MixerCase.of("softmax, rotary, whole",
                        config(Weighing.SOFTMAX, 0, RelativeBias.ROTARY, true, Normalisation.LAYER_PLAIN, true), 4, 16,
                        24),
                MixerCase.of("laplace, simple, whole",
                        config(Weighing.LAPLACE, 0, RelativeBias.SIMPLE, true, Normalisation.LAYER, true), 4, 24, 24),
                MixerCase.of("both directions, softmax, chunks",
                        config(Weighing.SOFTMAX, 5, RelativeBias.SIMPLE, false, Normalisation.SCALE, false), 4, 16,
                        24),
                MixerCase.of("both directions, laplace, chunks",
                        config(Weighing.LAPLACE, 6, RelativeBias.ROTARY, false, Normalisation.LAYER, true), 5, 16, 24),
                MixerCase.of("both directions, relu², whole",
                        config(Weighing.RELU_SQUARED, 0, RelativeBias.SIMPLE, false, Normalisation.RMS, true), 4, 24,
                        24));
    }

    private static final List<String> ORDER = List.of("norm.gain", "norm.bias", "move.delta", "move.alpha",
            "move.beta", "move.gamma", "move.omega", "value.weight", "value.bias", "base.weight", "base.bias",
            "output.weight", "output.bias", "gamma", "beta");

    private record Golden(Weighing weighing, RelativeBias bias, int chunk, int parameters, double[][] rows, double sum,
            double squares) {
    }

    private static final int[] ROWS = {0, 2, 3, 5};

    /** Numbers of the public reference code (specification, E3), at once and one position after another. */
    @Test
    void goldenUnit() {
        double[] first = {.213777163, .476513533, .405221494, -.057267631};
        List<Golden> cases = List.of(
                new Golden(Weighing.SOFTMAX, RelativeBias.ROTARY, 3, 216,
                        new double[][] {first, {-.011023407, .481163371, .331259620, .414253732},
                            {.120102082, -.314380302, -.314736454, -.466569376},
                            {.276990574, -.042970346, -.117321934, -.569438173}},
                        0.668711989, 2.744119870),
                new Golden(Weighing.LAPLACE, RelativeBias.SIMPLE, 3, 213,
                        new double[][] {{.250256170, .450654354, .412379806, -.044472564},
                            {-.018131438, .503193364, .315771575, .408665850},
                            {.080690734, -.322938856, -.263224979, -.485542901},
                            {.265627497, -.052588159, -.087135867, -.573821103}},
                        0.640706192, 2.723538779),
                new Golden(Weighing.SOFTMAX, RelativeBias.SIMPLE, 0, 219,
                        new double[][] {first, {-.014444245, .489316362, .326564835, .411617126},
                            {.094670034, -.314081960, -.292190488, -.479088953},
                            {.266655896, -.046613640, -.099938402, -.573581240}},
                        0.647368312, 2.733106627));
        for (Golden golden : cases) {
            try (OpsUnderTest ops = ops(); Memory memory = new Memory()) {
                Filled parameters = new Filled(memory);
                SequenceMixer mixer = config(golden.weighing, golden.chunk, golden.bias, true, Normalisation.LAYER,
                        true).build(new BranchContext(4, 6, 0, 1), parameters);
                List<String> order = new ArrayList<>(ORDER);
                order.addAll(golden.bias == RelativeBias.ROTARY ? List.of("position.left", "position.right")
                        : List.of("position.bias"));
                for (int i = 0; i < order.size(); i++) {
                    double seed = 0.1 * (i + 1);
                    if (i >= 2 && i <= 5) {
                        parameters.fillTurned(order.get(i), seed, 0);
                    } else {
                        parameters.fill(order.get(i), i == 0 ? 1 : 0, seed);
                    }
                }
                assertThat(parameters.count()).as("parameters").isEqualTo(golden.parameters);
                Tensor x = Filled.input(memory, 6, 4);
                for (Form form : Form.values()) {
                    Mixed mixed = mixer.mix(form, ops.eager(), MixerInput.fresh(x),
                            State.empty(mixer.stateLayout(), DType.F64, 1, 6, memory));
                    double[] y = ops.eager().add(x, mixed.y()).toDoubles();
                    double sum = 0;
                    double squares = 0;
                    for (double value : y) {
                        sum += value;
                        squares += value * value;
                    }
                    for (int r = 0; r < ROWS.length; r++) {
                        for (int d = 0; d < 4; d++) {
                            assertThat(y[ROWS[r] * 4 + d]).as("%s, %s, row %d, channel %d", golden.weighing, form,
                                    ROWS[r], d).isCloseTo(golden.rows[r][d], within(GOLDEN));
                        }
                    }
                    assertThat(sum).isCloseTo(golden.sum, within(GOLDEN));
                    assertThat(squares).isCloseTo(golden.squares, within(GOLDEN));
                }
            }
        }
    }

    /** With a mover that reads its own position only, the first of a chunk does not know what was before (law d). */
    @Test
    void nothingButTheMoverCrossesTheBordersOfChunks() {
        Seeds.forAll(6, (seed, random) -> {
            try (OpsUnderTest ops = ops(); Memory memory = new Memory()) {
                SeededParameters parameters = new SeededParameters(DType.F64, seed, 0.1, memory);
                Weighing weighing = Weighing.values()[(int) (seed % 3)];
                int chunk = Seeds.between(random, 1, 5);
                SequenceMixer mixer = config(weighing, chunk, RelativeBias.ROTARY, true, Normalisation.LAYER, true)
                        .build(new BranchContext(4, 16, 0, 1), parameters);
                parameters.get("move.gamma").fill(0);
                int time = 3 * chunk;
                Tensor x = Tensors.normal(DType.F64, random, memory, 1, time, 4);
                Tensor changed = memory.copyOf(x);
                for (long i = 0; i < 4L * chunk; i++) {
                    changed.set(i, random.nextGaussian());
                }
                Ops eager = ops.eager();
                Tensor before = run(eager, mixer, x, memory);
                Tensor after = run(eager, mixer, changed, memory);
                Tensors.assertEqual("positions of later chunks", eager.slice(after, 1, chunk, time),
                        eager.slice(before, 1, chunk, time));
                parameters.get("move.gamma").fill(1);
                ops.reset();
                before = run(eager, mixer, x, memory);
                after = run(eager, mixer, changed, memory);
                assertThat(Tensors.largestDifference(eager.slice(after, 1, chunk, time),
                        eager.slice(before, 1, chunk, time))).as("the average does cross").isGreaterThan(1e-6);
            }
        });
    }

    private static Tensor run(Ops ops, SequenceMixer mixer, Tensor x, Memory memory) {
        return memory.copyOf(mixer.mix(Form.PARALLEL, ops, MixerInput.fresh(x),
                State.empty(mixer.stateLayout(), DType.F64, 1, 0, memory)).y());
    }

    /** The state of the published model for language, and its number of parameters, by shapes alone. */
    @Test
    void stateAndParametersAreThoseOfTheTable() {
        GatedAttentionConfig published = GatedAttentionConfig.language(MovingAverageConfig.of(16), 128, 1024, 2048);
        Shapes shapes = new Shapes();
        SequenceMixer mixer = published.build(new BranchContext(512, 2048, 0, 24), shapes);
        for (long time : new long[] {1, 2_047, 2_048, 200_000}) {
            assertThat(mixer.stateLayout().floats(time)).isEqualTo(8_192 + 2_359_296);
        }
        assertThat(mixer.stateLayout().grows()).isFalse();
        new NormalisedMlpConfig(1024, Normalisation.LAYER, true).build(new BranchContext(512, 2048, 1, 24),
                shapes.child("mlp"));
        assertThat(shapes.count()).isEqualTo(3_252_608);
    }

    @Test
    void badConfigsAreRefused() {
        BranchContext at = new BranchContext(4, 16, 0, 1);
        try (Memory memory = new Memory()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new GatedAttentionConfig(MovingAverageConfig.of(2), 4, 6, Weighing.SOFTMAX, 0,
                            RelativeBias.NONE, false, Normalisation.LAYER, true).build(at, new Filled(memory)))
                    .withMessageContaining("causal is false but the mover").withMessageContaining("looks back only");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> GatedAttentionConfig.language(MovingAverageConfig.of(2), 5, 6, 0).build(at,
                            new Filled(memory)))
                    .withMessageContaining("keyWidth is 5").withMessageContaining("even");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> GatedAttentionConfig.language(MovingAverageConfig.of(2), 4, 6, -3))
                    .withMessageContaining("chunk is -3");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> config(Weighing.SOFTMAX, Integer.MAX_VALUE, RelativeBias.SIMPLE, true,
                            Normalisation.LAYER, true).build(at, new Filled(memory)))
                    .withMessageContaining("chunks of 2147483647 positions").withMessageContaining("rotary");
            SequenceMixer simple = config(Weighing.SOFTMAX, 0, RelativeBias.SIMPLE, true, Normalisation.LAYER, true)
                    .build(at, new Filled(memory));
            Tensor x = memory.zeros(DType.F64, Shape.of(1, 17, 4));
            try (OpsUnderTest ops = ops()) {
                assertThatIllegalArgumentException().isThrownBy(() -> run(ops.eager(), simple, x, memory))
                        .withMessageContaining("17 positions").withMessageContaining("trained for 16");
            }
        }
    }
}
