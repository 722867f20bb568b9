package tern.inference;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import tern.kernels.KernelSet;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.attention.LocalAttentionConfig;
import tern.mixers.blockrecurrent.BlockRecurrentConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.delta.DeltaNetConfig;
import tern.mixers.delta.SharedKeys;
import tern.mixers.goldfinch.CacheTier;
import tern.mixers.goldfinch.CacheType;
import tern.mixers.goldfinch.GoldCache;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.mixers.mamba.Forgetting;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.mixers.recurrent.ParallelRnnConfig;
import tern.mixers.retention.RetNetConfig;
import tern.mixers.retention.RetNetVariation;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.mixers.universal.UniversalConfig;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.ops.UnitCell;
import tern.sequence.Form;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;

/**
 * The laws of a steady engine: logits are a function of the tokens alone, bit for bit. Wherever a prompt is cut, whatever is
 * read in a piece or in steps, whichever sequences share a batch, and wherever it goes on from a snapshot.
 */
class SteadyEngineTest {
    private static final long SEED = 4;
    private static final boolean PROOFS = Boolean.getBoolean("tern.proofs");

    private final Memory memory = new Memory();
    private final List<Engine> engines = new ArrayList<>();
    private final SplittableRandom random = new SplittableRandom(SEED);

    @AfterEach
    void release() {
        engines.forEach(Engine::close);
        memory.close();
    }

    private LanguageModel model(String kind, Engine engine) {
        engines.add(engine);
        String name = kind.replace("+plain", "").replace("+bytes", "").replace("+rebuilt", "").replace("+keys", "");
        Stack stack = new Stack(config(name),
                Parameters.Source.initialised(SEED, DType.F32, memory));
        // Matrices that begin as zeros would hide what their layer computes.
        stack.parameters().all().forEach(parameter -> {
            for (long i = 0; i < parameter.tensor().elements(); i++) {
                parameter.tensor().set(i, parameter.tensor().get(i) + 0.05 * random.nextDouble(-1, 1));
            }
        });
        LanguageModel model = new LanguageModel(stack, ByteTokenizer.ALL, "test-" + kind, engine);
        return kind.endsWith("+bytes") ? model.remembering(new GoldCache(CacheTier.FULL, CacheType.INT8))
                : kind.endsWith("+rebuilt") ? model.remembering(new GoldCache(CacheTier.COMPRESSED, CacheType.F32))
                : kind.endsWith("+keys") ? model.remembering(new GoldCache(CacheTier.KEYS, CacheType.BF16)) : model;
    }

    private static StackConfig config(String kind) {
        Optional<MixerConfig> odd = switch (kind) {
            case "odd-attention" -> Optional.of(new AttentionConfig(2, 1, 10_000, true));
            case "odd-hyena" -> Optional.of(HyenaConfig.of(3, ImplicitFilterConfig.small()));
            case "odd-multihyena" -> Optional.of(MultiHyenaConfig.of(4, ImplicitFilterConfig.small()));
            case "odd-modal" -> Optional.of(ModalRecurrenceConfig.of(3, 1, 3, List.of(3), List.of(1)));
            case "odd-newton" -> Optional.of(ParallelRnnConfig.newton(UnitCell.PARA_LSTM));
            case "odd-forgetting" -> Optional.of(Mamba2Config.of(20, 8, 4).withForgetting(new Forgetting(1, 1, 9)));
            case "odd-products" -> Optional.of(new DeltaNetConfig(4, 3, 5, 3, DeltaNetConfig.Decay.KEY, true,
                    Optional.of(SharedKeys.byNeighbours(2)), Optional.empty(), Optional.of(false), Optional.of(3)));
            case "odd-retention" -> Optional.of(new RetNetConfig(2, 3, Optional.of(new RetNetVariation(100, 1e-6))));
            // Some halt at the first step, some at the second, the rest at the third.
            case "odd-halting" -> Optional.of(new UniversalConfig(new AttentionConfig(2, 1, 10_000, true),
                    GatedMlpConfig.gated(37, Activation.SILU), 3, 0.27).withBlend(UniversalConfig.Blend.RECURSIVE));
            case "odd-halting-held" -> Optional.of(new UniversalConfig(new LocalAttentionConfig(2, 1, 6, 5, 10_000, 4,
                    true), new RwkvChannelMixConfig(24, true), 3, 0.27));
            case "odd-windows" -> Optional.of(new BlockRecurrentConfig(2, 6, 5, 3, BlockRecurrentConfig.Gate.LSTM,
                    false, 4, 9));
            case "odd-heads" -> Optional.of(ModalRecurrenceConfig.of(2, 2, 3, List.of(3), List.of(1)));
            default -> Optional.empty();
        };
        return odd.map(mixer -> StackConfig.of(20, 64,
                List.of(mixer, GatedMlpConfig.gated(37, Activation.SILU), mixer,
                        GatedMlpConfig.gated(37, Activation.GELU))))
                .orElseGet(() -> Presets.named(kind));
    }

