package tern.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.rwkv.Rwkv4Config;
import tern.mixers.rwkv.Rwkv5Config;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.sequence.Wires;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** A whole model keeps the laws of its mixers: any cut and any form give the same, and sizes are as promised. */
class StackTest {
    private static final long SEED = 5;

    private final Memory memory = new Memory();
    private final Workspace workspace = new Workspace();
    private final ThreadTeam team = new ThreadTeam(1);
    private final EagerOps ops = new EagerOps(KernelSet.fastest(), team, workspace);

    @AfterEach
    void release() {
        ops.close();
        team.close();
        workspace.close();
        memory.close();
    }

    @ParameterizedTest
    @CsvSource({"nano, 0.3e6", "tiny, 1.0e6", "small, 10e6", "base, 100e6"})
    void presetsOfOneSizeHaveEqualParameters(String size, double about) {
        for (String family : List.of("transformer", "hyena", "multihyena", "modal", "rwkv4", "rwkv5", "rwkv6",
                "rwkv7", "goldfinch", "finch-c2", "gptalpha", "mega", "tcnca", "tcnca-simple", "tcn")) {
            long count = new Stack(Presets.named(family + "-" + size), Parameters.Source.shapesOnly()).parameters()
                    .count();
            assertThat((double) count).as(family + "-" + size).isCloseTo(about, within(0.2 * about));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gold-over-hyena-tiny", "gold-over-rwkv7-tiny"})
    void goldOverOtherLayersIsAsLargeAsOthersOfItsSize(String name) {
        long count = new Stack(Presets.named(name), Parameters.Source.shapesOnly()).parameters().count();
        assertThat((double) count).isCloseTo(1e6, within(0.2e6));
    }

    /** The table of the GoldFinch paper's models, exactly; nothing is allocated. */
    @ParameterizedTest
    @CsvSource({"finch, 1599873024, 196955136", "finch-c2, 1505501184, 191056896", "goldfinch, 1445257216, 186617856",
        "gptalpha, 1486725120, 187536384", "llama, 1473454080, 185637888",
        "goldfinch without compression, 1453121536, 187723776"})
    void modelsOfTheGoldFinchPaperHaveItsParameters(String model, long large, long small) {
        for (GoldFinches.Size size : List.of(new GoldFinches.Size(24, 2048, 4096),
                new GoldFinches.Size(12, 768, 1024))) {
            StackConfig config = switch (model) {
                case "finch" -> GoldFinches.finch(size);
                case "finch-c2" -> GoldFinches.finchC2(size);
                case "goldfinch" -> GoldFinches.goldFinch(size, 16);
                case "gptalpha" -> GoldFinches.gptAlpha(size);
                case "llama" -> GoldFinches.llama(size);
                default -> GoldFinches.goldFinch(size, 1);
            };
            assertThat(new Stack(config, Parameters.Source.shapesOnly()).parameters().count())
                    .as(model + " of " + size).isEqualTo(size.width() == 2048 ? large : small);
        }
    }

    /**
     * Released sizes of RWKV, exactly, by the counts that their shapes come to; without the value residual of version 7's first layer, which
     * some files hold and nothing uses.
     */
    @ParameterizedTest
    @CsvSource({"4, 12, 768, 50277, 169342464", "4, 24, 1024, 50277, 430397440", "4, 24, 2048, 50277, 1515106304",
        "4, 32, 2560, 50277, 2984627200", "4, 32, 4096, 50277, 7392649216", "4, 40, 5120, 50277, 14148597760",
        "5, 24, 1024, 65536, 461721600", "5, 24, 2048, 65536, 1577754624", "5, 32, 2560, 65536, 3062999040",
        "5, 32, 4096, 65536, 7518044160", "6, 24, 2048, 65536, 1599873024", "7, 24, 1024, 65536, 450767872",
        "7, 12, 768, 65536, 191034624"})
    void releasedRwkvHasItsParameters(int version, int layers, int width, int vocabulary, long expected) {
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            branches.add(switch (version) {
                case 4 -> new Rwkv4Config();
                case 5 -> Rwkv5Config.of(64);
                case 6 -> Rwkv6Config.of(64, width);
                default -> new Rwkv7Config(64, 64, 64, 32, 128, layer == 0, 64e-5);
            });
            branches.add(new RwkvChannelMixConfig(
                    version == 4 || version == 7 ? 4 * width : RwkvChannelMixConfig.threeAndAHalf(width),
                    version != 7));
        }
        StackConfig config = GoldFinches.config(vocabulary, width, 1024, branches);
        assertThat(new Stack(config, Parameters.Source.shapesOnly()).parameters().count()).isEqualTo(expected);
    }

    /** Eagle, Finch and Goose are RWKV-5, 6 and 7; Finch-C2 and the Finch of the GoldFinch paper are presets of their own. */
    @Test
    void presetsMayBeNamedAsInTheirPapers() {
        assertThat(Presets.named("finch-tiny")).isEqualTo(Presets.named("rwkv6-tiny"));
        assertThat(Presets.named("eagle-nano")).isEqualTo(Presets.named("rwkv5-nano"));
        assertThat(Presets.named("goose-base")).isEqualTo(Presets.named("rwkv7-base"));
        assertThat(Presets.names().stream().map(Presets::called)).containsExactlyElementsOf(Presets.names());
        assertThat(Presets.called("finch")).isEqualTo("rwkv6");
        assertThat(Presets.called("nothing-tiny")).isEqualTo("nothing-tiny");
        assertThatIllegalArgumentException().isThrownBy(() -> Presets.named("finch"))
                .withMessageStartingWith("preset \"rwkv6\" has no size; known are rwkv6-micro");
        assertThatIllegalArgumentException().isThrownBy(() -> Presets.named("finch-25x2048"))
                .withMessageStartingWith("unknown preset \"finch-25x2048\"; did you mean \"finch-24x2048\"?");
    }

    /** Every block starts as the identity, and logits deviate by 1/2: the loss starts at ln V + 0.12. */
    @ParameterizedTest
    @ValueSource(strings = {"goldfinch-nano", "finch-c2-tiny", "gptalpha-nano"})
    void theLossStartsWherePublishedModelsDo(String preset) {
        SplittableRandom random = new SplittableRandom(SEED);
        Stack stack = new Stack(Presets.named(preset), Parameters.Source.initialised(SEED, DType.F32, memory));
        Tensor ids = memory.zeros(DType.I32, 1, 200);
        for (long i = 0; i < ids.elements(); i++) {
            ids.set(i, random.nextInt(256));
        }
        ModelState empty = ModelState.empty(stack.stateLayouts(), DType.F32, 1, 0, memory);
        Tensor hidden = stack.forward(Form.PARALLEL, ops, ids, empty).hidden();
        Tensor targets = memory.zeros(DType.I32, 200);
        for (long i = 0; i < 200; i++) {
            targets.set(i, random.nextInt(256));
        }
        Tensor loss = ops.mean(ops.crossEntropy(hidden.reshape(200, hidden.dim(2)), stack.head(), targets), 200);
        assertThat(loss.get(0)).isCloseTo(Math.log(256) + 0.12, within(0.1));
    }

    /** Writes down what the stack's own wires say at the last position, and doubles the residual stream. */
    private record Listening(List<Double> heard) implements MixerConfig {
        @Override
        public SequenceMixer build(BranchContext at, ParameterScope scope) {
            return new SequenceMixer() {
                @Override
                public StateLayout stateLayout() {
                    return StateLayout.STATELESS;
                }

                @Override
                public Set<String> reads() {
                    return Wires.OF_STACK;
                }

                @Override
                public Mixed step(Ops ops, MixerInput in, State state) {
                    heard.add(in.wire(Wires.IDS).get(in.time() - 1));
                    heard.add(in.wire(Wires.EMBEDDING).get(2 * in.time() - 1));
                    heard.add(in.wire(Wires.RESIDUAL).get(2 * in.time() - 1));
                    return new Mixed(in.wire(Wires.RESIDUAL), state.next());
                }
            };
        }
    }

    @Test
    void theStackPublishesIdsEmbeddingAndResidual() {
        List<Double> heard = new ArrayList<>();
        StackConfig config = new StackConfig(4, 2, 8, NormKind.LAYER, 1e-9, Optional.empty(),
                Optional.of(NormKind.LAYER), false,
                List.of(new Listening(heard), new Listening(heard)));
        Stack stack = new Stack(config, Parameters.Source.initialised(SEED, DType.F32, memory));
        stack.parameters().find("embedding.table").orElseThrow().tensor().setAll(0, 1, 0, 2, 5, 1, 0, 0);
        Tensor ids = memory.zeros(DType.I32, 1, 3).setAll(2, 0, 2);
        for (Form form : Form.values()) {
            ModelState state = ModelState.empty(stack.stateLayouts(), DType.F32, 1, 0, memory);
            heard.clear();
            stack.forward(form, ops, ids.slice(0, 1), state);
            // The last token's row (5, 1) is normalised to (1, −1); the first branch doubles it.
            List<Double> last = List.of(heard.get(6), heard.get(7), heard.get(8), heard.get(15), heard.get(16),
                    heard.get(17));
            assertThat(last).as(form.name()).usingElementComparator((a, b) -> Math.abs(a - b) < 1e-6 ? 0 : 1)
                    .containsExactly(2.0, -1.0, -1.0, 2.0, -1.0, -2.0);
        }
        assertThat(stack.parameters().find("embeddingNorm.bias")).isPresent();
    }

    @Test
    void dropoutIsForTraining() {
        StackConfig config = Presets.named("transformer-nano");
        Tensor ids = memory.zeros(DType.I32, 1, 3).setAll(2, 0, 2);
        List<float[]> logits = new ArrayList<>();
        for (StackConfig one : List.of(config, config.withDropout(0.5))) {
            Stack stack = new Stack(one, Parameters.Source.initialised(SEED, DType.F32, memory));
            ModelState state = ModelState.empty(stack.stateLayouts(), DType.F32, 1, 3, memory);
            logits.add(stack.outputs(ops, stack.forward(Form.PARALLEL, ops, ids, state).hidden()).toFloats());
        }
        assertThat(logits.get(1)).isEqualTo(logits.get(0));
        assertThatIllegalArgumentException().isThrownBy(() -> config.withDropout(1))
                .withMessageContaining("dropout: the rate is 1.0");
    }

    /** Comparisons at equal parameters need no more than a preset's name. */
    @ParameterizedTest
    @ValueSource(strings = {"nano", "tiny", "small", "base"})
    void recurrentPresetsAreWithinTwoPercentOfTheTransformer(String size) {
        double transformer = count("transformer-" + size);
        for (String family : List.of("rwkv4", "rwkv5", "rwkv6", "rwkv7", "goldfinch", "finch-c2", "gptalpha",
                "mega", "tcnca", "tcnca-simple", "tcn")) {
            assertThat(count(family + "-" + size)).as(family).isCloseTo(transformer, within(0.02 * transformer));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"nano", "tiny", "small", "base"})
    void presetsWithMatrixStatesAreWithinTwoPercentOfTheTransformer(String size) {
        double transformer = count("transformer-" + size);
        assertThat(MatrixStates.families(64, 256)).hasSize(16);
        for (String family : MatrixStates.families(64, 256).keySet()) {
            assertThat(count(family + "-" + size)).as(family).isCloseTo(transformer, within(0.02 * transformer));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"nano", "tiny", "small", "base"})
    void presetsOfRecurrentNetworksAndLongConvolutionsAreWithinTwoPercentOfTheTransformer(String size) {
        double transformer = count("transformer-" + size);
        assertThat(count("universal-" + size)).isCloseTo(transformer, within(0.02 * transformer));
        for (String family : LongConvolutions.families().keySet()) {
            assertThat(count(family + "-" + size)).as(family).isCloseTo(transformer, within(0.02 * transformer));
        }
        for (String family : RecurrentNetworks.families(64, 256, 6).keySet()) {
            assertThat(count(family + "-" + size)).as(family).isCloseTo(transformer, within(0.02 * transformer));
        }
    }

    static List<String> matrixStates() {
        return MatrixStates.families(64, 256).keySet().stream().sorted().map(family -> family + "-nano").toList();
    }

    /** The published model of 39 million parameters: its twelve blocks, by shapes alone (property g), and its state. */
    @Test
    void megaForEnwik8HasTheParametersOfThePaper() {
        Stack stack = new Stack(Presets.named("mega-enwik8"), Parameters.Source.shapesOnly());
        long body = stack.parameters().all().stream().filter(one -> one.name().startsWith("branches."))
                .mapToLong(one -> one.tensor().elements()).sum();
        assertThat(body).isEqualTo(39_031_296);
        assertThat(stack.parameters().count()).as("with the table of bytes").isEqualTo(39_031_296 + 256 * 512);
        assertThat(stack.stateFloats(200_000)).isEqualTo(12 * (8_192 + 2_359_296));
    }

    /** Dilated convolutions in the place of Mega's averages: 37,376 parameters a layer for 33,280, 39.19 million with 205 symbols. */
    @Test
    void tcncaForEnwik8() {
        Stack stack = new Stack(Presets.named("tcnca-enwik8"), Parameters.Source.shapesOnly());
        long body = stack.parameters().all().stream().filter(one -> one.name().startsWith("branches."))
                .mapToLong(one -> one.tensor().elements()).sum();
        assertThat(body).isEqualTo(39_031_296 + 12 * (37_376 - 33_280));
        assertThat(Math.round((body + 205 * 512) / 1e4)).as("hundredths of millions").isEqualTo(3919);
        assertThat(stack.stateFloats(200_000)).isEqualTo(12 * (4_792_320 + 2_359_296));
    }

    private static double count(String preset) {
        return new Stack(Presets.named(preset), Parameters.Source.shapesOnly()).parameters().count();
    }

    @Test
    void anUnknownPresetNamesTheNearest() {
        assertThatIllegalArgumentException().isThrownBy(() -> Presets.named("heyna-tiny"))
                .withMessageContaining("hyena-tiny");
    }

    @ParameterizedTest
    @ValueSource(strings = {"transformer-nano", "hyena-nano", "multihyena-nano", "modal-nano", "goldfinch-nano",
        "finch-c2-nano",
        "gptalpha-nano", "gold-over-hyena-tiny", "gold-over-rwkv7-tiny", "rwkv4-nano",
        "rwkv5-nano", "rwkv6-nano", "rwkv7-nano", "mega-nano", "tcnca-nano", "tcnca-simple-nano", "tcn-nano"})
    @MethodSource("matrixStates")
    void anyCutInAnyFormGivesTheSame(String preset) {
        SplittableRandom random = new SplittableRandom(SEED);
        Stack stack = new Stack(Presets.named(preset), Parameters.Source.initialised(SEED, DType.F32, memory));
        int time = 40;
        Tensor ids = memory.zeros(DType.I32, 2, time);
        for (long i = 0; i < ids.elements(); i++) {
            ids.set(i, random.nextInt(256));
        }
        ModelState empty = ModelState.empty(stack.stateLayouts(), DType.F32, 2, time, memory);
        Tensor whole = memory.copyOf(stack.forward(Form.PARALLEL, ops, ids, empty.copy(memory)).hidden());
        ModelState state = empty;
        List<Tensor> pieces = new ArrayList<>();
        for (int from = 0, to; from < time; from = to) {
            to = from + 1 + random.nextInt(time - from);
            Form form = Form.values()[random.nextInt(3)];
            Passed piece = stack.forward(form, ops, ops.slice(ids, 1, from, to), state);
            pieces.add(piece.hidden());
            state = piece.state();
        }
        double[] expected = whole.toDoubles();
        double[] found = ops.concat(pieces, 1).toDoubles();
        for (int i = 0; i < expected.length; i++) {
            assertThat(found[i]).as("%s element %d, seed %d", preset, i, SEED).isCloseTo(expected[i], within(2e-4));
        }
        assertThat(state.ages()).containsExactly(time, time);
    }

    @Test
    void aStackNamesTheBranchThatDoesNotFit() {
        StackConfig config = Presets.named("transformer-nano");
        StackConfig narrow = new StackConfig(256, 65, 64, config.norm(), 1e-5, true, config.branches());
        assertThatIllegalArgumentException().isThrownBy(() -> new Stack(narrow, Parameters.Source.shapesOnly()))
                .withMessageContaining("heads").withMessageContaining("65");
    }

    @Test
    void theSameSeedGivesTheSameParametersWhateverElseIsDeclared() {
        Stack one = new Stack(Presets.named("hyena-nano"), Parameters.Source.initialised(SEED, DType.F32, memory));
        Stack two = new Stack(Presets.named("transformer-nano"),
                Parameters.Source.initialised(SEED, DType.F32, memory));
        assertThat(one.parameters().find("embedding.table").orElseThrow().tensor().toFloats())
                .isEqualTo(two.parameters().find("embedding.table").orElseThrow().tensor().toFloats());
    }
}
