package tern.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.autograd.Gradients;
import tern.autograd.TapeOps;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.goldfinch.CacheTier;
import tern.mixers.goldfinch.CacheType;
import tern.mixers.goldfinch.CompressorConfig;
import tern.mixers.goldfinch.FinchC2Config;
import tern.mixers.goldfinch.GoldCache;
import tern.mixers.goldfinch.GoldConfig;
import tern.mixers.goldfinch.Positions;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.ops.Ops;
import tern.sequence.Form;
import tern.sequence.MixerConfig;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** A whole stack with GOLD layers keeps the laws of mixers in every tier: its layers read what another branch remembers. */
class GoldStackTest {
    private static final int VOCABULARY = 11;
    private static final int WIDTH = 8;
    private static final int LONGEST = 24;
    private static final int SEEDS = 5;
    private static final double NOISE = 0.15;
    private static final double DIFFERENCE = 1e-5;
    private static final double SLOPE = 1e-6;

    private final Memory memory = new Memory();
    private final Workspace workspace = new Workspace();
    private final ThreadTeam team = new ThreadTeam(2);
    private final EagerOps ops = new EagerOps(KernelSet.fastest(), team, workspace);

    @AfterEach
    void release() {
        ops.close();
        team.close();
        workspace.close();
        memory.close();
    }

    static Stream<GoldCache> caches() {
        return Arrays.stream(CacheTier.values())
                .flatMap(tier -> Arrays.stream(CacheType.values()).map(type -> new GoldCache(tier, type)));
    }

    static Stream<GoldCache> exactCaches() {
        return Arrays.stream(CacheTier.values()).map(tier -> new GoldCache(tier, CacheType.F32));
    }

    /** Two layers of Finch-C2 under G of GOLD. */
    private static StackConfig config(GoldCache cache, int gold, Positions positions) {
        List<MixerConfig> branches = new ArrayList<>();
        MixerConfig channelMix = new RwkvChannelMixConfig(10, true);
        for (int layer = 0; layer < 2 + gold; layer++) {
            if (layer == 2) {
                branches.add(new CompressorConfig(2, cache));
            }
            branches.add(layer < 2 ? new FinchC2Config(4, 2, 3, 2, true, true)
                    : new GoldConfig(4, 3, 2, positions, cache));
            branches.add(channelMix);
        }
        return new StackConfig(VOCABULARY, WIDTH, 16, NormKind.LAYER, 1e-5, Optional.empty(),
                Optional.of(NormKind.LAYER), false, branches);
    }

    private static StackConfig config(GoldCache cache) {
        return config(cache, 2, Positions.rotary(50));
    }

    /** Initialised, and every parameter moved, so that no layer is the identity; the same numbers in both types. */
    private Stack stack(StackConfig config, DType dtype, long seed) {
        Parameters.Source fresh = Parameters.Source.initialised(seed, dtype, memory);
        return new Stack(config, (name, shape, role, initialiser) -> {
            Tensor tensor = fresh.provide(name, shape, role, initialiser);
            RandomGenerator random = Seeds.random(seed + name.hashCode());
            for (long i = 0; i < tensor.elements(); i++) {
                tensor.set(i, (float) ((float) tensor.get(i) + NOISE * random.nextGaussian()));
            }
            return tensor;
        });
    }

    private Tensor ids(RandomGenerator random, int batch, int time) {
        Tensor ids = memory.zeros(DType.I32, batch, time);
        for (long i = 0; i < ids.elements(); i++) {
            ids.set(i, random.nextInt(VOCABULARY));
        }
        return ids;
    }

    private ModelState empty(Stack stack, DType dtype, int batch, int capacity) {
        return ModelState.empty(stack.stateLayouts(), dtype, batch, capacity, memory);
    }

    private static Form anyForm(RandomGenerator random) {
        return Form.values()[random.nextInt(Form.values().length)];
    }

    /** How far apart results may lie: a number that is rounded to fewer bits may fall on either side. */
    private static double tolerance(GoldCache cache, DType dtype) {
        return cache.type() == CacheType.F32 ? Tensors.tolerance(dtype) : cache.type() == CacheType.BF16 ? 0.02 : 0.05;
    }

    private static void assertClose(String what, GoldCache cache, Tensor found, Tensor expected) {
        Tensors.assertClose(what, found, expected, tolerance(cache, expected.dtype()));
    }

