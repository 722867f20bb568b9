package tern.mixers.rwkv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Optional;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Wired;

/** The laws for all versions; their values are held against published checkpoints by the rooms that read those. */
class RwkvTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    /** A sum of weights of 0 says that there is no average yet. */
    @Override
    protected boolean hasSlopes(String slot, long age) {
        return age > 0 || !slot.equals("average");
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("rwkv4", new Rwkv4Config(), 6, 8, 40),
                MixerCase.of("rwkv5.1", new Rwkv5Config(3, false, false, 1e-3), 6, 8, 40),
                MixerCase.of("rwkv5.2", new Rwkv5Config(2, true, true, 64e-5), 6, 8, 40),
                MixerCase.of("rwkv6", new Rwkv6Config(4, 3, 2, 64e-5), 8, 8, 40),
                MixerCase.of("rwkv7, first", new Rwkv7Config(4, 2, 3, 2, 5, true, 64e-5), 8, 8, 40),
                MixerCase.of("rwkv7", new Wired(new Rwkv7Config(3, 2, 3, 2, 5, false, 64e-5)), 6, 8, 40),
                MixerCase.of("rwkv6 for an attention",
                        new Rwkv6Config(2, 3, 2, 64e-5, Optional.of(new Rwkv6Variation(2, true))), 8, 8, 40),
                MixerCase.of("rwkv7 for an attention", new Wired(new Rwkv7Config(3, 2, 3, 2, 5, false, 64e-5,
                        Optional.of(new Rwkv7Variation(false, false)))), 6, 8, 40),
                MixerCase.of("rwkv7 with a gate, without norm", new Rwkv7Config(3, 2, 3, 2, 5, true, 64e-5,
                        Optional.of(new Rwkv7Variation(true, false))), 6, 8, 40),
                MixerCase.of("rwkv6, long", new Rwkv6Config(16, 3, 2, 64e-5), 32, 8, 150),
                MixerCase.of("rwkv7, long", new Rwkv7Config(16, 2, 3, 2, 5, true, 64e-5), 32, 8, 150),
                MixerCase.of("channel mix", new RwkvChannelMixConfig(10, true), 5, 8, 40),
                MixerCase.of("channel mix of version 7", new RwkvChannelMixConfig(7, false), 5, 8, 40));
    }

    /** The state in numbers: 5D in all for version 4, D(N + 2) for the others, channel mixing included. */
    @Test
    void theStateIsAsLargeAsThePapersSay() {
        try (Memory memory = new Memory()) {
            BranchContext at = new BranchContext(128, 8, 0, 2);
            long channel = new RwkvChannelMixConfig(64, true).build(at, scope(memory)).stateLayout().floats(1_000);
            assertThat(new Rwkv4Config().build(at, scope(memory)).stateLayout().floats(9) + channel).isEqualTo(5 * 128);
            assertThat(Rwkv6Config.of(64).build(at, scope(memory)).stateLayout().floats(9) + channel)
                    .isEqualTo(128 * 66);
            assertThat(Rwkv7Config.of(64, 128, true).build(at, scope(memory)).stateLayout().floats(9) + channel)
                    .isEqualTo(128 * 66);
        }
    }

    private static SeededParameters scope(Memory memory) {
        return new SeededParameters(DType.F32, 1, 0, memory);
    }

    /** The table of the released training code at both ends of the stack. */
    @Test
    void decaysStartAsReleased() {
        try (Memory memory = new Memory()) {
            SeededParameters first = scope(memory);
            Rwkv6Config.of(4).build(new BranchContext(8, 8, 0, 6), first);
            Tensor decay = first.get("decayUp.bias");
            assertThat(decay.get(0)).isCloseTo(-6, within(1e-6));
            assertThat(decay.get(7)).isCloseTo(-1, within(1e-6));
            assertThat(first.get("mix.key").get(4)).isCloseTo(0.5, within(1e-6));
            assertThat(first.get("norm.gain").get(0)).isCloseTo(Math.pow(1 / 3.0, 0.7), within(1e-6));
            SeededParameters last = scope(memory);
            Rwkv6Config.of(4).build(new BranchContext(8, 8, 4, 6), last);
            assertThat(last.get("bonus").get(0)).isCloseTo(1, within(1e-6));
            assertThat(last.get("mix.key").get(4)).isCloseTo(1 - Math.pow(0.5, 1 / 3.0), within(1e-6));
            assertThat(last.get("norm.gain").get(0)).isCloseTo(1, within(1e-6));
            SeededParameters seventh = scope(memory);
            new Rwkv7Config(4, 2, 2, 2, 2, true, 64e-5).build(new BranchContext(8, 8, 0, 6), seventh);
            assertThat(seventh.get("decayUp.bias").get(0)).isCloseTo(-6 + 0.5 - 2.5, within(1e-6));
            assertThat(seventh.get("rateUp.bias").get(7)).isCloseTo(-0.19 + 0.3 + 0.2, within(1e-6));
            assertThat(Rwkv7Config.of(64, 768, true)).isEqualTo(new Rwkv7Config(64, 64, 64, 32, 128, true, 64e-5));
            assertThat(Rwkv7Config.of(64, 1024, true).decayRank()).isEqualTo(64);
        }
    }

    @Test
    void orthogonalMatricesAre() {
        Seeds.forAll(6, (seed, random) -> {
            int rows = Seeds.between(random, 1, 9);
            int columns = Seeds.between(random, 1, 9);
            try (Memory memory = new Memory()) {
                Tensor w = memory.zeros(DType.F64, rows, columns);
                Initialiser.orthogonal(0.5).fill(w, random);
                boolean tall = rows > columns;
                int count = Math.min(rows, columns);
                for (int i = 0; i < count; i++) {
                    for (int j = 0; j < count; j++) {
                        double dot = 0;
                        for (int k = 0; k < Math.max(rows, columns); k++) {
                            dot += tall ? w.get((long) k * columns + i) * w.get((long) k * columns + j)
                                    : w.get((long) i * columns + k) * w.get((long) j * columns + k);
                        }
                        assertThat(dot).isCloseTo(i == j ? 0.25 : 0, within(1e-14));
                    }
                }
            }
        });
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Rwkv6Config(64, 0, 64, 1e-5))
                .withMessageContaining("mixRank is 0");
        try (Memory memory = new Memory()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Rwkv6Config.of(64).build(new BranchContext(96, 8, 0, 2), scope(memory)))
                    .withMessageContaining("headWidth is 64").withMessageContaining("96");
        }
    }
}
