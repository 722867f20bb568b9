package tern.mixers.rwkv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.mixers.TapedOps;
import tern.mixers.goldfinch.FinchC2Config;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** How the versions of RWKV relate to each other and to what they are made of; and that decays beyond all bounds harm nothing. */
class RwkvRelationsTest {
    private static final long SEED = 23;
    private static final int WIDTH = 8;
    private static final int TIME = 21;

    private final Memory memory = new Memory();
    private final OpsUnderTest ops = TapedOps.fastest();
    private final RandomGenerator random = Seeds.random(SEED);

    @AfterEach
    void release() {
        ops.close();
        memory.close();
    }

    private Tensor normal(DType dtype, int... shape) {
        return Tensors.normal(dtype, random, memory, shape);
    }

    private Tensor output(Form form, SequenceMixer mixer, Tensor x) {
        State empty = State.empty(mixer.stateLayout(), x.dtype(), x.dim(0), 0, memory);
        return memory.copyOf(mixer.mix(form, ops.eager(), MixerInput.fresh(x), empty).y());
    }

    private SeededParameters parameters(DType dtype) {
        return new SeededParameters(dtype, SEED, 0.3, memory);
    }

    private static BranchContext at() {
        return new BranchContext(WIDTH, 8, 0, 2);
    }

    /** RWKV-4's weights are relative: what is added to all keys changes nothing, and keys around 80 overflow nothing. */
    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"F32", "F64"})
    void averagesDoNotFeelWhatAllKeysShare(DType dtype) {
        Tensor key = normal(dtype, 2, TIME, WIDTH);
        Tensor value = normal(dtype, 2, TIME, WIDTH);
        Tensor decay = normal(dtype, WIDTH);
        Tensor bonus = normal(dtype, WIDTH);
        Tensor plain = average(key, value, decay, bonus);
        for (double shift : new double[] {80, -80, 300}) {
            Tensor shifted = memory.copyOf(key);
            for (long i = 0; i < key.elements(); i++) {
                shifted.set(i, key.get(i) + shift);
            }
            Tensor found = average(shifted, value, decay, bonus);
            for (long i = 0; i < found.elements(); i++) {
                // Keys themselves are rounded where they are large: to 1.5e-5 at 300 in F32.
                assertThat(found.get(i)).as("keys + %s, %d, seed %d", shift, i, SEED).isCloseTo(plain.get(i),
                        within(dtype == DType.F32 ? 2e-4 : 1e-11));
            }
        }
    }

    private Tensor average(Tensor key, Tensor value, Tensor decay, Tensor bonus) {
        Tensor none = memory.zeros(key.dtype(), 2, 3, WIDTH);
        return memory.copyOf(ops.eager().averageScan(key, value, decay, bonus, none).y());
    }

    /** RWKV-5.2 is RWKV-6 whose shares and decays do not depend on the token. */
    @ParameterizedTest
    @EnumSource(Form.class)
    void versionFiveIsSixWithConstantDecays(Form form) {
        SeededParameters five = parameters(DType.F64);
        SeededParameters six = parameters(DType.F64);
        SequenceMixer older = Rwkv5Config.of(4).build(at(), five);
        SequenceMixer newer = new Rwkv6Config(4, 2, 3, 64e-5).build(at(), six);
        assertThat(six.copyFrom(five)).isEqualTo(4 + 5 + 1 + 2);
        six.get("mixDown.weight").fill(0);
        six.get("decayDown.weight").fill(0);
        six.get("decayUp.bias").copyFrom(five.get("decay").reshape(WIDTH));
        Tensor x = normal(DType.F64, 2, TIME, WIDTH);
        Tensors.assertClose("seed " + SEED, output(form, newer, x), output(form, older, x));
    }

    /** RWKV-7's recurrence without its rank-one part is gated linear attention, read after write. */
    @Test
    void versionSevenWithoutRateIsGatedAttention() {
        Shape heads = Shape.of(2, TIME, 2, 4);
        Tensor q = Tensors.normal(DType.F64, random, memory, heads.toArray());
        Tensor k = Tensors.normal(DType.F64, random, memory, heads.toArray());
        Tensor v = Tensors.normal(DType.F64, random, memory, heads.toArray());
        Tensor g = Tensors.normal(DType.F64, random, memory, heads.toArray());
        for (long i = 0; i < g.elements(); i++) {
            g.set(i, -Math.exp(-0.5) / (1 + Math.exp(g.get(i))));
        }
        Tensor probe = Tensors.normal(DType.F64, random, memory, heads.toArray());
        Tensor nothing = memory.zeros(DType.F64, heads);
        Tensor state = normal(DType.F64, 2, 2, 4, 4);
        Scanned seven = ops.eager().rankOneScan(q, k, v, g, probe, nothing, memory.copyOf(state));
        Scanned gated = ops.eager().gatedScan(q, k, v, g, memory.copyOf(state));
        Tensors.assertClose("y, seed " + SEED, seven.y(), gated.y());
        Tensors.assertClose("state, seed " + SEED, seven.state(), gated.state());
    }

    /** With nothing forgotten and a rate of 1, a unit key's value is replaced: read with that key, the state gives it back. */
    @Test
    void aDeltaReplacesWhatItsKeyHeld() {
        Ops eager = ops.eager();
        Tensor k = eager.unit(normal(DType.F64, 1, TIME, 1, 6), 1e-12);
        Tensor v = normal(DType.F64, 1, TIME, 1, 5);
        Tensor none = memory.zeros(DType.F64, 1, TIME, 1, 6);
        Scanned written = eager.rankOneScan(k, k, v, none, eager.scale(k, -1), k, normal(DType.F64, 1, 1, 6, 5));
        Tensors.assertClose("seed " + SEED, written.y(), v);
    }

    /** Before gain and bias every head has mean 0 and variance 1, up to epsilon. */
    @Test
    void headsAreNormalisedEachByItself() {
        Tensor x = normal(DType.F64, 1, 3, 12);
        Tensor ones = memory.zeros(DType.F64, 12);
        ones.fill(1);
        Tensor y = ops.eager().groupNorm(x, 3, ones, memory.zeros(DType.F64, 12), 1e-12);
        for (int head = 0; head < 9; head++) {
            double sum = 0;
            double squares = 0;
            for (int i = 0; i < 4; i++) {
                sum += y.get(4L * head + i);
                squares += y.get(4L * head + i) * y.get(4L * head + i);
            }
            assertThat(sum).isCloseTo(0, within(1e-12));
            assertThat(squares / 4).isCloseTo(1, within(1e-9));
        }
    }

    /** Decays whose exponent overflows forget everything at once; neither outputs nor gradients become NaN or infinite. */
    @ParameterizedTest
    @ValueSource(doubles = {-120, -30, 3, 5, 12, 50, 89, 150})
    void decaysBeyondAllBoundsHarmNothing(double raw) {
        Map<String, MixerConfig> configs = Map.of("rwkv5", Rwkv5Config.of(4), "rwkv6", new Rwkv6Config(4, 2, 3, 64e-5),
                "rwkv7", new Rwkv7Config(4, 2, 2, 2, 2, true, 64e-5), "rwkv4", new Rwkv4Config(), "finch-c2",
                new FinchC2Config(4, 2, 3, 2, true, true), "finch-c2 with the bonus",
                new FinchC2Config(4, 2, 3, 2, true, false));
        configs.forEach((name, config) -> {
            SeededParameters parameters = parameters(DType.F32);
            SequenceMixer mixer = config.build(at(), parameters);
            Tensor decay = parameters.get(name.equals("rwkv4") || name.equals("rwkv5") ? "decay" : "decayUp.bias");
            for (long i = 0; i < decay.elements(); i += 2) {
                decay.set(i, raw);
            }
            Tensor x = normal(DType.F32, 1, TIME, WIDTH);
            List<Tensor> leaves = parameters.declared().values().stream().map(SeededParameters.Declared::tensor)
                    .toList();
            for (Form form : Form.values()) {
                List<Tensor> gradients = ops.gradients(leaves, tape -> {
                    State empty = State.empty(mixer.stateLayout(), DType.F32, 1, 0, memory);
                    Tensor y = mixer.mix(form, tape, MixerInput.fresh(x), empty).y();
                    Tensor flat = tape.reshape(y, Shape.of(1, TIME * WIDTH));
                    Tensor ones = memory.zeros(DType.F32, 1, TIME * WIDTH);
                    ones.fill(1);
                    return tape.reshape(tape.linear(flat, ones), Shape.of(1));
                });
                for (int i = 0; i < leaves.size(); i++) {
                    String which = name + " by " + form + ", decay " + raw + ", "
                            + List.copyOf(parameters.declared().keySet()).get(i);
                    for (double value : gradients.get(i).toDoubles()) {
                        assertThat(value).as(which).isFinite();
                    }
                }
                for (double value : output(form, mixer, x).toDoubles()) {
                    assertThat(value).as(name + " by " + form + ", decay " + raw).isFinite();
                }
            }
        });
    }
}