    private void assertStates(String what, GoldCache cache, ModelState found, ModelState expected) {
        assertThat(found.ages()).as(what).isEqualTo(expected.ages());
        for (int branch = 0; branch < expected.states().size(); branch++) {
            State one = found.states().get(branch);
            State other = expected.states().get(branch);
            for (int i = 0; i < other.slots().size(); i++) {
                Slot slot = other.layout().slots().get(i);
                if (other.slots().get(i).dtype() == DType.I8) {
                    continue;
                }
                for (int b = 0; b < expected.batch(); b++) {
                    assertClose(what + ": branch " + branch + " slot " + slot.name(), cache,
                            counting(slot, one.slots().get(i), b, expected.ages()[b]),
                            counting(slot, other.slots().get(i), b, expected.ages()[b]));
                }
            }
        }
    }

    private static Tensor counting(Slot slot, Tensor tensor, int row, long age) {
        Tensor one = tensor.slice(row, row + 1);
        int[] lengths = Arrays.copyOfRange(one.shape().toArray(), 1, one.shape().rank());
        Tensor alone = one.reshape(lengths);
        return slot instanceof Slot.Growing ? alone.slice(0, Math.toIntExact(age)) : alone;
    }

    @ParameterizedTest
    @MethodSource("caches")
    void anyCutInAnyFormGivesTheSame(GoldCache cache) {
        Seeds.forAll(SEEDS, (seed, random) -> {
            for (DType dtype : List.of(DType.F32, DType.F64)) {
                Stack stack = stack(config(cache), dtype, seed);
                int time = Seeds.between(random, 1, LONGEST);
                Tensor ids = ids(random, 2, time);
                Passed whole = stack.forward(Form.STEP, ops, ids, empty(stack, dtype, 2, time));
                for (Form form : Form.values()) {
                    Passed other = stack.forward(form, ops, ids, empty(stack, dtype, 2, time));
                    assertClose("hidden of " + form, cache, other.hidden(), whole.hidden());
                    assertStates("state after " + form, cache, other.state(), whole.state());
                }
                assertClose("hidden without room to continue", cache,
                        stack.forward(Form.PARALLEL, ops, ids, empty(stack, dtype, 2, 0)).hidden(), whole.hidden());
                ModelState state = empty(stack, dtype, 2, time);
                List<Tensor> pieces = new ArrayList<>();
                for (int from = 0, to; from < time; from = to) {
                    to = from + 1 + random.nextInt(time - from);
                    Passed piece = stack.forward(anyForm(random), ops, ops.slice(ids, 1, from, to), state);
                    pieces.add(piece.hidden());
                    state = piece.state();
                }
                assertClose("hidden of pieces", cache, ops.concat(pieces, 1), whole.hidden());
                assertStates("state after pieces", cache, state, whole.state());
            }
        });
    }

    @ParameterizedTest
    @MethodSource("caches")
    void aBatchGivesEachSequenceWhatItGetsAlone(GoldCache cache) {
        Seeds.forAll(SEEDS, (seed, random) -> {
            Stack stack = stack(config(cache), DType.F32, seed);
            int batch = 3;
            int time = Seeds.between(random, 1, LONGEST / 2);
            ModelState together = empty(stack, DType.F32, batch, LONGEST);
            Tensor ids = ids(random, batch, time);
            List<Passed> alone = new ArrayList<>();
            for (int b = 0; b < batch; b++) {
                int age = b == 0 ? 0 : Seeds.between(random, 0, LONGEST - time);
                ModelState own = empty(stack, DType.F32, 1, LONGEST);
                if (age > 0) {
                    own = stack.forward(Form.PARALLEL, ops, ids(random, 1, age), own).state();
                }
                together.copySequence(own, 0, b);
                alone.add(stack.forward(anyForm(random), ops, ids.slice(b, b + 1), own));
            }
            for (Form form : Form.values()) {
                Passed passed = stack.forward(form, ops, ids, together.copy(memory));
                for (int b = 0; b < batch; b++) {
                    assertClose(form + ", sequence " + b, cache, passed.hidden().slice(b, b + 1),
                            alone.get(b).hidden());
                    ModelState one = empty(stack, DType.F32, 1, LONGEST);
                    one.copySequence(passed.state(), b, 0);
                    assertStates(form + ", sequence " + b, cache, one, alone.get(b).state());
                }
            }
        });
    }

