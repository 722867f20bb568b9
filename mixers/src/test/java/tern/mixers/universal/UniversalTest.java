package tern.mixers.universal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;

import tern.kernels.EagerOps;
import tern.kernels.Note;
import tern.mixers.Bench;
import tern.mixers.TapedOps;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.ConstantConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.mixers.universal.UniversalConfig.Blend;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws, and who halts when. */
class UniversalTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(
                MixerCase.of("packed", new UniversalConfig(AttentionConfig.of(2),
                        GatedMlpConfig.gated(8, Activation.SILU), 3, 0.3), 4, 8, 12),
                MixerCase.of("whole", new UniversalConfig(AttentionConfig.of(1), new RwkvChannelMixConfig(4, false), 2,
                        0.3), 4, 8, 6),
                MixerCase.of("recursive", new UniversalConfig(AttentionConfig.of(2),
                        GatedMlpConfig.gated(8, Activation.SILU), 3, 0.3).withBlend(Blend.RECURSIVE), 4, 8, 8));
    }

    /** A transition that counts the positions it is given. */
    private record Counting(MixerConfig inner, AtomicInteger positions) implements MixerConfig {
        @Override
        public SequenceMixer build(BranchContext at, ParameterScope scope) {
            SequenceMixer mixer = inner.build(at, scope);
            return new SequenceMixer() {
                @Override
                public StateLayout stateLayout() {
                    return mixer.stateLayout();
                }

                @Override
                public int reach() {
                    return mixer.reach();
                }

                @Override
                public Mixed step(Ops ops, MixerInput in, State state) {
                    positions.addAndGet(in.batch() * in.time());
                    return mixer.step(ops, in, state);
                }
            };
        }
    }

    /** One head, no positions, relu(Vx): the block in plain loops, position by position. */
    private static final class Plain {
        private final SeededParameters parameters;
        private final int width;
        private final double epsilon;
        private final List<List<double[]>> keys = new ArrayList<>();
        private final List<List<double[]>> values = new ArrayList<>();
        private int taken;
        private double rests;

        Plain(SeededParameters parameters, int width, int steps, double epsilon) {
            this.parameters = parameters;
            this.width = width;
            this.epsilon = epsilon;
            for (int step = 0; step < steps; step++) {
                keys.add(new ArrayList<>());
                values.add(new ArrayList<>());
            }
        }

        private double[] map(String name, double[] x) {
            Tensor weight = parameters.get(name);
            double[] y = new double[weight.dim(0)];
            for (int i = 0; i < y.length * x.length; i++) {
                y[i / x.length] += weight.get(i) * x[i % x.length];
            }
            return y;
        }

        private double[] norm(double[] x, String gain) {
            double square = 0;
            for (double value : x) {
                square += value * value / width;
            }
            double[] y = new double[width];
            for (int d = 0; d < width; d++) {
                y[d] = parameters.get(gain).get(d) * x[d] / Math.sqrt(square + 1e-6);
            }
            return y;
        }

        private double[] attend(double[] query, int step) {
            double[] y = new double[width];
            double sum = 0;
            for (int s = 0; s < keys.get(step).size(); s++) {
                double score = 0;
                for (int d = 0; d < width; d++) {
                    score += query[d] * keys.get(step).get(s)[d] / Math.sqrt(width);
                }
                sum += Math.exp(score);
                for (int d = 0; d < width; d++) {
                    y[d] += Math.exp(score) * values.get(step).get(s)[d];
                }
            }
            for (int d = 0; d < width; d++) {
                y[d] /= sum;
            }
            return y;
        }

        double[] y(double[] x) {
            double[] s = x.clone();
            double[] y = Arrays.stream(x).map(value -> -value).toArray();
            double spent = 0;
            boolean halted = false;
            for (int step = 0; step < keys.size(); step++) {
                if (halted) {
                    keys.get(step).add(keys.get(step - 1).getLast());
                    values.get(step).add(values.get(step - 1).getLast());
                    continue;
                }
                taken++;
                double[] told = s.clone();
                for (int d = 0; d < width; d++) {
                    told[d] += parameters.get("steps").get((long) step * width + d);
                }
                double[] all = map("attention.projection.weight", norm(told, "attentionNorm"));
                keys.get(step).add(Arrays.copyOfRange(all, width, 2 * width));
                values.get(step).add(Arrays.copyOfRange(all, 2 * width, 3 * width));
                add(s, map("attention.output.weight", attend(all, step)));
                double[] inner = map("transition.value.weight", norm(s, "transitionNorm"));
                add(s, map("transition.output.weight",
                        Arrays.stream(inner).map(value -> Math.max(0, value)).toArray()));
                double p = 1 / (1 + Math.exp(-map("halting.weight", s)[0] - parameters.get("halting.bias").get(0)));
                halted = step == keys.size() - 1 || spent + p > 1 - epsilon;
                double weight = halted ? 1 - spent : p;
                rests += halted ? weight : 0;
                spent += weight;
                for (int d = 0; d < width; d++) {
                    y[d] += weight * s[d];
                }
            }
            return y;
        }

        private static void add(double[] s, double[] more) {
            for (int d = 0; d < s.length; d++) {
                s[d] += more[d];
            }
        }
    }

    /** What was halted is not computed: the transition is given as many positions as steps are taken. */
    @Test
    void whatHasHaltedIsNotComputed() {
        AtomicInteger positions = new AtomicInteger();
        MixerConfig transition = new Counting(new GatedMlpConfig(6, Activation.RELU, false, false), positions);
        UniversalConfig config = new UniversalConfig(new AttentionConfig(1, 1, 0, false), transition, 4, 0.1);
        try (Bench bench = new Bench(config, 4, 32, 3)) {
            for (double bias : new double[] {0, 1, 3}) {
                bench.parameters.get("halting.bias").fill(bias);
                Tensor x = Tensors.normal(DType.F64, Seeds.random(8), bench.memory, 1, 20, 4);
                Plain plain = new Plain(bench.parameters, 4, 4, 0.1);
                double[] expected = new double[80];
                double[] all = x.toDoubles();
                for (int t = 0; t < 20; t++) {
                    System.arraycopy(plain.y(Arrays.copyOfRange(all, 4 * t, 4 * t + 4)), 0, expected, 4 * t, 4);
                }
                positions.set(0);
                EagerOps eager = (EagerOps) bench.ops.eager();
                eager.takeNotes();
                assertThat(bench.y(x)).as("bias " + bias).containsExactly(expected, within(1e-11));
                assertThat(positions.get()).as("positions computed, bias " + bias).isEqualTo(plain.taken)
                        .isBetween(20, 79);
                assertThat(eager.takeNotes()).as("what is noted").containsExactly(
                        new Note(bench.mixer, "steps a position took", plain.taken, 20));
                paysForSteps(config, bench, x, plain);
            }
        }
    }

    /** The parameters that a bench has already. */
    private record Known(Bench bench, String prefix) implements ParameterScope {
        @Override
        public Tensor parameter(String name, Shape shape, Role role, Initialiser initialiser) {
            return bench.parameters.get(prefix + name);
        }

        @Override
        public ParameterScope child(String name) {
            return new Known(bench, prefix + name + ".");
        }
    }

    /** A backward pass from nothing gives λ times the slope of the mean of what was left. */
    private static void paysForSteps(UniversalConfig config, Bench bench, Tensor x, Plain plain) {
        SequenceMixer paid = config.withPonder(0.5).build(new BranchContext(4, 32, 0, 2), new Known(bench, ""));
        Tensor bias = bench.parameters.get("halting.bias");
        double slope = bench.ops.gradients(List.of(bias), ops -> ops.scale(ops.mean(paid.mix(Form.PARALLEL, ops,
                MixerInput.fresh(x), State.empty(paid.stateLayout(), DType.F64, 1, 0, bench.memory)).y(), 1), 0))
                .getFirst().get(0);
        double value = bias.get(0);
        double[] rests = new double[2];
        for (int side = 0; side < 2; side++) {
            bias.fill(value + (side == 0 ? 1e-6 : -1e-6));
            Plain moved = new Plain(bench.parameters, 4, 4, 0.1);
            double[] all = x.toDoubles();
            for (int t = 0; t < 20; t++) {
                moved.y(Arrays.copyOfRange(all, 4 * t, 4 * t + 4));
            }
            assertThat(moved.taken).as("no step more or less within the difference").isEqualTo(plain.taken);
            rests[side] = moved.rests;
        }
        bias.fill(value);
        assertThat(slope).as("slope of what is left, bias " + value)
                .isCloseTo(0.5 / 20 * (rests[0] - rests[1]) / 2e-6, within(1e-6));
    }

    /**
     * The worked example of the paper's weights: with p = 0.3 at each of five steps, 0.3, 0.3, 0.3 and what is left, 0.1. The parts
     * add 1 to every number of s at each step.
     */
    @Test
    void weightsComeToOne() {
        UniversalConfig config = new UniversalConfig(new ConstantConfig(), new ConstantConfig(), 5, 0.01);
        try (Bench bench = new Bench(config, 2, 8, 3)) {
            onesEachStep(bench, 0.3);
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, 3, 2);
            double expected = 0.3 * 1 + 0.3 * 2 + 0.3 * 3 + 0.1 * 4;
            for (double y : bench.y(x)) {
                assertThat(y).as("four steps count").isCloseTo(expected, within(1e-12));
            }
            bench.parameters.get("halting.bias").fill(Math.log(0.1 / 0.9));
            for (double y : bench.y(x)) {
                assertThat(y).as("the last takes what is left").isCloseTo(0.1 * (1 + 2 + 3 + 4) + 0.6 * 5,
                        within(1e-12));
            }
            bench.parameters.get("halting.bias").fill(20);
            for (double y : bench.y(x)) {
                assertThat(y).as("one step").isCloseTo(1, within(1e-12));
            }
        }
    }

    /** With ε = 1 nobody goes on, however unwilling to halt. */
    @Test
    void anEpsilonOfOneIsOneStep() {
        UniversalConfig config = new UniversalConfig(new ConstantConfig(), new ConstantConfig(), 5, 1);
        try (Bench bench = new Bench(config, 2, 8, 3)) {
            onesEachStep(bench, 1e-3);
            for (double y : bench.y(Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, 3, 2))) {
                assertThat(y).isCloseTo(1, within(1e-12));
            }
        }
    }

    /** out ← ω s + (1 − ω) out from 0 with s = x + τ and ω = 0.3, 0.3, 0.3, 0.1, in place of their sum. */
    @Test
    void statesMayBeBlendedOneAfterTheOther() {
        UniversalConfig config = new UniversalConfig(new ConstantConfig(), new ConstantConfig(), 5, 0.01)
                .withBlend(Blend.RECURSIVE);
        try (Bench bench = new Bench(config, 2, 8, 3)) {
            onesEachStep(bench, 0.3);
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, 3, 2);
            double[] y = bench.y(x);
            double left = 0.7 * 0.7 * 0.7 * 0.9;
            double steps = 0.9 * (0.7 * (0.7 * 0.3 * 1 + 0.3 * 2) + 0.3 * 3) + 0.1 * 4;
            for (int i = 0; i < y.length; i++) {
                assertThat(y[i]).isCloseTo(steps - left * x.get(i), within(1e-12));
            }
        }
    }

    /** Parts that add 1 to every number of s at each step, and halting probabilities p. */
    private static void onesEachStep(Bench bench, double p) {
        bench.parameters.declared().forEach((name, declared) -> {
            if (name.startsWith("attention.")) {
                declared.tensor().fill(1);
            } else if (name.startsWith("transition.") || name.startsWith("halting")) {
                declared.tensor().fill(0);
            }
        });
        bench.parameters.get("halting.bias").fill(Math.log(p / (1 - p)));
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new UniversalConfig(new ConstantConfig(), new ConstantConfig(), 0, 0.01))
                .withMessageContaining("ordinary layer");
        UniversalConfig usual = new UniversalConfig(new ConstantConfig(), new ConstantConfig(), 2, 0.01);
        assertThat(usual.withPonder(0).ponder()).as("0 is nothing").contains(0.0);
        assertThatIllegalArgumentException().isThrownBy(() -> usual.withPonder(-1))
                .withMessage("universal: ponder is -1.0, expected 0 to 100 (0.01 is usual, 0 = nothing)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new UniversalConfig(new ConstantConfig(), new ConstantConfig(), 1 << 30, 0.01))
                .withMessageContaining("steps is 1073741824, expected 1024 or less");
    }
}
