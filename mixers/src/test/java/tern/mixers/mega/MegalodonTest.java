package tern.mixers.mega;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Optional;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.mixers.tcn.DilatedStackConfig;
import tern.ops.Activation;
import tern.ops.Weighing;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.Wires;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;

/** Megalodon's unit, sums of movers, norms over batches and over time, and what is left out in training only. */
class MegalodonTest extends MixerContract {
    private static final MixerConfig BESIDE = new SumMoverConfig(List.of(
            new MovingAverageConfig(2, false, false, Activation.IDENTITY, Optional.empty()),
            DilatedStackConfig.of(3, 2, 2).asPartOfASum()), Activation.SILU);
    private static final MixerConfig BESIDE_BOTH_WAYS = new SumMoverConfig(List.of(
            new MovingAverageConfig(2, false, true, Activation.IDENTITY, Optional.empty()),
            DilatedStackConfig.of(3, 2, 2).bothWays().asPartOfASum()), Activation.SILU);

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    private static MegalodonConfig plain() {
        return new MegalodonConfig(MovingAverageConfig.of(2), 4, 6, 5, 2, Optional.empty(), RelativeBias.SIMPLE, false,
                Optional.of(0.5), Optional.of(0.5), Optional.of(0.5));
    }

    @Override
    protected List<MixerCase> cases() {
        Optional<Double> half = Optional.of(0.5);
        return List.of(
                MixerCase.of("megalodon", MegalodonConfig.of(4, 6, 5, 2), 4, 16, 24),
                MixerCase.of("no rotation, a group for all channels, nothing left out of steps", plain(), 6, 16, 24),
                MixerCase.of("average and convolutions beside each other", GatedAttentionConfig.language(BESIDE, 4, 6,
                        5), 4, 16, 24),
                MixerCase.of("beside each other, both directions, norm over batches",
                        new GatedAttentionConfig(BESIDE_BOTH_WAYS, 4, 6, Weighing.LAPLACE, 5, RelativeBias.SIMPLE,
                                false, Normalisation.BATCH, true, half, half, half, Optional.of(true)),
                        4, 16, 24));
    }

    @Test
    void whatDoesNotGoTogetherIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new GatedAttentionConfig(MovingAverageConfig.of(2), 4, 6, Weighing.SOFTMAX, 0,
                        RelativeBias.SIMPLE, true, Normalisation.BATCH, true))
                .withMessageContaining("the norm is batch").withMessageContaining("set norm=layer");
        for (double base : new double[] {0, -5, Double.POSITIVE_INFINITY}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new MegalodonConfig(MovingAverageConfig.of(2), 4, 6, 5, 2, Optional.of(base),
                            RelativeBias.NONE, true, Optional.empty(), Optional.empty(), Optional.empty()))
                    .withMessageContaining("megalodon: turning is " + base).withMessageContaining("turning=null");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new SumMoverConfig(List.of(), Activation.SILU))
                .withMessageContaining("expected two or more");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new NormalisedMlpConfig(8, Normalisation.LAYER, true, Optional.of(1.5),
                        Optional.empty(), Optional.empty(), Optional.empty()))
                .withMessageContaining("normalised-mlp: dropout: the rate is 1.5");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MegalodonConfig.of(4, 6, 5, 3).build(new BranchContext(8, 16, 0, 1), new Shapes()))
                .withMessageContaining("groups");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SumMoverConfig(List.of(MovingAverageConfig.of(2),
                        MovingAverageConfig.bidirectional(2)), Activation.SILU)
                        .build(new BranchContext(8, 16, 0, 1), new Shapes()))
                .withMessageContaining("set all alike");
    }

    /** The feed-forward block of a two-hop layer takes back what the unit below added. */
    @Test
    void twoHopsReadWhatTheUnitAdded() {
        BranchContext at = new BranchContext(8, 16, 0, 1);
        var unit = MegalodonConfig.of(4, 6, 5, 2).build(at, new Shapes());
        var block = new NormalisedMlpConfig(8, Normalisation.RMS, true, Optional.empty(), Optional.empty(),
                Optional.empty(), Optional.of(true)).build(at, new Shapes());
        assertThat(block.reads()).isEqualTo(unit.publishes()).hasSize(1).doesNotContain(Wires.RESIDUAL);
        assertThat(new NormalisedMlpConfig(8, Normalisation.BATCH, true).build(at, new Shapes()).causal()).isFalse();
    }
}