    @ParameterizedTest
    @MethodSource("caches")
    void packedSequencesGiveEachWhatItGetsAlone(GoldCache cache) {
        Seeds.forAll(SEEDS, (seed, random) -> {
            Stack stack = stack(config(cache), DType.F32, seed);
            int time = Seeds.between(random, 2, LONGEST / 2);
            int age = Seeds.between(random, 1, LONGEST - time);
            int[] resets = random.ints(3, 0, time).distinct().sorted().toArray();
            Tensor ids = ids(random, 2, time);
            ModelState start = stack
                    .forward(Form.PARALLEL, ops, ids(random, 2, age), empty(stack, DType.F32, 2, LONGEST)).state();
            List<Tensor> pieces = new ArrayList<>();
            List<Tensor> fresh = new ArrayList<>();
            ModelState state = start.copy(memory);
            int from = 0;
            for (int i = 0; i <= resets.length; i++) {
                int to = i < resets.length ? resets[i] : time;
                if (to > from) {
                    Tensor part = ops.slice(ids, 1, from, to);
                    Passed piece = stack.forward(anyForm(random), ops, part, state);
                    pieces.add(piece.hidden());
                    state = piece.state();
                    fresh.add(stack.forward(Form.PARALLEL, ops, part, empty(stack, DType.F32, 2, 0)).hidden());
                }
                if (i < resets.length) {
                    state = empty(stack, DType.F32, 2, LONGEST);
                }
                from = to;
            }
            for (Form form : Form.values()) {
                Passed packed = stack.forward(form, ops, ids, start.copy(memory), resets);
                assertClose(form + " with resets " + Arrays.toString(resets), cache, packed.hidden(),
                        ops.concat(pieces, 1));
                assertStates(form + " with resets", cache, packed.state(), state);
                // In training sequences begin afresh and are not continued.
                assertClose(form + " without room, resets " + Arrays.toString(resets), cache,
                        stack.forward(Form.PARALLEL, ops, ids, empty(stack, DType.F32, 2, 0), resets).hidden(),
                        ops.concat(fresh, 1));
            }
        });
    }

    /** Tiers differ in memory and time alone, over more rows than one tile, in batches of different ages. */
    @Test
    void allTiersGiveTheSame() {
        Seeds.forAll(2, (seed, random) -> {
            int[] ages = {700, 130};
            List<List<Tensor>> found = new ArrayList<>();
            List<Tensor> prompts = List.of(ids(random, 1, ages[0]), ids(random, 1, ages[1]));
            List<Tensor> steps = List.of(ids(random, 2, 3), ids(random, 2, 1), ids(random, 2, 70));
            for (GoldCache cache : exactCaches().toList()) {
                Stack stack = stack(config(cache), DType.F32, seed);
                ModelState state = empty(stack, DType.F32, 2, 800);
                List<Tensor> outputs = new ArrayList<>();
                for (int b = 0; b < ages.length; b++) {
                    Passed prompt = stack.forward(Form.PARALLEL, ops, prompts.get(b), empty(stack, DType.F32, 1, 800));
                    outputs.add(memory.copyOf(prompt.hidden()));
                    state.copySequence(prompt.state(), 0, b);
                }
                for (Tensor step : steps) {
                    Passed passed = stack.forward(Form.fastestFor(step.dim(1)), ops, step, state);
                    outputs.add(memory.copyOf(passed.hidden()));
                    state = passed.state();
                }
                found.add(outputs);
            }
            for (List<Tensor> other : found) {
                for (int i = 0; i < other.size(); i++) {
                    Tensors.assertClose("output " + i, other.get(i), found.getFirst().get(i));
                }
            }
        });
    }

    /** A tier keeps what it says: bytes of a position beyond what does not grow. */
    @Test
    void aTierKeepsWhatItSays() {
        assertThat(bytesPerToken(new GoldCache(CacheTier.COMPRESSED, CacheType.F32))).isEqualTo(2 + 4 * WIDTH / 2);
        assertThat(bytesPerToken(new GoldCache(CacheTier.COMPRESSED, CacheType.BF16))).isEqualTo(2 + 2 * WIDTH / 2);
        assertThat(bytesPerToken(new GoldCache(CacheTier.COMPRESSED, CacheType.INT8))).isEqualTo(2 + 2 + WIDTH / 2);
        assertThat(bytesPerToken(new GoldCache(CacheTier.KEYS, CacheType.F32))).isEqualTo(2 + 4 * WIDTH);
        assertThat(bytesPerToken(new GoldCache(CacheTier.FULL, CacheType.F32))).isEqualTo(2 * 2 * 4 * WIDTH);
        assertThat(bytesPerToken(new GoldCache(CacheTier.FULL, CacheType.BF16))).isEqualTo(2 * 2 * 2 * WIDTH);
    }

    private static long bytesPerToken(GoldCache cache) {
        Stack stack = new Stack(config(cache), Parameters.Source.shapesOnly());
        return stack.stateBytes(1_001) - stack.stateBytes(1_000);
    }

