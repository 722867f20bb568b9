package tern.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.random.RandomGenerator;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import tern.ops.Ops;
import tern.sequence.Form;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;

/**
 * The laws that every mixer keeps. A mixer's test extends this class and says which mixers to check and with which
 * operations; each law draws its cases from seeds, in {@code F32} on the bodies under test and in {@code F64} on the
 * reference.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class MixerContract {
    private static final int SEEDS = 4;
    private static final int GRADIENT_SEEDS = 2;
    private static final int SAMPLED_ENTRIES = 5;
    private static final double NOISE = 0.1;
    private static final String INITIAL_STATE = "initial state ";
    private static final double DIFFERENCE = 1e-5;
    /** How far a gradient may lie from a central difference in {@code F64}, relative to itself and at least to 1. */
    private static final double DIFFERENCE_TOLERANCE = 1e-6;
    /** How far a gradient in {@code F32} may lie from the one in {@code F64}, relative to the tensor's largest. */
    private static final double F32_GRADIENT_TOLERANCE = 2e-3;

    /** Constructor for subclasses. */
    protected MixerContract() {
    }

    /** Fresh operations; the law closes them. */
    protected abstract OpsUnderTest ops();

    /** The mixers to check. */
    protected abstract List<MixerCase> cases();

    /**
     * Whether this slot of a sequence of this age has slopes: not where its zeros mean that nothing was seen yet, from which the
     * smallest number is a leap away.
     */
    protected boolean hasSlopes(String slot, long age) {
        return true;
    }

    /**
     * Whether a slot only repeats what another slot says in a form that makes steps cheap, so that no gradient flows through
     * it.
     */
    protected boolean repeatsAnotherSlot(String slot) {
        return false;
    }

    /** A mixer with its parameters and operations in one type. */
    private final class Bench implements AutoCloseable {
        private final Memory memory = new Memory();
        private final OpsUnderTest ops = ops();
        private final DType dtype;
        private final SeededParameters parameters;
        private final SequenceMixer mixer;
        private final StateLayout layout;
        private final int width;
        private final int longest;

        private Bench(MixerCase of, DType dtype, long seed) {
            this.dtype = dtype;
            this.parameters = new SeededParameters(dtype, seed, NOISE, memory);
            this.mixer = of.config().build(of.at(), parameters);
            this.layout = mixer.stateLayout();
            this.width = of.at().width();
            this.longest = of.longest();
        }

        private Tensor input(RandomGenerator random, int batch, int time) {
            return Tensors.normal(dtype, random, memory, batch, time, width);
        }

        private State empty(int batch, int capacity) {
            return State.empty(layout, dtype, batch, capacity, memory);
        }

        /** The state of fresh sequences after all of x. */
        private State after(Tensor x, int capacity) {
            State empty = empty(x.dim(0), capacity);
            return x.dim(1) == 0 ? empty : mix(Form.PARALLEL, MixerInput.fresh(x), empty).state();
        }

        private Mixed mix(Form form, MixerInput in, State state) {
            return mixer.mix(form, ops.eager(), in, state);
        }

        /** The forms that it runs in. */
        private List<Form> forms() {
            return mixer.causal() ? List.of(Form.values()) : List.of(Form.PARALLEL);
        }

        private Form anyForm(RandomGenerator random) {
            return forms().get(random.nextInt(forms().size()));
        }

        /** A number of positions that a sequence may have seen before: none of a mixer that reads in both directions. */
        private int anyAge(RandomGenerator random, int most) {
            return mixer.causal() ? Seeds.between(random, 0, most) : 0;
        }

        private Tensor rows(Tensor x, int from, int to) {
            return memory.copyOf(ops.eager().slice(x, 1, from, to));
        }

        @Override
        public void close() {
            ops.close();
            memory.close();
        }
    }

    @FunctionalInterface
    private interface Law {
        void check(Bench bench, RandomGenerator random);
    }

    private void forAll(MixerCase of, int seeds, Law law) {
        Seeds.forAll(seeds, (seed, ignored) -> {
            for (DType dtype : List.of(DType.F32, DType.F64)) {
                try (Bench bench = new Bench(of, dtype, seed)) {
                    law.check(bench, Seeds.random(seed));
                }
            }
        });
    }

    // ── cuts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    /** Any cutting of time, each piece in any form, gives the same outputs and last state as the whole. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    public void anyCutInAnyFormGivesTheSame(MixerCase of) {
        forAll(of, SEEDS, (bench, random) -> {
            if (!bench.mixer.causal()) {
                refusesToBeCut(bench, random);
                return;
            }
            int batch = Seeds.between(random, 1, 3);
            int time = Seeds.between(random, 1, bench.longest);
            Tensor x = bench.input(random, batch, time);
            long[] ages = new long[batch];
            Arrays.fill(ages, time);
            Mixed whole = bench.mix(Form.STEP, MixerInput.fresh(x), bench.empty(batch, time));
            for (Form form : Form.values()) {
                Mixed other = bench.mix(form, MixerInput.fresh(x), bench.empty(batch, time));
                Tensors.assertClose("y of " + form, other.y(), whole.y());
                assertClose(form.toString(), other.state(), whole.state(), ages);
            }
            for (int attempt = 0; attempt < 3; attempt++) {
                Mixed cut = cut(bench, random, MixerInput.fresh(x), bench.empty(batch, time));
                Tensors.assertClose("y of " + cutting, cut.y(), whole.y());
                assertClose(cutting.toString(), cut.state(), whole.state(), ages);
            }
        });
    }

    /** What reads in both directions remembers nothing and takes whole sequences. */
    private static void refusesToBeCut(Bench bench, RandomGenerator random) {
        Tensor x = bench.input(random, 2, Seeds.between(random, 1, bench.longest));
        assertThat(bench.layout.slots()).as("slots of a mixer that reads in both directions").isEmpty();
        for (Form form : List.of(Form.STEP, Form.CHUNK)) {
            assertThatThrownBy(() -> bench.mix(form, MixerInput.fresh(x), bench.empty(2, 0)))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("both directions");
        }
        assertThatThrownBy(() -> bench.mix(Form.PARALLEL, MixerInput.of(x, 0, 1), bench.empty(2, 0)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("both directions");
    }

    /** How time was cut last, for messages. */
    private final List<String> cutting = new ArrayList<>();

    private Mixed cut(Bench bench, RandomGenerator random, MixerInput in, State start) {
        cutting.clear();
        List<Tensor> pieces = new ArrayList<>();
        State state = start;
        for (int from = 0, to; from < in.time(); from = to) {
            to = from + 1 + random.nextInt(in.time() - from);
            Form form = bench.anyForm(random);
            cutting.add(form + " " + from + ".." + to);
            Mixed piece = bench.mix(form, in.slice(bench.ops.eager(), from, to), state);
            pieces.add(piece.y());
            state = piece.state();
        }
        return new Mixed(bench.ops.eager().concat(pieces, 1), state);
    }

    /** Compares what counts: fixed slots whole, growing ones up to each sequence's age. */
    private static void assertClose(String what, State actual, State expected, long[] ages) {
        List<Slot> slots = expected.layout().slots();
        for (int i = 0; i < slots.size(); i++) {
            Tensor one = actual.slots().get(i);
            Tensor other = expected.slots().get(i);
            for (int b = 0; b < ages.length; b++) {
                Tensors.assertClose("state \"" + slots.get(i).name() + "\" of sequence " + b + " after " + what,
                        counting(slots.get(i), one, b, ages[b]), counting(slots.get(i), other, b, ages[b]));
            }
        }
    }

    private static Tensor counting(Slot slot, Tensor tensor, int row, long age) {
        Tensor one = tensor.slice(row, row + 1);
        return switch (slot) {
            case Slot.Fixed fixed -> one.reshape(fixed.shape());
            case Slot.Growing ignored -> one.reshape(removeFirst(one)).slice(0, Math.toIntExact(age));
            case Slot.Chunk chunk -> one.reshape(removeFirst(one)).slice(0, chunk.rows(age));
            case Slot.Ring ignored -> one.reshape(removeFirst(one));
        };
    }

    private static int[] removeFirst(Tensor tensor) {
        int[] lengths = tensor.shape().toArray();
        return Arrays.copyOfRange(lengths, 1, lengths.length);
    }

    // ── types ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /** {@code F32} on the bodies under test gives what {@code F64} gives on the reference, but for rounding. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    public void singlePrecisionIsTheReferenceRounded(MixerCase of) {
        Seeds.forAll(SEEDS, (seed, random) -> {
            try (Bench single = new Bench(of, DType.F32, seed); Bench wide = new Bench(of, DType.F64, seed)) {
                int time = seed <= 3 ? (int) seed : Seeds.between(random, 1, wide.longest);
                Tensor x = wide.input(random, 2, time);
                Tensor narrow = Tensors.as(DType.F32, x, single.memory);
                Tensor expected = wide.mix(wide.forms().getFirst(), MixerInput.fresh(x), wide.empty(2, time)).y();
                for (Form form : single.forms()) {
                    Mixed mixed = single.mix(form, MixerInput.fresh(narrow), single.empty(2, time));
                    Tensors.assertClose("y of " + form + " of " + time + " positions", mixed.y(), expected,
                            Tensors.F32_TOLERANCE);
                }
                Mixed last = single.mix(Form.PARALLEL, MixerInput.fresh(narrow), single.empty(2, 0));
                Tensors.assertClose("y of " + time + " positions without room to continue", last.y(), expected,
                        Tensors.F32_TOLERANCE);
            }
        });
    }

    // ── causality ───────────────────────────────────────────────────────────────────────────────────────────────────

    /** A position changes its own output and none before it; exactly none when stepping, else up to rounding. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    public void noOutputDependsOnALaterPosition(MixerCase of) {
        forAll(of, SEEDS, (bench, random) -> {
            if (!bench.mixer.causal()) {
                return;
            }
            int time = Seeds.between(random, 2, bench.longest);
            int at = Seeds.between(random, 1, time - 1);
            Tensor x = bench.input(random, 2, time);
            Tensor changed = bench.memory.copyOf(x);
            for (int d = 0; d < bench.width; d++) {
                changed.set((long) at * bench.width + d, x.get((long) at * bench.width + d) + random.nextGaussian());
            }
            for (Form form : Form.values()) {
                Tensor before = bench.mix(form, MixerInput.fresh(x), bench.empty(2, time)).y();
                Tensor after = bench.mix(form, MixerInput.fresh(changed), bench.empty(2, time)).y();
                String what = form + ": y before position " + at + " of " + time;
                if (form == Form.STEP) {
                    Tensors.assertEqual(what, bench.rows(after, 0, at), bench.rows(before, 0, at));
                } else {
                    Tensors.assertClose(what, bench.rows(after, 0, at), bench.rows(before, 0, at));
                }
                Tensors.assertClose(form + ": y of the other sequence", after.slice(1, 2), before.slice(1, 2));
                assertThat(Tensors.largestDifference(bench.rows(after, at, at + 1).slice(0, 1),
                        bench.rows(before, at, at + 1).slice(0, 1))).as("change of y at the changed position")
                        .isGreaterThan(1e-4);
            }
        });
    }

    // ── batch ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /** A batch of sequences of different ages gives each what it would get alone. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    public void aBatchGivesEachSequenceWhatItGetsAlone(MixerCase of) {
        forAll(of, SEEDS, (bench, random) -> {
            int batch = Seeds.between(random, 2, 4);
            int time = Seeds.between(random, 1, bench.longest / 2);
            long[] ages = new long[batch];
            long[] last = new long[batch];
            Tensor x = bench.input(random, batch, time);
            State together = bench.empty(batch, bench.longest);
            List<Mixed> alone = new ArrayList<>();
            for (int b = 0; b < batch; b++) {
                ages[b] = bench.anyAge(random, bench.longest - time);
                last[b] = ages[b] + time;
                State state = bench.after(bench.input(random, 1, (int) ages[b]), bench.longest);
                together.copySequence(state, 0, b);
                alone.add(bench.mix(bench.anyForm(random), MixerInput.of(x.slice(b, b + 1), ages[b]), state));
            }
            for (Form form : bench.forms()) {
                Mixed mixed = bench.mix(form, MixerInput.of(x, ages), together.copy(bench.memory));
                for (int b = 0; b < batch; b++) {
                    String what = form + ", sequence " + b + " of age " + ages[b] + " in a batch of " + batch;
                    Tensors.assertClose(what, mixed.y().slice(b, b + 1), alone.get(b).y());
                    State row = bench.empty(1, bench.longest);
                    row.copySequence(mixed.state(), b, 0);
                    assertClose(what, row, alone.get(b).state(), new long[] {last[b]});
                }
            }
        });
    }

    /** Sequences of different lengths, padded with anything at the end, give each what it would get alone. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    public void aPaddedBatchGivesEachSequenceWhatItGetsAlone(MixerCase of) {
        forAll(of, SEEDS, (bench, random) -> {
            int batch = Seeds.between(random, 1, 4);
            int time = Seeds.between(random, 1, bench.longest);
            int[] lengths = random.ints(batch, 1, time + 1).toArray();
            Tensor x = bench.input(random, batch, time);
            for (Form form : bench.forms()) {
                Tensor together = bench.mix(form, MixerInput.padded(x, lengths), bench.empty(batch, time)).y();
                for (int b = 0; b < batch; b++) {
                    Tensor own = bench.rows(x.slice(b, b + 1), 0, lengths[b]);
                    Tensor alone = bench.mix(bench.anyForm(random), MixerInput.fresh(own), bench.empty(1, time)).y();
                    Tensors.assertClose(form + ", sequence " + b + " of lengths " + Arrays.toString(lengths) + " in "
                            + time, bench.rows(together.slice(b, b + 1), 0, lengths[b]), alone);
                }
            }
        });
    }

    /** Sequences packed one after another with resets between them give each what it would get alone. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    public void packedSequencesWithResetsGiveEachWhatItGetsAlone(MixerCase of) {
        forAll(of, SEEDS, (bench, random) -> {
            int batch = Seeds.between(random, 1, 2);
            int time = Seeds.between(random, 1, bench.longest / 2);
            int age = bench.anyAge(random, bench.longest - time);
            int[] resets = random.ints(Seeds.between(random, 1, 3), 0, time).distinct().sorted().toArray();
            Tensor x = bench.input(random, batch, time);
            State start = bench.after(bench.input(random, batch, age), bench.longest);
            long[] ages = new long[batch];
            Arrays.fill(ages, age);

            List<Tensor> pieces = new ArrayList<>();
            State state = start.copy(bench.memory);
            long[] pieceAges = ages.clone();
            int from = 0;
            for (int i = 0; i <= resets.length; i++) {
                int to = i < resets.length ? resets[i] : time;
                if (to > from) {
                    Mixed piece = bench.mix(bench.anyForm(random), MixerInput.of(bench.rows(x, from, to), pieceAges),
                            state);
                    pieces.add(piece.y());
                    state = piece.state();
                }
                if (i < resets.length) {
                    state = bench.empty(batch, bench.longest);
                    pieceAges = new long[batch];
                }
                from = to;
            }
            Tensor expected = bench.ops.eager().concat(pieces, 1);
            long[] lastAges = new long[batch];
            Arrays.fill(lastAges, time - resets[resets.length - 1]);
            for (Form form : bench.forms()) {
                Mixed packed = bench.mix(form, new MixerInput(x, ages, Map.of(), resets), start.copy(bench.memory));
                String what = form + " with resets " + Arrays.toString(resets);
                Tensors.assertClose(what, packed.y(), expected);
                assertClose(what, packed.state(), state, lastAges);
            }
        });
    }

    // ── state ───────────────────────────────────────────────────────────────────────────────────────────────────────

    /** A copied state does not notice what happens to the original; one saved and loaded continues with the same bits. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    public void aStateCanBeCopiedAndSaved(MixerCase of) {
        forAll(of, SEEDS, (bench, random) -> {
            if (!bench.mixer.causal()) {
                return;
            }
            // One position is left for the one after.
            int time = Seeds.between(random, 1, (bench.longest - 1) / 2);
            int more = Seeds.between(random, 1, bench.longest - 1 - time);
            Form form = bench.anyForm(random);
            State state = bench.after(bench.input(random, 1, time), bench.longest);
            Tensor x = bench.input(random, 1, more);
            State saved = bench.empty(1, bench.longest);
            for (int i = 0; i < saved.slots().size(); i++) {
                saved.slots().get(i).setAll(state.slots().get(i).toDoubles());
            }
            State copy = state.copy(bench.memory);
            Mixed original = bench.mix(form, MixerInput.of(x, time), state);
            bench.mix(form, MixerInput.of(bench.input(random, 1, 1), time + more), original.state().copy(bench.memory));
            Mixed again = bench.mix(form, MixerInput.of(x, time), copy);
            Mixed loaded = bench.mix(form, MixerInput.of(x, time), saved);
            Tensors.assertEqual("y from a copied state", again.y(), original.y());
            Tensors.assertEqual("y from a loaded state", loaded.y(), original.y());
            for (int i = 0; i < bench.layout.slots().size(); i++) {
                Slot slot = bench.layout.slots().get(i);
                Tensor expected = counting(slot, original.state().slots().get(i), 0, time + more);
                Tensors.assertEqual("copied \"" + slot.name() + "\"",
                        counting(slot, again.state().slots().get(i), 0, time + more),
                        expected);
                Tensors.assertEqual("loaded \"" + slot.name() + "\"",
                        counting(slot, loaded.state().slots().get(i), 0, time + more),
                        expected);
            }
        });
    }

    /** A state that was passed on cannot be used again. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    public void aMovedStateThrows(MixerCase of) {
        forAll(of, 1, (bench, random) -> {
            for (Form form : bench.forms()) {
                State state = bench.empty(1, 3);
                Tensor x = bench.input(random, 1, 3);
                bench.mix(form, MixerInput.fresh(x), state);
                assertThatThrownBy(() -> bench.mix(form, MixerInput.fresh(x), state))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("moved");
            }
        });
    }

    /** The layout says exactly how many floats a sequence holds, and a fixed slot has the same shape after many steps. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    public void theLayoutCountsWhatIsHeld(MixerCase of) {
        forAll(of, 1, (bench, random) -> {
            if (!bench.mixer.causal()) {
                return;
            }
            int time = bench.longest;
            State state = bench.empty(2, time);
            for (int t = 0; t < time; t++) {
                state = bench.mix(Form.STEP, MixerInput.of(bench.input(random, 2, 1), t, t), state).state();
            }
            long held = state.slots().stream().mapToLong(Tensor::elements).sum();
            assertThat(held).as("floats of two sequences after " + time + " positions")
                    .isEqualTo(2 * bench.layout.floats(time));
            assertThat(bench.layout.floats(1_000_000) > bench.layout.floats(1)).as("whether the layout grows")
                    .isEqualTo(
                            bench.layout.grows());
            for (int i = 0; i < bench.layout.slots().size(); i++) {
                if (bench.layout.slots().get(i) instanceof Slot.Fixed fixed) {
                    assertThat(state.slots().get(i).shape())
                            .as("shape of \"" + fixed.name() + "\" after " + time + " steps")
                            .isEqualTo(fixed.shape().prepend(2));
                }
            }
        });
    }

    // ── gradients ───────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * The gradients of every parameter, the input and the initial state agree with central differences in {@code F64}, are
     * the same for all forms, and come out alike in {@code F32}.
     */
    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    public void gradientsAreTheSlopes(MixerCase of) {
        Seeds.forAll(GRADIENT_SEEDS, (seed, ignored) -> {
            Slopes wide = new Slopes(of, DType.F64, seed);
            Slopes single = new Slopes(of, DType.F32, seed);
            try (wide.bench; single.bench) {
                List<Tensor> reference = wide.gradients(Form.PARALLEL);
                for (Form form : wide.bench.forms()) {
                    List<Tensor> other = wide.gradients(form);
                    for (int i = 0; i < reference.size(); i++) {
                        Tensors.assertClose("gradient of " + wide.names.get(i) + " by " + form, other.get(i),
                                reference.get(i));
                    }
                }
                for (Form form : single.bench.forms()) {
                    List<Tensor> narrow = single.gradients(form);
                    for (int i = 0; i < reference.size(); i++) {
                        Tensors.assertClose("F32 gradient of " + wide.names.get(i) + " by " + form, narrow.get(i),
                                reference.get(i), F32_GRADIENT_TOLERANCE);
                    }
                }
                RandomGenerator random = Seeds.random(seed);
                for (int i = 0; i < reference.size(); i++) {
                    wide.compareWithDifferences(i, reference.get(i), random);
                }
            }
        });
    }

    /** A scalar of a mixer's outputs and last state, and everything it depends on. */
    private final class Slopes {
        private final Bench bench;
        private final List<String> names = new ArrayList<>();
        private final List<Tensor> leaves = new ArrayList<>();
        private final Tensor x;
        private final long[] ages;
        private final List<Tensor> start;
        private final Tensor outputWeights;
        private final List<Tensor> stateWeights = new ArrayList<>();

        private Slopes(MixerCase of, DType dtype, long seed) {
            bench = new Bench(of, dtype, seed);
            RandomGenerator random = Seeds.random(seed);
            int batch = 2;
            int time = Seeds.between(random, 2, Math.max(2, of.longest() / 3));
            x = bench.input(random, batch, time);
            outputWeights = Tensors.normal(dtype, x.shape(), random, bench.memory);
            ages = new long[] {bench.anyAge(random, of.longest() / 3), bench.anyAge(random, of.longest() / 3)};
            State initial = bench.empty(batch, of.longest());
            for (int b = 0; b < batch; b++) {
                initial.copySequence(bench.after(bench.input(random, 1, (int) ages[b]), of.longest()), 0, b);
            }
            start = initial.slots();
            bench.parameters.declared().forEach((name, declared) -> {
                if (declared.role() != Role.BUFFER) {
                    names.add("parameter " + name);
                    leaves.add(declared.tensor());
                }
            });
            names.add("the input");
            leaves.add(x);
            for (int i = 0; i < start.size(); i++) {
                Slot slot = bench.layout.slots().get(i);
                Tensor weights = bench.memory.zeros(dtype, start.get(i).shape());
                if (!repeatsAnotherSlot(slot.name())) {
                    names.add(INITIAL_STATE + slot.name());
                    leaves.add(start.get(i));
                    for (int b = 0; b < batch; b++) {
                        Tensor counting = counting(slot, weights, b, ages[b] + time);
                        counting.copyFrom(Tensors.normal(dtype, counting.shape(), random, bench.memory));
                    }
                }
                stateWeights.add(weights);
            }
        }

        private Function<Ops, Tensor> loss(Form form, List<Tensor> slots) {
            return ops -> {
                Mixed mixed = bench.mixer.mix(form, ops, MixerInput.of(x, ages), State.of(bench.layout, slots));
                Tensor sum = ops.mean(ops.multiply(mixed.y(), outputWeights), 1);
                for (int i = 0; i < slots.size(); i++) {
                    sum = ops.add(sum, ops.mean(ops.multiply(mixed.state().slots().get(i), stateWeights.get(i)), 1));
                }
                return sum;
            };
        }

        private List<Tensor> gradients(Form form) {
            return bench.ops.gradients(leaves, loss(form, start));
        }

        private void compareWithDifferences(int leaf, Tensor gradient, RandomGenerator random) {
            Tensor tensor = leaves.get(leaf);
            for (int sample = 0; sample < SAMPLED_ENTRIES && tensor.elements() > 0; sample++) {
                long at = random.nextLong(tensor.elements());
                if (!hasSlope(leaf, at)) {
                    assertThat(gradient.get(at) == 0).as("no gradient of %s at %d, where nothing was seen yet",
                            names.get(leaf), at).isTrue();
                    continue;
                }
                double value = tensor.get(at);
                double step = DIFFERENCE * Math.max(1, Math.abs(value));
                // Fourth order: a phase moves late outputs by as many radians as there are positions, and the error of the
                // usual difference grows with the cube of that.
                double near = value(tensor, at, value + step) - value(tensor, at, value - step);
                double far = value(tensor, at, value + 2 * step) - value(tensor, at, value - 2 * step);
                tensor.set(at, value);
                double slope = (8 * near - far) / (12 * step);
                assertThat(gradient.get(at)).as("gradient of " + names.get(leaf) + " " + tensor.shape() + " at " + at
                        + " against the central difference").isCloseTo(slope, Offset.offset(
                                DIFFERENCE_TOLERANCE * Math.max(1, Math.abs(slope))));
            }
        }

        private boolean hasSlope(int leaf, long at) {
            long sequence = at / Math.max(1, leaves.get(leaf).elements() / ages.length);
            return !names.get(leaf).startsWith(INITIAL_STATE)
                    || hasSlopes(names.get(leaf).substring(INITIAL_STATE.length()), ages[(int) sequence]);
        }

        private double value(Tensor changed, long at, double to) {
            changed.set(at, to);
            bench.ops.reset();
            List<Tensor> copies = start.stream().map(bench.memory::copyOf).toList();
            double value = loss(Form.PARALLEL, copies).apply(bench.ops.eager()).get(0);
            bench.ops.reset();
            return value;
        }
    }
}
