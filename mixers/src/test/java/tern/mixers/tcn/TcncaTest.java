package tern.mixers.tcn;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.TapedOps;
import tern.mixers.mega.GatedAttentionConfig;
import tern.mixers.mega.RelativeBias;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

class TcncaTest extends MixerContract {
    private static final DilatedStackConfig MOVER = DilatedStackConfig.of(3, 3, 2);
    private static final DilatedStackConfig BOTH = new DilatedStackConfig(3, 2, 2, DilatedVariant.RESIDUAL_SILU, 0,
            false, true);

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(
                MixerCase.of("tcnca", GatedAttentionConfig.language(MOVER, 4, 6, 7), 5, 30, 40),
                MixerCase.of("simple", TcncaSimpleConfig.of(MOVER, 4, 7), 6, 30, 40),
                MixerCase.of("simple, all of the sequence", TcncaSimpleConfig.of(MOVER, 2, 0), 3, 30, 30),
                MixerCase.of("simple, both directions", new TcncaSimpleConfig(BOTH, 4, 5, RelativeBias.SIMPLE), 4, 30,
                        30),
                MixerCase.of("classic block", TcnBlockConfig.of(3, 2), 5, 30, 30),
                MixerCase.of("classic block in groups", new TcnBlockConfig(2, 3, 2, false), 4, 30, 30));
    }

    /** With the convolutions silent, only ω ⊙ x is moved, and a chunk knows nothing of those before it. */
    @Test
    void onlyTheMoverCrossesTheBordersOfChunks() {
        Seeds.forAll(3, (seed, random) -> {
            for (var config : List.of(GatedAttentionConfig.language(DilatedStackConfig.linear(3, 3, 2), 4, 6, 7),
                    TcncaSimpleConfig.of(DilatedStackConfig.linear(3, 3, 2), 4, 7))) {
                try (Bench bench = new Bench(config, 4, 30, seed)) {
                    bench.parameters.get("move.layer1.weight").fill(0);
                    Tensor x = Tensors.normal(DType.F64, random, bench.memory, 1, 16, 4);
                    double[] before = bench.y(x);
                    for (int i = 0; i < 7 * 4; i++) {
                        x.set(i, random.nextGaussian());
                    }
                    double[] after = bench.y(x);
                    assertThat(Arrays.copyOfRange(after, 7 * 4, 16 * 4)).as("seed %d: %s", seed, config)
                            .isEqualTo(Arrays.copyOfRange(before, 7 * 4, 16 * 4));
                    assertThat(Arrays.copyOf(after, 7 * 4)).isNotEqualTo(Arrays.copyOf(before, 7 * 4));
                }
            }
        });
    }

    /** Rings of (RF − 1)·D and a chunk's C·(z + h): the table of the specification for EnWik8. */
    @Test
    void stateOfThePublishedSize() {
        try (Bench bench = new Bench(GatedAttentionConfig.language(DilatedStackConfig.of(17, 8, 4), 128, 1024, 2048),
                512, 2048, 1)) {
            assertThat(bench.mixer.stateLayout().floats(100_000)).isEqualTo(4_792_320 + 2_359_296)
                    .isEqualTo(bench.mixer.stateLayout().floats(1));
        }
    }
}