    /** Keys and values of a position never change later, and values depend on two tokens alone, bit for bit. */
    @Test
    void valuesAreBigramsAndNothingIsWrittenTwice() {
        Stack stack = stack(config(GoldCache.FULL), DType.F32, 3);
        RandomGenerator random = Seeds.random(9);
        Tensor ids = ids(random, 1, 12);
        Tensor changed = memory.copyOf(ids);
        changed.set(5, (ids.getInt(5) + 1) % VOCABULARY);
        State before = memoryOf(stack, ids, 12);
        State after = memoryOf(stack, changed, 12);
        for (String slot : List.of("keys", "values")) {
            Tensors.assertEqual(slot + " before", rows(after.slot(slot), 0, 5), rows(before.slot(slot), 0, 5));
            Tensors.assertEqual(slot + " of a shorter text", rows(memoryOf(stack, ids, 7).slot(slot), 0, 5),
                    rows(before.slot(slot), 0, 5));
        }
        assertThat(Tensors.largestDifference(rows(after.slot("values"), 5, 7), rows(before.slot("values"), 5, 7)))
                .isGreaterThan(1e-3);
        Tensors.assertEqual("values two later", rows(after.slot("values"), 7, 12), rows(before.slot("values"), 7, 12));
        assertThat(Tensors.largestDifference(rows(after.slot("keys"), 7, 12), rows(before.slot("keys"), 7, 12)))
                .isGreaterThan(1e-5);
    }

    private State memoryOf(Stack stack, Tensor ids, int time) {
        return stack.forward(Form.STEP, ops, ops.slice(ids, 1, 0, time), empty(stack, DType.F32, 1, 12)).state()
                .states().get(5);
    }

    private static Tensor rows(Tensor slot, int from, int to) {
        return slot.reshape(slot.shape().with(0, slot.dim(1)).with(1, 1)).slice(from, to);
    }

    // ── the end of a prompt ─────────────────────────────────────────────────────────────────────────────────────────

    /** The tail is as long as the paper says, and what is wanted of a prompt comes out as of the whole. */
    @ParameterizedTest
    @MethodSource("caches")
    void theEndOfAPromptIsEnough(GoldCache cache) {
        Seeds.forAll(SEEDS, (seed, random) -> {
            for (int gold = 1; gold <= 3; gold++) {
                Stack stack = stack(config(cache, gold, Positions.NONE), DType.F32, seed);
                assertThat(stack.tail()).isEqualTo(2 * gold + 1);
                int time = Seeds.between(random, 1, LONGEST);
                Tensor ids = ids(random, 2, time);
                Tensor next = ids(random, 2, 4);
                Passed whole = stack.forward(Form.PARALLEL, ops, ids, empty(stack, DType.F32, 2, 40));
                Tensor hidden = memory.copyOf(whole.hidden());
                Tensor expected = memory
                        .copyOf(stack.forward(Form.PARALLEL, ops, next, whole.state().copy(memory)).hidden());
                Passed last = stack.forward(Form.PARALLEL, ops, ids, empty(stack, DType.F32, 2, 40), Outputs.LAST);
                assertClose("the last output", cache, last.hidden(), ops.slice(hidden, 1, time - 1, time));
                assertStates("after the last output", cache, last.state(), whole.state());
                Passed none = stack.forward(Form.PARALLEL, ops, ids, empty(stack, DType.F32, 2, 40), Outputs.NONE);
                assertThat(none.hidden().shape()).isEqualTo(Shape.of(2, 0, WIDTH));
                assertClose("what follows", cache, stack.forward(Form.STEP, ops, next, none.state()).hidden(),
                        expected);
                if (time > stack.tail()) {
                    int cut = Seeds.between(random, 1, time - stack.tail());
                    Passed first = stack.forward(Form.PARALLEL, ops, ops.slice(ids, 1, 0, cut),
                            empty(stack, DType.F32, 2, 40), Outputs.UNFINISHED);
                    Passed rest = stack.forward(Form.PARALLEL, ops, ops.slice(ids, 1, cut, time), first.state(),
                            Outputs.LAST);
                    assertClose("the last output after an unfinished piece", cache, rest.hidden(),
                            ops.slice(hidden, 1, time - 1, time));
                    assertStates("after an unfinished piece", cache, rest.state(), whole.state());
                }
            }
        });
    }

