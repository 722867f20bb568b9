package tern.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.tensor.DType;
import tern.tensor.Memory;

/** A few steps on one sentence: the loss falls from that of a guess among 256 bytes to less than that of its letters. */
class EveryPresetLearnsTest {
    private static final int STEPS = 30;

    /** One of each kind of mixer. */
    private static final List<String> SOME = List.of("linear-attention", "retnet", "mlstm", "mamba2", "delta-net",
            "lstm", "titans-gate", "sgconv", "mega", "tcnca", "gated-delta-experts", "falcon-h1", "mamba", "griffin",
            "s5");
    /** The others, which the profile {@code proofs} trains too. */
    private static final List<String> OTHERS = List.of("jrt", "linear-taylor", "t2r", "hedgehog", "linfusion",
            "transnormer", "gla", "hgrn2", "mlstm-sigmoid", "gated-delta-net", "kimi-delta", "elman", "slstm",
            "para-lstm", "tcnca-simple", "tcn", "gated-delta-hybrid", "lfm2", "mega-tcn", "megalodon", "min-gru",
            "min-lstm", "s4d", "conv-s5", "lssl", "lmu", "prf", "aaren", "block-recurrent", "titans-context",
            "universal");

    static Stream<String> families() {
        return Boolean.getBoolean("tern.proofs") ? Stream.concat(SOME.stream(), OTHERS.stream()) : SOME.stream();
    }

    @ParameterizedTest
    @MethodSource("families")
    void theLossFalls(String family) {
        StackConfig nano = Presets.named(family + "-nano");
        // Its one recurrent layer is the fourth.
        int from = family.equals("block-recurrent") ? 6 : 0;
        StackConfig small = nano.withBranches(nano.branches().subList(from, from + 4));
        TrainingConfig training = Tiny.training(4, 32);
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(2)) {
            Stack model = Tiny.model(small, DType.F32, memory);
            try (Trainer trainer = new Trainer(model, training, KernelSet.fastest(), team)) {
                double first = trainer.step(Tiny.windows(training), 3e-3).loss();
                double last = first;
                for (int step = 1; step < STEPS; step++) {
                    last = trainer.step(Tiny.windows(training), 3e-3).loss();
                }
                // A head that is tied to rows of length 1 first expects the same byte again; tables that are normalised start tiny.
                assertThat(first).as(family + " at first").isBetween(5.0,
                        nano.embeddingNorm().isPresent() ? 6.5 : 8.5);
                assertThat(last).as(family + " after %d steps", STEPS).isLessThan(3);
            }
        }
    }
}
