package tern.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.ops.Activation;
import tern.ops.Attended;
import tern.ops.Convolved;
import tern.ops.FilterNorm;
import tern.ops.Modes;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** The law: for every operation, the tape's gradient of every input equals the central difference, states included. */
class TapeOpsTest {
    private static final double STEP = 1e-5;
    private static final double TOLERANCE = 1e-7;
    private static final long SEED = 20260711;

    private final SplittableRandom random = new SplittableRandom(SEED);
    private final Memory memory = new Memory();
    private final Workspace workspace = new Workspace();
    private final ThreadTeam team = new ThreadTeam(1);
    private final EagerOps eager = new EagerOps(KernelSet.reference(), team, workspace);
    private final List<Tensor> inputs = new ArrayList<>();

    @AfterEach
    void release() {
        eager.close();
        team.close();
        workspace.close();
        memory.close();
    }

    private Tensor input(int... lengths) {
        Tensor tensor = memory.zeros(DType.F64, Shape.of(lengths));
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, random.nextDouble() * 2 - 1);
        }
        inputs.add(tensor);
        return tensor;
    }

    private Tensor ids(int... values) {
        Tensor tensor = memory.zeros(DType.I32, values.length);
        for (int i = 0; i < values.length; i++) {
            tensor.set(i, values[i]);
        }
        return tensor;
    }

    private void assertGradients(Function<Ops, List<Tensor>> network) {
        assertGradients(network, false);
    }

    /** Even inputs are parameters, odd ones watched leaves, so both ways of accumulating are seen. */
    private void assertGradients(Function<Ops, List<Tensor>> network, boolean recompute) {
        List<Tensor> parameters = new ArrayList<>();
        // What a recomputed segment reads without naming it must be a parameter.
        for (int i = 0; i < inputs.size(); i += recompute ? 1 : 2) {
            parameters.add(inputs.get(i));
        }
        try (Gradients gradients = new Gradients(parameters);
                Workspace taped = new Workspace();
                TapeOps tape = new TapeOps(KernelSet.reference(), team, taped, gradients, recompute)) {
            for (int i = 1; i < inputs.size() && !recompute; i += 2) {
                tape.watch(inputs.get(i));
            }
            List<Tensor> outputs = network.apply(tape);
            List<Tensor> weights = outputs.stream().map(this::weightsLike).toList();
            assertThat(dot(outputs, weights)).as("forward, seed %d", SEED).isEqualTo(value(network, weights));
            tape.backward(outputs, weights);
            for (int i = 0; i < inputs.size(); i++) {
                Tensor leaf = inputs.get(i);
                Tensor found = tape.gradient(leaf).orElse(memory.zeros(DType.F64, leaf.shape()));
                for (long at = 0; at < leaf.elements(); at++) {
                    double before = leaf.get(at);
                    leaf.set(at, before + STEP);
                    double above = value(network, weights);
                    leaf.set(at, before - STEP);
                    double below = value(network, weights);
                    leaf.set(at, before);
                    double expected = (above - below) / (2 * STEP);
                    assertThat(found.get(at)).as("input %d %s element %d, seed %d", i, leaf.shape(), at, SEED)
                            .isCloseTo(expected, within(TOLERANCE * Math.max(1, Math.abs(expected))));
                }
            }
        }
    }

    /** As {@link #assertGradients}, of a training pass: numbers are left out, batches measured, alike in every pass. */
    private void assertTrainedGradients(Function<Ops, List<Tensor>> network, boolean recompute) {
        try (Gradients gradients = new Gradients(inputs);
                Workspace taped = new Workspace();
                TapeOps tape = new TapeOps(KernelSet.reference(), team, taped, gradients, recompute)) {
            tape.drop(SEED);
            List<Tensor> outputs = network.apply(tape);
            List<Tensor> weights = outputs.stream().map(this::weightsLike).toList();
            tape.backward(outputs, weights);
            tape.clear();
            for (Tensor leaf : inputs) {
                for (long at = 0; at < leaf.elements(); at++) {
                    double before = leaf.get(at);
                    leaf.set(at, before + STEP);
                    double above = trained(tape, network, weights);
                    leaf.set(at, before - STEP);
                    double below = trained(tape, network, weights);
                    leaf.set(at, before);
                    double expected = (above - below) / (2 * STEP);
                    assertThat(gradients.of(leaf).orElseThrow().get(at))
                            .as("%s element %d, seed %d", leaf.shape(), at, SEED)
                            .isCloseTo(expected, within(TOLERANCE * Math.max(1, Math.abs(expected))));
                }
            }
        }
    }

    private static double trained(TapeOps tape, Function<Ops, List<Tensor>> network, List<Tensor> weights) {
        tape.drop(SEED);
        double value = dot(network.apply(tape), weights);
        tape.clear();
        return value;
    }

    @Test
    void timestepNorm() {
        Tensor x = input(2, 4, 6);
        Tensor gain = input(6);
        Tensor bias = input(6);
        Tensor state = input(2, 2, 3);
        for (long i = 0; i < state.elements(); i++) {
            state.set(i, Math.abs(state.get(i)));
        }
        assertGradients(ops -> {
            Scanned normed = ops.timestepNorm(x, 3, gain, bias, 1e-5, new long[] {5, 2},
                    ops.scale(state, 1));
            return List.of(normed.y(), normed.state());
        });
    }

    @Test
    void batchNorm() {
        Tensor x = input(2, 4, 3);
        Tensor gain = input(3);
        Tensor bias = input(3);
        Tensor mean = memory.zeros(DType.F64, Shape.of(3)).fill(0.25);
        Tensor variance = memory.zeros(DType.F64, Shape.of(3)).fill(2);
        for (int[] lengths : List.of(new int[0], new int[] {4, 2})) {
            assertGradients(ops -> List.of(ops.batchNorm(x, gain, bias, mean, variance, 1e-5, lengths)));
            for (boolean recompute : List.of(false, true)) {
                assertTrainedGradients(ops -> ops.segment(List.of(x), in -> List.of(ops.masked(
                        ops.batchNorm(in.getFirst(), gain, bias, mean, variance, 1e-5, lengths), lengths))), recompute);
            }
        }
        assertThat(mean.get(0)).isEqualTo(0.25);
    }

    @Test
    void whatWasMeasuredMovesMeanAndVarianceATenth() {
        Tensor x = memory.zeros(DType.F64, Shape.of(1, 4, 1));
        for (int t = 0; t < 4; t++) {
            x.set(t, t);
        }
        Tensor one = memory.zeros(DType.F64, Shape.of(1)).fill(1);
        Tensor mean = memory.zeros(DType.F64, Shape.of(1)).fill(0.5);
        Tensor variance = memory.zeros(DType.F64, Shape.of(1)).fill(1);
        try (Gradients none = new Gradients(List.of());
                Workspace taped = new Workspace();
                TapeOps tape = new TapeOps(KernelSet.reference(), team, taped, none, false)) {
            tape.batchNorm(x, one, one, mean, variance, 1e-5, new int[0]);
            tape.settleMeasured();
            assertThat(mean.get(0)).as("only judged").isEqualTo(0.5);
            tape.drop(1);
            tape.batchNorm(x, one, one, mean, variance, 1e-5, new int[0]);
            tape.clear();
            tape.settleMeasured();
        }
        // Mean 3/2; variance of a sample 5/3.
        assertThat(mean.get(0)).isCloseTo(0.6, within(1e-12));
        assertThat(variance.get(0)).isCloseTo(0.9 + 0.1 * 5 / 3, within(1e-12));
    }

    @Test
    void whatIsLeftOutPassesNoGradientAndIsTheSameWhenComputedAgain() {
        Tensor x = input(2, 3, 4);
        Tensor y = input(2, 3, 4);
        for (boolean recompute : List.of(false, true)) {
            assertTrainedGradients(ops -> {
                Tensor first = ops.segment(List.of(x, y), in -> List
                        .of(ops.multiply(ops.dropout(in.get(0), 0.4, false), ops.dropout(in.get(1), 0.3, true))))
                        .getFirst();
                return ops.segment(List.of(first), in -> List.of(ops.dropout(ops.multiply(in.getFirst(), in.getFirst()),
                        0.5, false)));
            }, recompute);
        }
        assertThat(eager.dropout(x, 0.5, false)).isSameAs(x);
    }

    private double value(Function<Ops, List<Tensor>> network, List<Tensor> weights) {
        workspace.reset();
        eager.parametersChanged();
        return dot(network.apply(eager), weights);
    }

    private Tensor weightsLike(Tensor output) {
        Tensor weights = memory.zeros(output.dtype(), output.shape());
        for (long i = 0; i < weights.elements(); i++) {
            weights.set(i, random.nextDouble() * 2 - 1);
        }
        return weights;
    }

    private static double dot(List<Tensor> outputs, List<Tensor> weights) {
        double sum = 0;
        for (int i = 0; i < outputs.size(); i++) {
            for (long at = 0; at < outputs.get(i).elements(); at++) {
                sum += outputs.get(i).get(at) * weights.get(i).get(at);
            }
        }
        return sum;
    }

    /** A state that eager operations may overwrite: a copy of the leaf, passed through the operations. */
    private static Tensor state(Ops ops, Tensor leaf) {
        return ops.scale(leaf, 1);
    }

    @Test
    void refusesToTrainWeightsAsFilesHoldThem() {
        Tensor x = memory.zeros(DType.F32, 2, 3, 32), weight = memory.zeros(DType.Q8_0, 5, 32);
        Tensor ids = memory.zeros(DType.I32, 2, 3), hidden = x.reshape(6, 32), targets = ids.reshape(6);
        try (TapeOps tape = new TapeOps(KernelSet.reference(), team, workspace, new Gradients(List.of()), false)) {
            assertThatThrownBy(() -> tape.linear(x, weight)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("linear: weight Q8_0[5, 32]")
                    .hasMessageContaining("convert it to F32 to train");
            assertThatThrownBy(() -> tape.embed(weight, ids)).hasMessageContaining("embed: table Q8_0[5, 32]");
            assertThatThrownBy(() -> tape.crossEntropy(hidden, weight, targets))
                    .hasMessageContaining("crossEntropy: head Q8_0[5, 32]");
        }
    }

    @Test
    void shapes() {
        Tensor a = input(2, 3, 4);
        Tensor b = input(2, 2, 4);
        assertGradients(ops -> List.of(
                ops.multiply(ops.slice(ops.concat(List.of(a, b, a), 1), 1, 1, 7),
                        ops.slice(ops.concat(List.of(b, a, a), -2), 1, 2, 8)),
                ops.reshape(ops.slice(a, -1, 1, 3), Shape.of(3, 4)),
                ops.slice(ops.reshape(a, Shape.of(1, 6, 4)), 1, 2, 5)));
    }

    /** What is cut along its last axis into parts that overlap, with more rows than are gone through one by one. */
    @Test
    void manyPiecesOfOneWhole() {
        Tensor x = input(5, 4, 7);
        assertGradients(ops -> {
            Tensor whole = ops.scale(x, 1.5);
            return List.of(ops.multiply(ops.slice(whole, -1, 0, 3), ops.slice(whole, 2, 4, 7)),
                    ops.slice(whole, -1, 2, 6), ops.multiply(whole, whole));
        });
    }

    @Test
    void sharedInputsAddUp() {
        Tensor a = input(3, 2);
        Tensor b = input(3, 2);
        assertGradients(ops -> {
            Tensor sum = ops.add(ops.add(a, b), a);
            Tensor twice = ops.add(sum, sum);
            return List.of(ops.multiply(twice, ops.scale(sum, -0.5)), ops.add(sum, b));
        });
    }

    @ParameterizedTest
    @EnumSource(value = Activation.class, mode = EnumSource.Mode.EXCLUDE, names = "SPIKE")
    void activations(Activation f) {
        Tensor a = input(4, 3);
        Tensor b = input(4, 3);
        assertGradients(ops -> List.of(ops.activate(a, f), ops.gate(b, a, f)));
    }

    /** The slope of a spike is 0 wherever there is one, so something else goes back in its place. */
    @Test
    void aSpikeSendsBackWhatStandsInForItsSlope() {
        Tensor x = input(4, 3);
        try (Gradients gradients = new Gradients(List.of(x));
                Workspace taped = new Workspace();
                TapeOps tape = new TapeOps(KernelSet.reference(), team, taped, gradients, false)) {
            Tensor y = tape.activate(x, Activation.SPIKE);
            Tensor weights = weightsLike(y);
            tape.backward(List.of(y), List.of(weights));
            Tensor found = tape.gradient(x).orElseThrow();
            for (long i = 0; i < x.elements(); i++) {
                assertThat(found.get(i)).as("element %d, seed %d", i, SEED).isCloseTo(
                        weights.get(i) / (1 + Math.pow(Math.PI * x.get(i), 2)), within(TOLERANCE));
            }
        }
    }

    @Test
    void rows() {
        Tensor x = input(2, 3, 4);
        Tensor weight = input(5, 4);
        Tensor bias = input(5);
        Tensor gain = input(4);
        Tensor shift = input(4);
        Tensor table = input(6, 4);
        Tensor ids = ids(0, 5, 3, 3).reshape(2, 2);
        assertGradients(ops -> List.of(ops.linear(x, weight, bias), ops.linear(ops.embed(table, ids), weight),
                ops.layerNorm(x, gain, shift, 1e-5), ops.rmsNorm(x, gain, 1e-5)));
    }

    @Test
    void channels() {
        Tensor x = input(2, 3, 4);
        Tensor row = input(4);
        Tensor plane = input(3, 4);
        Tensor other = input(2, 3, 4);
        Tensor weight = input(2, 3, 4);
        assertGradients(ops -> List.of(ops.add(x, row), ops.multiply(x, plane), ops.add(other, plane),
                ops.multiply(other, row), ops.interpolate(x, other, row), ops.interpolate(other, x, weight)));
    }

    @Test
    void heads() {
        Tensor x = input(2, 3, 6);
        Tensor gain = input(6);
        Tensor bias = input(6);
        Tensor key = input(2, 3, 2, 3);
        Tensor bonus = input(2, 3);
        Tensor value = input(2, 3, 2, 5);
        assertGradients(ops -> List.of(ops.groupNorm(x, 2, gain, bias, 0.1), ops.unit(x, 1.2),
                ops.bonus(ops.reshape(x, key.shape()), key, bonus, value)));
    }

    @Test
    void rowsByNumbersOfTheirOwn() {
        Tensor x = input(2, 3, 4);
        Tensor factor = input(2, 3, 1);
        Tensor divisor = input(2, 3, 1);
        Tensor scores = input(2, 3, 5);
        for (long i = 0; i < divisor.elements(); i++) {
            divisor.set(i, divisor.get(i) + Math.copySign(0.5, divisor.get(i)));
        }
        assertGradients(ops -> List.of(ops.scaleRows(x, factor), ops.divideRows(x, divisor), ops.softmax(scores)));
    }

    @Test
    void maximaOfGates() {
        Tensor g = input(2, 6, 3);
        Tensor x = input(2, 6, 3);
        Tensor before = input(2, 1, 3);
        assertGradients(ops -> {
            Tensor whole = ops.maximumScan(g, x, before);
            Tensor first = ops.maximumScan(ops.slice(g, 1, 0, 2), ops.slice(x, 1, 0, 2), before);
            Tensor rest = ops.maximumScan(ops.slice(g, 1, 2, 6), ops.slice(x, 1, 2, 6), ops.slice(first, 1, 1, 2));
            assertThat(ops.concat(List.of(first, rest), 1).toDoubles()).containsExactly(whole.toDoubles());
            return List.of(whole, rest);
        });
    }

    @Test
    void shiftWithWhatCameBefore() {
        Tensor x = input(2, 3, 4);
        Tensor before = input(2, 1, 4);
        Tensor weight = input(4);
        assertGradients(ops -> {
            Scanned first = ops.shift(x, state(ops, before));
            Scanned second = ops.shift(ops.multiply(first.y(), weight), first.state());
            Scanned single = ops.shift(ops.slice(x, 1, 0, 1), second.state());
            return List.of(second.y(), single.y(), single.state());
        });
    }

    @Test
    void shortConvolutionWithHistory() {
        Tensor x = input(2, 3, 4);
        Tensor weight = input(4, 3);
        Tensor bias = input(4);
        Tensor history = input(2, 2, 4);
        assertGradients(ops -> {
            Scanned first = ops.shortConvolution(x, weight, bias, state(ops, history));
            Scanned second = ops.shortConvolution(first.y(), weight, bias, first.state());
            return List.of(second.y(), second.state());
        });
    }

    @ParameterizedTest
    @EnumSource(FilterNorm.class)
    void filters(FilterNorm norm) {
        Tensor g = input(5, 3);
        Tensor frequency = input(3);
        Tensor delta = input(3);
        assertGradients(ops -> List.of(
                ops.normaliseFilters(ops.decayWindow(ops.sine(g, frequency), delta, 9, 0.1), norm)));
    }

    @Test
    void longConvolutionWithHistory() {
        Tensor x = input(2, 4, 3);
        Tensor taps = input(6, 3);
        Tensor skip = input(3);
        Tensor history = input(2, 12, 3);
        assertGradients(ops -> {
            Tensor pending = ops.zeros(DType.F64, Shape.of(2, 0, 3));
            Convolved first = ops.longConvolution(x, taps, skip, state(ops, history), new long[] {2, 3}, pending);
            Convolved second = ops.longConvolution(first.y(), taps, skip, first.history(), new long[] {6, 7},
                    first.pending());
            return List.of(second.y(), second.history());
        });
    }

    @Test
    void headConvolutionWithHistory() {
        Tensor query = input(2, 3, 2, 2);
        Tensor key = input(2, 3, 2, 2);
        Tensor value = input(2, 3, 2, 2);
        Tensor taps = input(5, 2);
        Tensor skip = input(2);
        Tensor keys = input(2, 8, 2, 2);
        Tensor values = input(2, 8, 2, 2);
        assertGradients(ops -> {
            Attended first = ops.headConvolution(query, key, value, taps, skip, state(ops, keys), state(ops, values),
                    new long[] {0, 2});
            Attended second = ops.headConvolution(first.y(), key, value, taps, skip, first.keys(), first.values(),
                    new long[] {3, 5});
            return List.of(second.y(), second.keys(), second.values());
        });
    }

    /** Steps from a thousandth to 20 times as long as modes last, of every channel or of every mode. */
    @Test
    void modesThatAreHeld() {
        Tensor rate = input(3, 2);
        Tensor phase = input(3, 2);
        Tensor step = input(2);
        Tensor own = input(3, 2);
        for (double shift : new double[] {-7, -3, -2, 0, 3}) {
            Tensor shifts = memory.zeros(DType.F64, Shape.of(2)).fill(shift);
            assertGradients(ops -> List.of(
                    ops.scale(ops.held(rate, phase, ops.add(step, shifts)), Math.exp(-shift)),
                    ops.scale(ops.held(rate, phase, ops.add(own, shifts)), Math.exp(-shift))));
        }
    }

    @Test
    void modalRecurrences() {
        Modes modes = new Modes(input(3), input(3), input(3), input(3), input(2),
                memory.zeros(DType.F64, 2).setAll(1, -1),
                input(2), new int[] {0, 2, 3}, new int[] {0, 0, 2});
        Tensor pass = input(2);
        Tensor x = input(2, 4, 2);
        Tensor state = input(2, modes.order());
        Tensor query = input(2, 3, 2, 2);
        Tensor key = input(2, 3, 2, 2);
        Tensor value = input(2, 3, 2, 2);
        Tensor heads = input(2, modes.order(), 2, 2);
        assertGradients(ops -> {
            Scanned plain = ops.modalConvolution(x, modes, pass, state(ops, state));
            Scanned again = ops.modalConvolution(plain.y(), modes, pass, plain.state());
            Scanned outer = ops.modalHeads(query, key, value, modes, pass, state(ops, heads));
            return List.of(again.y(), again.state(), outer.y(), outer.state());
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"2,4,2,3", "2,4,2,1", "1,4,2,3", "2,1,2,3", "1,1,2,3", "1,1,2,1"})
    void recurrencesOverMatrices(String decayShape) {
        Tensor query = input(2, 4, 2, 3);
        Tensor key = input(2, 4, 2, 3);
        Tensor value = input(2, 4, 2, 2);
        Tensor probe = input(2, 4, 2, 3);
        Tensor rewrite = input(2, 4, 2, 3);
        Tensor state = input(2, 2, 3, 2);
        Tensor bonus = input(2, 3);
        Tensor logDecay = input(Arrays.stream(decayShape.split(",")).mapToInt(Integer::parseInt).toArray());
        for (long i = 0; i < logDecay.elements(); i++) {
            logDecay.set(i, -2 * Math.abs(logDecay.get(i)) - 0.01);
        }
        assertGradients(ops -> {
            Scanned gated = ops.gatedScan(query, key, value, logDecay, state(ops, state));
            Scanned again = ops.gatedScan(key, query, gated.y(), logDecay, gated.state());
            return List.of(again.y(), again.state());
        });
        assertGradients(ops -> {
            Scanned with = ops.bonusScan(query, key, value, logDecay, bonus, state(ops, state));
            Scanned again = ops.bonusScan(key, query, with.y(), logDecay, bonus, with.state());
            return List.of(again.y(), again.state());
        });
        assertGradients(ops -> {
            Scanned changed = ops.rankOneScan(query, key, value, logDecay, probe, rewrite, state(ops, state));
            Scanned again = ops.rankOneScan(key, query, changed.y(), logDecay, rewrite, probe, changed.state());
            return List.of(again.y(), again.state());
        });
    }

    @Test
    void averages() {
        Tensor key = input(2, 5, 3);
        Tensor value = input(2, 5, 3);
        Tensor decay = input(3);
        Tensor bonus = input(3);
        Tensor state = input(2, 3, 3);
        for (int i = 0; i < 3; i++) {
            state.set(3 + i, 0.5 + i);
            state.set(12 + i, 1.5 + i);
        }
        // Both sides of the maximum are met: by positions whose key outweighs the past and by others.
        assertGradients(ops -> {
            Scanned first = ops.averageScan(ops.scale(key, 3), value, decay, bonus, state(ops, state));
            Scanned second = ops.averageScan(first.y(), key, decay, bonus, first.state());
            return List.of(second.y(), second.state());
        });
        assertGradients(ops -> {
            Tensor empty = ops.scale(ops.slice(state, 0, 0, 2), 0);
            Scanned first = ops.averageScan(key, value, decay, bonus, empty);
            return List.of(first.y(), first.state());
        });
    }

    @Test
    void attentionWithHistory() {
        Tensor query = input(2, 3, 4, 2);
        Tensor key = input(2, 3, 2, 2);
        Tensor value = input(2, 3, 2, 3);
        Tensor keys = input(2, 5, 2, 2);
        Tensor values = input(2, 5, 2, 3);
        long[] ages = {2, 0};
        assertGradients(ops -> {
            Attended attended = ops.causalAttention(ops.rotary(query, ages, 100), ops.rotary(key, ages, 100), value,
                    state(ops, keys), state(ops, values), ages);
            return List.of(attended.y(), attended.keys(), attended.values());
        });
    }

    @Test
    void losses() {
        Tensor hidden = input(4, 3);
        Tensor head = input(5, 3);
        Tensor targets = ids(4, -1, 0, 2);
        assertGradients(ops -> {
            Tensor losses = ops.crossEntropy(hidden, head, targets);
            return List.of(losses, ops.mean(losses, 3), ops.crossEntropy(hidden, head, targets, 0.7));
        });
    }

    @Test
    void derivedIsComputedOnceAStepAndDifferentiated() {
        Tensor a = input(2, 2);
        Tensor b = input(2, 2);
        int[] computed = new int[1];
        assertGradients(ops -> {
            computed[0] = 0;
            Tensor first = ops.derived(this, "product", () -> {
                computed[0]++;
                return ops.multiply(a, b);
            });
            Tensor second = ops.derived(this, "product", () -> {
                throw new AssertionError("asked twice");
            });
            assertThat(computed).containsExactly(1);
            return List.of(ops.add(first, second));
        });
    }

    @Test
    void recomputedSegmentsGiveTheSameGradients() {
        Tensor x = input(1, 4, 3);
        Tensor weight = input(3, 3);
        Tensor history = input(1, 2, 3);
        Tensor taps = input(3, 3);
        Tensor bias = input(3);
        Function<Ops, List<Tensor>> network = ops -> {
            List<Tensor> state = List.of(x, state(ops, history));
            for (int layer = 0; layer < 3; layer++) {
                state = ops.segment(state, in -> {
                    Scanned scanned = ops.shortConvolution(ops.linear(in.get(0), weight), taps, bias, in.get(1));
                    return List.of(ops.add(in.get(0), ops.activate(scanned.y(), Activation.TANH)), scanned.state());
                });
            }
            return state;
        };
        assertGradients(network, true);
        assertGradients(network, false);
    }

    @Test
    void whatNoBackwardReadsGoesWhenItsSegmentEndsAndTheRestDuringBackward() {
        int width = 1000;
        Tensor x = memory.zeros(DType.F64, 1, width).fill(0.5);
        try (Gradients none = new Gradients(List.of());
                TapeOps tape = new TapeOps(KernelSet.reference(), team, workspace, none, false)) {
            tape.watch(x);
            List<Long> peaks = new ArrayList<>();
            for (int layers : new int[] {4, 8}) {
                tape.clear();
                tape.watch(x);
                Tensor y = x;
                for (int layer = 0; layer < layers; layer++) {
                    // Of four results a layer, one is the layer's and one is read by a backward.
                    y = tape.segment(List.of(y), in -> List.of(tape.scale(
                            tape.activate(tape.scale(tape.scale(in.getFirst(), 0.5), 2), Activation.TANH), 1.5)))
                            .getFirst();
                }
                tape.backward(List.of(y), List.of(x));
                assertThat(tape.gradient(x)).isPresent();
                peaks.add(tape.activations());
            }
            long bytes = 8L * width;
            assertThat(peaks.get(1) - peaks.get(0)).as("bytes for four more layers").isEqualTo(4 * 2 * bytes);
        }
    }
}
