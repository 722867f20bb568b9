package tern.mixers.rwkv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.mixers.goldfinch.CompressorConfig;
import tern.mixers.goldfinch.FinchC2Config;
import tern.mixers.goldfinch.GoldCache;
import tern.mixers.goldfinch.GoldConfig;
import tern.mixers.goldfinch.GptAlphaConfig;
import tern.mixers.goldfinch.Positions;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.Role;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.testkit.SeededParameters;

/**
 * Every parameter of RWKV-4 to 7, Finch-C2, GOLD and GPTAlpha starts as in the authors' training code, layer by layer; shares of the
 * position before are one minus what RWKV-4 and 5 call them. None is left out, and what is not a large matrix does not decay.
 */
class RwkvStartTest {
    private static final int WIDTH = 24;
    private static final int HEAD = 6;
    private static final int LAYERS = 4;

    private final Map<String, Start> expected = new HashMap<>();

    /** How a parameter starts. */
    private sealed interface Start {
    }

    private record Values(Role role, Value value) implements Start {
    }

    private record Orthogonal(Role role, double gain) implements Start {
    }

    private record Uniform(double bound) implements Start {
    }

    private interface Value {
        double at(int i);
    }

    private void vector(String name, Value value) {
        expected.put(name, new Values(Role.VECTOR, value));
    }

    private void filter(String name, Value value) {
        expected.put(name, new Values(Role.FILTER, value));
    }

    private void orthogonal(String name, double gain) {
        expected.put(name + ".weight", new Orthogonal(Role.MATRIX, gain));
    }

    private void zero(String name) {
        expected.put(name + ".weight", new Values(Role.MATRIX, i -> 0));
    }

    private void lowRank(String down, String... ups) {
        expected.put(down + ".weight", new Values(Role.LOW_RANK, i -> 0));
        for (String up : ups) {
            expected.put(up + ".weight", new Uniform(0.01));
        }
    }

    private void norm(String name, double gain) {
        vector(name + ".gain", i -> gain);
        vector(name + ".bias", i -> 0);
    }

    private static Value share(double power) {
        return i -> 1 - Math.pow((double) i / WIDTH, power);
    }

