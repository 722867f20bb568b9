package tern.mixers.parts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.delta.DeltaNetConfig;
import tern.mixers.gla.GlaConfig;
import tern.mixers.linear.FeatureMapConfig;
import tern.mixers.linear.LinearAttentionConfig;
import tern.mixers.linear.Normaliser;
import tern.mixers.linear.PrefixLinearAttentionConfig;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.mlstm.MlstmConfig;
import tern.mixers.retention.RetNetConfig;
import tern.sequence.BranchContext;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.testkit.SeededParameters;

/** What configs check their numbers with. */
class ExpectTest {
    /** Four heads of 2³⁰ + 16 channels would be 64 channels in 32 bits, and a model of another shape than was asked for. */
    private static final int WRAPPING = (1 << 30) + 16;

    @Test
    void channelsThatCannotBeCountedAreRefused() {
        assertThat(Expect.product("gla", "keyWidth", 1 << 27, "heads", 2)).isEqualTo(1 << 28);
        FeatureMapConfig plain = FeatureMapConfig.of(FeatureMapConfig.Kind.ELU_PLUS_ONE);
        List<Runnable> all = List.of(() -> GlaConfig.of(4, WRAPPING), () -> MlstmConfig.exponential(4, WRAPPING),
                () -> DeltaNetConfig.plain(4, WRAPPING),
                () -> new DeltaNetConfig(4, 2, WRAPPING, 4, DeltaNetConfig.Decay.NONE, false),
                () -> new Mamba2Config(4, WRAPPING, 16, 1, 4, false, false, 1e-5, 0, 1, true, false),
                () -> new Mamba2Config(4, 16, WRAPPING, 4, 4, false, false, 1e-5, 0, 1, true, false),
                () -> LinearAttentionConfig.of(4, WRAPPING),
                () -> new LinearAttentionConfig(1, 1 << 16, FeatureMapConfig.of(FeatureMapConfig.Kind.TAYLOR),
                        Normaliser.SUM, 0),
                () -> new LinearAttentionConfig(1, 8, new FeatureMapConfig(FeatureMapConfig.Kind.DPFP, WRAPPING, true),
                        Normaliser.SUM, 0),
                () -> new PrefixLinearAttentionConfig(4, WRAPPING, plain, 8, false));
        for (Runnable one : all) {
            assertThatIllegalArgumentException().isThrownBy(one::run).withMessageContaining("times")
                    .withMessageContaining("channels, expected 268435456 or fewer");
        }
        try (Memory memory = new Memory()) {
            SeededParameters scope = new SeededParameters(DType.F32, 1, 0, memory);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new RetNetConfig(2, (1 << 26) + 1).build(new BranchContext(64, 8, 0, 2), scope))
                    .withMessage("retnet: valueFactor is 67108865, times width 64 that is 4294967360 channels, expected"
                            + " 268435456 or fewer");
        }
    }
}