    /** One position less than the tail is not enough: what is left out was needed. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void oneLessThanTheTailIsNotEnough(int gold) {
        Stack stack = stack(config(GoldCache.FULL, gold, Positions.NONE), DType.F64, 2);
        RandomGenerator random = Seeds.random(2);
        Tensor ids = ids(random, 1, 20);
        Tensor whole = memory.copyOf(
                stack.forward(Form.PARALLEL, ops, ids, empty(stack, DType.F64, 1, 20), Outputs.LAST).hidden());
        for (int tail : new int[] {stack.tail(), stack.tail() - 1}) {
            Passed first = stack.forward(Form.PARALLEL, ops, ops.slice(ids, 1, 0, 20 - tail),
                    empty(stack, DType.F64, 1, 20), Outputs.UNFINISHED);
            Tensor found = stack
                    .forward(Form.PARALLEL, ops, ops.slice(ids, 1, 20 - tail, 20), first.state(), Outputs.LAST)
                    .hidden();
            double apart = Tensors.largestDifference(found, whole);
            if (tail == stack.tail()) {
                assertThat(apart).isLessThan(1e-11);
            } else {
                assertThat(apart).isGreaterThan(1e-9);
            }
        }
    }

    // ── gradients ───────────────────────────────────────────────────────────────────────────────────────────────────

    /** Slopes of every parameter and of the initial state, that of the shared cache included; recomputing changes nothing. */
    @ParameterizedTest
    @MethodSource("exactCaches")
    void gradientsAreTheSlopes(GoldCache cache) {
        Seeds.forAll(2, (seed, random) -> {
            Stack stack = stack(config(cache), DType.F64, seed);
            int time = 4;
            Tensor ids = ids(random, 2, time);
            ModelState start = empty(stack, DType.F64, 2, 12);
            long[] ages = {0, 3 + seed % 6};
            ModelState older = stack.forward(Form.PARALLEL, ops, ids(random, 1, (int) ages[1]),
                    empty(stack, DType.F64, 1, 12)).state();
            start.copySequence(older, 0, 1);
            Tensor weights = Tensors.normal(DType.F64, random, memory, 2, time, WIDTH);
            List<Tensor> leaves = new ArrayList<>(
                    stack.parameters().trained().stream().map(Parameters.Parameter::tensor).toList());
            List<Tensor> slots = start.states().stream().flatMap(state -> state.slots().stream()).toList();
            slots.stream().filter(slot -> slot.dtype() == DType.F64).forEach(leaves::add);
            List<double[]> plain = gradients(stack, ids, start, weights, leaves, false);
            List<double[]> recomputed = gradients(stack, ids, start, weights, leaves, true);
            for (int i = 0; i < leaves.size(); i++) {
                Tensors.assertClose("recomputed gradient " + i, recomputed.get(i), plain.get(i),
                        Tensors.F64_TOLERANCE);
                Tensor leaf = leaves.get(i);
                long at = random.nextLong(leaf.elements());
                double value = leaf.get(at);
                double up = loss(stack, ids, start, weights, leaf, at, value + DIFFERENCE);
                double down = loss(stack, ids, start, weights, leaf, at, value - DIFFERENCE);
                leaf.set(at, value);
                double slope = (up - down) / (2 * DIFFERENCE);
                assertThat(plain.get(i)[(int) at]).as("gradient of leaf " + i + " " + leaf + " at " + at)
                        .isCloseTo(slope, within(SLOPE * Math.max(1, Math.abs(slope))));
            }
        });
    }

    private List<double[]> gradients(Stack stack, Tensor ids, ModelState start, Tensor weights, List<Tensor> leaves,
            boolean recompute) {
        List<Tensor> parameters = stack.parameters().trained().stream().map(Parameters.Parameter::tensor).toList();
        try (Gradients gradients = new Gradients(parameters);
                Workspace activations = new Workspace();
                TapeOps tape = new TapeOps(KernelSet.fastest(), team, activations, gradients, recompute)) {
            leaves.subList(parameters.size(), leaves.size()).forEach(tape::watch);
            ModelState same = new ModelState(start.states().stream()
                    .map(state -> State.of(state.layout(), state.slots())).toList(), start.ages().clone());
            tape.backward(loss(stack, tape, ids, same, weights), 1);
            return leaves.stream().map(leaf -> tape.gradient(leaf).map(Tensor::toDoubles)
                    .orElseGet(() -> new double[(int) leaf.elements()])).toList();
        }
    }

    private static Tensor loss(Stack stack, Ops by, Tensor ids, ModelState state, Tensor weights) {
        Passed passed = stack.forward(Form.PARALLEL, by, ids, state);
        return by.mean(by.multiply(passed.hidden(), weights), 1);
    }

    private double loss(Stack stack, Tensor ids, ModelState start, Tensor weights, Tensor leaf, long at, double value) {
        leaf.set(at, value);
        ops.parametersChanged();
        return loss(stack, ops, ids, start.copy(memory), weights).get(0);
    }
}