    @ParameterizedTest
    @CsvSource({"0", "1", "3"})
    void asReleased(int layer) {
        double p0 = layer / (LAYERS - 1.0);
        double p1 = 1 - (double) layer / LAYERS;
        double gain = Math.pow((1.0 + layer) / LAYERS, 0.7);
        Value valueShare = i -> 1 - (Math.pow((double) i / WIDTH, p1) + 0.3 * p0);
        Value decay = n -> -6 + 5 * Math.pow(n / (WIDTH - 1.0), 0.7 + 1.3 * p0);
        Value bonus = n -> p0 * (1 - n / (WIDTH - 1.0)) + 0.1 * ((n + 1) % 3 - 1);

        // RWKV-4
        vector("mix.receptance", share(0.5 * p1));
        vector("mix.key", share(p1));
        vector("mix.value", valueShare);
        zero("receptance");
        zero("key");
        orthogonal("value", 1);
        zero("output");
        filter("decay", n -> -5 + 8 * Math.pow(n / (WIDTH - 1.0), 0.7 + 1.3 * p0));
        filter("bonus", n -> Math.log(0.3) + 0.5 * ((n + 1) % 3 - 1));
        check("rwkv4", new Rwkv4Config(), layer);

        // RWKV-5.2
        vector("mix.gate", share(0.5 * p1));
        orthogonal("receptance", 1);
        orthogonal("key", 0.1);
        orthogonal("gate", 0.1);
        filter("decay", decay);
        filter("bonus", bonus);
        norm("norm", gain);
        check("rwkv5", Rwkv5Config.of(HEAD), layer);

        // RWKV-6
        vector("mix.base", share(p1));
        vector("mix.decay", share(p1));
        lowRank("mixDown", "mixUp.decay", "mixUp.key", "mixUp.value", "mixUp.receptance", "mixUp.gate");
        expected.remove("decay");
        lowRank("decayDown", "decayUp");
        filter("decayUp.bias", decay);
        check("rwkv6", new Rwkv6Config(HEAD, 3, 4, 64e-5), layer);

        // Finch-C2
        vector("mix.value2", valueShare);
        expected.keySet().removeAll(List.of("mix.gate", "mixUp.gate.weight", "gate.weight"));
        lowRank("mixDown", "mixUp.value2");
        lowRank("value2Down", "value2Up");
        check("finch-c2", new FinchC2Config(HEAD, 3, 4, 5, true, true), layer);

        // GPTAlpha
        expected.clear();
        vector("mix.base", share(p1));
        vector("mix.receptance", share(0.5 * p1));
        vector("mix.key", share(p1));
        vector("mix.value", valueShare);
        lowRank("mixDown", "mixUp.receptance", "mixUp.key", "mixUp.value");
        orthogonal("query", 1);
        orthogonal("key", 0.1);
        orthogonal("value", 1);
        zero("output");
        norm("queryNorm", 1);
        norm("keyNorm", 1);
        norm("valueNorm", 1);
        norm("norm", gain);
        check("gptalpha", new GptAlphaConfig(HEAD, 3, Positions.NONE), layer);

        // GOLD
        expected.keySet().removeAll(List.of("mix.receptance", "mix.key", "mix.value", "key.weight", "value.weight",
                "mixUp.receptance.weight", "mixUp.key.weight", "mixUp.value.weight"));
        vector("mix.query", share(0.5 * p1));
        lowRank("mixDown", "mixUp.query");
        vector("cache.base", share(p1));
        vector("cache.key", share(p1));
        vector("cache.value", valueShare);
        lowRank("cacheDown", "cacheUp.key", "cacheUp.value");
        lowRank("keyDown", "keyUp");
        lowRank("valueDown", "valueUp");
        check("gold", new GoldConfig(HEAD, 3, 4, Positions.NONE, GoldCache.FULL), layer);
        expected.clear();
        orthogonal("compress", 1);
        orthogonal("expand", 1);
        check("gold-cache", new CompressorConfig(4, GoldCache.FULL), layer);

        // RWKV-7
        double rho = p1;
        Value line = n -> n / (WIDTH - 1.0) - 0.5;
        Value zigzag = n -> {
            double z = (n % HEAD - (HEAD - 1) / 2.0) / ((HEAD - 1) / 2.0);
            return z * Math.abs(z);
        };
        expected.clear();
        vector("mix.receptance", share(0.2 * rho));
        vector("mix.gate", share(0.2 * rho));
        vector("mix.decay", share(0.9 * rho));
        vector("mix.rate", share(0.9 * rho));
        vector("mix.key", share(0.7 * rho));
        vector("mix.value", share(0.7 * rho));
        orthogonal("receptance", 1);
        orthogonal("key", 0.1);
        orthogonal("value", 1);
        zero("output");
        for (String name : List.of("decay", "rate", "residual", "gate")) {
            expected.put(name + "Down.weight", new Values(Role.LOW_RANK, i -> 0));
            expected.put(name + "Up.weight", new Orthogonal(Role.LOW_RANK, 0.1));
        }
        filter("decayUp.bias",
                n -> -6 + 6 * Math.pow(n / (WIDTH - 1.0), 1 + Math.pow(p0, 0.3)) + 0.5 + 2.5 * zigzag.at(n));
        filter("rateUp.bias", n -> -0.19 + 0.3 * zigzag.at(n) + 0.4 * line.at(n));
        filter("residualUp.bias", n -> 0.73 - 0.4 * line.at(n));
        vector("removalScale", n -> 0.71 - 0.1 * line.at(n));
        vector("keyRate", n -> 1.02);
        filter("bonus", n -> -0.04);
        norm("norm", gain);
        check("rwkv7", new Rwkv7Config(HEAD, 3, 4, 5, 6, false, 64e-5), layer);
        expected.keySet().removeAll(List.of("residualDown.weight", "residualUp.weight", "residualUp.bias"));
        check("rwkv7, first", new Rwkv7Config(HEAD, 3, 4, 5, 6, true, 64e-5), layer);

        // Channel mixing
        expected.clear();
        vector("mix.key", share(Math.pow(rho, 4)));
        orthogonal("key", 1);
        zero("value");
        channel("channel mix of version 7", new RwkvChannelMixConfig(4 * WIDTH, false), layer);
        vector("mix.key", share(p1));
        vector("mix.receptance", share(p1));
        zero("receptance");
        channel("channel mix of versions 5 and 6", new RwkvChannelMixConfig(84, true), layer);
        orthogonal("key", 2);
        channel("channel mix of version 4", RwkvChannelMixConfig.four(4 * WIDTH, WIDTH), layer);
        orthogonal("key", 1);
        channel("narrow channel mix of version 4", RwkvChannelMixConfig.four(WIDTH / 2, WIDTH), layer);
    }

