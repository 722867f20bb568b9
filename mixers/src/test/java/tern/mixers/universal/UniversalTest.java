package tern.mixers.universal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.TapedOps;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.ConstantConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.ops.Activation;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
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
        return List.of(MixerCase.of("universal", new UniversalConfig(AttentionConfig.of(2),
                GatedMlpConfig.gated(8, Activation.SILU), 3, 0.1), 4, 8, 12));
    }

    /**
     * The worked example of the paper's weights: with p = 0.3 at each of five steps, 0.3, 0.3, 0.3 and what is left, 0.1. The parts
     * add 1 to every number of s at each step.
     */
    @Test
    void weightsComeToOne() {
        UniversalConfig config = new UniversalConfig(new ConstantConfig(), new ConstantConfig(), 5, 0.01);
        try (Bench bench = new Bench(config, 2, 8, 3)) {
            bench.parameters.declared().forEach((name, declared) -> {
                if (name.startsWith("attention.")) {
                    declared.tensor().fill(1);
                } else if (name.startsWith("transition.") || name.startsWith("halting")) {
                    declared.tensor().fill(0);
                }
            });
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, 3, 2);
            bench.parameters.get("halting.bias").fill(Math.log(0.3 / 0.7));
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

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new UniversalConfig(new ConstantConfig(), new ConstantConfig(), 0, 0.01))
                .withMessageContaining("ordinary layer");
    }
}
