package tern.mixers.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.TapedOps;
import tern.mixers.attention.GroupedAttentionConfig;
import tern.mixers.goldfinch.CompressorConfig;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.shortconv.GatedShortConvConfig;
import tern.sequence.MixerConfig;
import tern.sequence.Slot;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws, and that the whole is the sum of its parts. */
class ParallelTest extends MixerContract {
    private static final MixerConfig MAMBA = Mamba2Config.of(4, 2, 3);
    private static final MixerConfig ATTENTION = GroupedAttentionConfig.of(2, 1, 4, 100);

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("falcon-h1",
                new ParallelConfig(List.of(new ParallelPart(MAMBA, 2, 0.5), new ParallelPart(ATTENTION, 1, 3))), 4, 16,
                24));
    }

    @Test
    void isTheSumOfItsParts() {
        double[] sum = new double[4 * 6];
        try (Bench bench = new Bench(new ParallelConfig(
                List.of(new ParallelPart(MAMBA, 2, 0.5), new ParallelPart(ATTENTION, 1, 3))), 4, 16, 3)) {
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, 6, 4);
            for (int part = 0; part < 2; part++) {
                try (Bench alone = new Bench(part == 0 ? MAMBA : ATTENTION, 4, 16, 3)) {
                    String name = part + ".";
                    alone.parameters.declared()
                            .forEach((own, declared) -> declared.tensor().copyFrom(bench.parameters.get(name + own)));
                    double[] y = alone.y(part == 0 ? bench.ops.eager().scale(x, 2) : x);
                    for (int i = 0; i < sum.length; i++) {
                        sum[i] += (part == 0 ? 0.5 : 3) * y[i];
                    }
                }
            }
            Tensors.assertClose("parallel", bench.y(x), sum, Tensors.F64_TOLERANCE);
            assertThat(bench.mixer.stateLayout().slots()).extracting(Slot::name).containsExactly("0.short", "0.heads",
                    "1.keys", "1.values");
        }
    }

    @Test
    void reachesAsFarAsTheFarthest() {
        try (Bench bench = new Bench(ParallelConfig.of(GatedShortConvConfig.of(), new GatedShortConvConfig(5, false)),
                4,
                16, 3)) {
            assertThat(bench.mixer.reach()).isEqualTo(4);
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new ParallelConfig(List.of()))
                .withMessageContaining("no parts");
        assertThatIllegalArgumentException().isThrownBy(() -> ParallelConfig.of(CompressorConfig.of()))
                .withMessageContaining("reads the residual stream");
        assertThatIllegalArgumentException().isThrownBy(() -> new ParallelConfig(List.of(
                new ParallelPart(MAMBA, Double.NaN, 1)))).withMessageContaining("NaN");
    }
}