    private void check(String what, MixerConfig config, int layer) {
        check(what, config, new BranchContext(WIDTH, 8, 2 * layer, 2 * LAYERS));
    }

    private void channel(String what, MixerConfig config, int layer) {
        check(what, config, new BranchContext(WIDTH, 8, 2 * layer + 1, 2 * LAYERS));
    }

    private void check(String what, MixerConfig config, BranchContext at) {
        try (Memory memory = new Memory()) {
            SeededParameters found = new SeededParameters(DType.F64, 5, 0, memory);
            config.build(at, found);
            assertThat(found.declared().keySet()).as(what).isEqualTo(expected.keySet());
            found.declared().forEach((name, declared) -> {
                String which = what + ", branch " + at.branch() + ", " + name;
                Tensor tensor = declared.tensor();
                switch (Objects.requireNonNull(expected.get(name))) {
                    case Values(Role role, Value value) -> {
                        assertThat(declared.role()).as(which).isEqualTo(role);
                        for (int i = 0; i < tensor.elements(); i++) {
                            assertThat(tensor.get(i)).as("%s at %d", which, i).isCloseTo(value.at(i), within(1e-6));
                        }
                    }
                    case Orthogonal(Role role, double gain) -> {
                        assertThat(declared.role()).as(which).isEqualTo(role);
                        assertOrthogonal(which, tensor, gain);
                    }
                    case Uniform(double bound) -> {
                        assertThat(declared.role()).as(which).isEqualTo(Role.LOW_RANK);
                        assertUniform(which, tensor.toDoubles(), bound);
                    }
                }
            });
        }
    }

    private static void assertOrthogonal(String which, Tensor matrix, double gain) {
        int rows = matrix.dim(0);
        int columns = matrix.dim(1);
        boolean tall = rows > columns;
        int count = Math.min(rows, columns);
        for (int i = 0; i < count; i++) {
            for (int j = 0; j <= i; j++) {
                double dot = 0;
                for (int k = 0; k < Math.max(rows, columns); k++) {
                    dot += tall ? matrix.get((long) k * columns + i) * matrix.get((long) k * columns + j)
                            : matrix.get((long) i * columns + k) * matrix.get((long) j * columns + k);
                }
                assertThat(dot).as("%s, %d by %d", which, i, j).isCloseTo(i == j ? gain * gain : 0, within(1e-6));
            }
        }
    }

    private static void assertUniform(String which, double[] values, double bound) {
        double sum = 0;
        double squares = 0;
        for (double value : values) {
            assertThat(Math.abs(value)).as(which).isLessThanOrEqualTo(bound);
            sum += value;
            squares += value * value;
        }
        // Five deviations of the mean of n numbers, and of the mean of their squares (kurtosis 9/5).
        double five = 5 / Math.sqrt(values.length);
        double variance = bound * bound / 3;
        assertThat(sum / values.length).as(which).isCloseTo(0, within(five * Math.sqrt(variance)));
        assertThat(squares / values.length).as(which).isCloseTo(variance, within(five * variance * Math.sqrt(0.8)));
    }
}
