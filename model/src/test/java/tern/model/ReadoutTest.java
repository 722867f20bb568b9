package tern.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.autograd.Gradients;
import tern.autograd.TapeOps;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.model.HeadConfig.Pooling;
import tern.model.Parameters.Parameter;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** Heads that do not name a token: what they read, that they can be trained, and what is refused. */
class ReadoutTest {
    private static final int BATCH = 3;
    private static final int TIME = 7;
    private static final int WIDTH = 6;
    private static final int FEATURES = 2;
    private static final long SEED = 11;

    private final Memory memory = new Memory();
    private final Workspace workspace = new Workspace();
    private final ThreadTeam team = new ThreadTeam(1);
    private final EagerOps ops = new EagerOps(KernelSet.fastest(), team, workspace);

    @AfterEach
    void release() {
        ops.close();
        team.close();
        workspace.close();
        memory.close();
    }

    private static StackConfig config(HeadConfig head) {
        return new StackConfig(1, WIDTH, TIME, NormKind.RMS, 1e-5, Optional.empty(), Optional.empty(), false,
                List.of(AttentionConfig.of(1), GatedMlpConfig.plain(8, Activation.SILU)), Optional.of(FEATURES),
                Optional.of(head));
    }

    private Stack stack(HeadConfig head, DType dtype) {
        return new Stack(config(head), Parameters.Source.initialised(SEED, dtype, memory));
    }

    private Tensor random(DType dtype, int... shape) {
        Tensor tensor = memory.zeros(dtype, shape);
        SplittableRandom random = new SplittableRandom(SEED);
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, random.nextGaussian());
        }
        return tensor;
    }

    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"F32", "F64"})
    void poolingReadsTheFirstPositionsOnly(DType dtype) {
        Tensor hidden = random(dtype, BATCH, TIME, WIDTH);
        int[] lengths = {TIME, 1, 4};
        Tensor mean = stack(HeadConfig.classification(4, 0), dtype).read(ops, hidden, lengths);
        Tensor last = stack(HeadConfig.forecast(2, 2), dtype).read(ops, hidden, lengths);
        Tensor every = stack(HeadConfig.regression(1), dtype).read(ops, hidden, lengths);
        assertThat(mean.shape().toString()).isEqualTo("[3, 6]");
        assertThat(every.shape().toString()).isEqualTo("[21, 6]");
        for (int b = 0; b < BATCH; b++) {
            for (int d = 0; d < WIDTH; d++) {
                double sum = 0;
                for (int t = 0; t < lengths[b]; t++) {
                    sum += hidden.get(((long) b * TIME + t) * WIDTH + d);
                }
                assertThat(mean.get((long) b * WIDTH + d)).as("mean %d %d", b, d).isCloseTo(sum / lengths[b],
                        within(1e-6));
                assertThat(last.get((long) b * WIDTH + d)).as("last %d %d", b, d)
                        .isCloseTo(hidden.get(((long) b * TIME + lengths[b] - 1) * WIDTH + d), within(1e-6));
            }
        }
        Stack comparing = stack(HeadConfig.pair(2, 0), dtype);
        Tensor two = comparing.read(ops, ops.slice(hidden, 0, 0, 2), TIME, 1);
        assertThat(two.shape().toString()).isEqualTo("[1, 12]");
        for (int d = 0; d < 2 * WIDTH; d++) {
            assertThat(two.get(d)).as("both means, one behind the other").isEqualTo(mean.get(d));
        }
        assertThatIllegalArgumentException().isThrownBy(() -> comparing.read(ops, hidden, lengths))
                .withMessage("head: a batch of 3 sequences, expected an even number, of which each two are compared");
        Tensor unmasked = stack(HeadConfig.forecast(2, 2), dtype).read(ops, hidden);
        assertThat(unmasked.get(0)).isEqualTo(hidden.get((long) (TIME - 1) * WIDTH));
    }

    private static Tensor loss(Ops by, Stack model, Tensor inputs, int[] lengths, Workspace of) {
        ModelState fresh = ModelState.empty(model.stateLayouts(), inputs.dtype(), BATCH, 0, of);
        Tensor hidden = model.forward(Form.PARALLEL, by, inputs, fresh).hidden();
        Tensor said = model.outputs(by, model.read(by, hidden, lengths));
        return by.mean(by.multiply(said, said), 1);
    }

    /** Every parameter's gradient against differences, through pooling and the projection of real values. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void gradientsAreDifferences(int kind) {
        HeadConfig head = List.of(HeadConfig.classification(3, 0), HeadConfig.classification(3, 5),
                HeadConfig.regression(2), HeadConfig.forecast(2, 3)).get(kind);
        Stack model = stack(head, DType.F64);
        Tensor inputs = random(DType.F64, BATCH, TIME, FEATURES);
        int[] lengths = {TIME, 2, 5};
        List<Parameter> parameters = model.parameters().trained();
        try (Gradients gradients = new Gradients(parameters.stream().map(Parameter::tensor).toList());
                Workspace scratch = new Workspace();
                TapeOps tape = new TapeOps(KernelSet.reference(), team, scratch, gradients, false)) {
            tape.backward(loss(tape, model, inputs, lengths, scratch), 1);
            SplittableRandom random = new SplittableRandom(SEED);
            for (Parameter parameter : parameters) {
                for (int draw = 0; draw < 3; draw++) {
                    long i = random.nextLong(parameter.tensor().elements());
                    double value = parameter.tensor().get(i);
                    double step = 1e-5;
                    parameter.tensor().set(i, value + step);
                    double above = loss(ops, model, inputs, lengths, workspace).get(0);
                    parameter.tensor().set(i, value - step);
                    double below = loss(ops, model, inputs, lengths, workspace).get(0);
                    parameter.tensor().set(i, value);
                    assertThat(gradients.of(parameter.tensor()).orElseThrow().get(i))
                            .as("seed %d, %s[%d]", SEED, parameter.name(), i)
                            .isCloseTo((above - below) / (2 * step), within(1e-6));
                }
            }
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> HeadConfig.classification(0, 0))
                .withMessageContaining("outputs is 0, expected 1 or more");
        assertThatIllegalArgumentException().isThrownBy(
                () -> stack(HeadConfig.classification(2, 0), DType.F32).read(ops,
                        random(DType.F32, BATCH, TIME, WIDTH), 1, 2, 8))
                .withMessageContaining("lengths [1, 2, 8] do not fit [3, 7, 6], expected one from 1 to 7");
        assertThatIllegalArgumentException().isThrownBy(() -> new StackConfig(1, WIDTH, TIME, NormKind.RMS, 1e-5,
                Optional.empty(), Optional.empty(), true, List.of(AttentionConfig.of(1)), Optional.of(1),
                Optional.empty())).withMessageContaining("set tiedHead=false");
        assertThat(config(HeadConfig.regression(1)).generates()).isFalse();
        assertThat(Presets.named("transformer-nano").generates()).isTrue();
    }
}