    private int[] tokens(int count) {
        return random.ints(count, 0, 256).toArray();
    }

    /** Reads by pieces of random lengths, some of them by steps. */
    private float[] read(LiveSequence sequence, int[] ids, int most) {
        float[] logits = new float[0];
        for (int from = 0, to; from < ids.length; from = to) {
            to = Math.min(ids.length, from + 1 + random.nextInt(most));
            if (random.nextInt(4) == 0) {
                to = Math.min(to, from + 3);
                for (int i = from; i < to; i++) {
                    logits = sequence.step(ids[i]);
                }
            } else {
                logits = sequence.prefill(Form.values()[random.nextInt(3)], Arrays.copyOfRange(ids, from, to));
            }
        }
        return logits;
    }

    /** The nano presets that generate: the first of each set of mixers, all of them under the profile {@code proofs}. */
    static Stream<String> kinds() {
        Set<Object> seen = new HashSet<>();
        return Stream.concat(
                Presets.names().stream()
                        .filter(name -> name.endsWith("-nano") && Presets.named(name).generates())
                        .filter(name -> PROOFS | seen.add(mixers(Presets.named(name)))),
                Stream.of("odd-attention", "odd-hyena", "odd-multihyena", "odd-modal", "odd-heads",
                        "odd-newton", "odd-forgetting", "odd-products", "odd-retention", "odd-halting",
                        "odd-halting-held", "odd-windows",
                        "goldfinch-nano+bytes", "goldfinch-nano+rebuilt", "goldfinch-nano+keys", "odd-attention+plain",
                        "odd-modal+plain", "odd-heads+plain", "odd-hyena+plain", "rwkv4-nano+plain",
                        "rwkv7-nano+plain"));
    }

    private static Set<Object> mixers(StackConfig config) {
        return config.branches().stream().map(Object::getClass).collect(Collectors.toUnmodifiableSet());
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void logitsAreAFunctionOfTheTokens(String kind) {
        Engine engine = kind.endsWith("+plain") ? new Engine(1, KernelSet.steadyReference()) : Engine.steady(3);
        int length = kind.endsWith("+plain") ? 40 : 330;
        int[] ids = tokens(length);
        try (LanguageModel model = model(kind, engine);
                LiveSequence whole = model.sequence();
                LiveBatch batch = model.batch(40)) {
            float[] expected = whole.prefill(ids);
            float[] next = whole.step(7);
            for (int round = 0; round < (PROOFS && length >= 100 ? 6 : 2); round++) {
                String what = kind + ", round " + round + ", seed " + SEED;
                try (LiveSequence cut = model.sequence()) {
                    assertThat(read(cut, ids, round % 2 == 0 ? length : 30)).as("cut: " + what).isEqualTo(expected);
                    assertThat(cut.step(7)).as("cut, next: " + what).isEqualTo(next);
                }
            }
            int begin = length - 20;
            LiveBatch.Seat seat;
            try (LiveSequence part = model.sequence()) {
                part.prefill(Arrays.copyOf(ids, begin));
                try (Snapshot snapshot = part.snapshot()) {
                    // Others of all ages are there before it and come and go while it reads.
                    batch.join();
                    seat = batch.join(snapshot);
                }
            }
            float[] all = new float[0];
            List<LiveBatch.Seat> others = new ArrayList<>();
            int vocabulary = model.network().config().vocabulary();
            // A few tokens are read together with others of other ages.
            others.add(batch.join());
            int pace = 1 + random.nextInt(5);
            int[][] together = new int[batch.size()][];
            Arrays.setAll(together, row -> tokens(pace));
            together[seat.row()] = Arrays.copyOfRange(ids, begin, begin + pace);
            batch.read(together, new float[batch.size() * vocabulary]);
            for (int i = begin + pace; i <= length; i++) {
                if (i % 3 == 0) {
                    for (int more = random.nextInt(18); more > 0 && batch.size() < 40; more--) {
                        others.add(batch.join());
                    }
                }
                if (!others.isEmpty() && random.nextInt(3) == 0) {
                    others.remove(random.nextInt(others.size())).leave();
                }
                int[] step = tokens(batch.size());
                step[seat.row()] = i < length ? ids[i] : 7;
                all = new float[batch.size() * vocabulary];
                batch.step(step, all);
                if (i == length - 1) {
                    assertThat(Arrays.copyOfRange(all, seat.row() * vocabulary, (seat.row() + 1) * vocabulary))
                            .as("batch: " + kind).isEqualTo(expected);
                }
            }
            assertThat(Arrays.copyOfRange(all, seat.row() * vocabulary, (seat.row() + 1) * vocabulary))
                    .as("batch, next: " + kind).isEqualTo(next);
        }
    }
}
