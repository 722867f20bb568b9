package tern.kernels.convolution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static tern.kernels.convolution.Gradients.check;
import static tern.kernels.convolution.Gradients.copy;
import static tern.kernels.convolution.Gradients.dot;
import static tern.kernels.convolution.Gradients.random;
import static tern.kernels.convolution.Gradients.zeros;

import java.util.SplittableRandom;
import java.util.function.DoubleSupplier;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.kernels.ThreadTeam;
import tern.ops.FilterNorm;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** The plain bodies against values worked out by hand and against finite differences. */
class ReferenceConvolutionTest {
    private final Memory memory = new Memory();
    private final ThreadTeam team = new ThreadTeam(1);
    private final SplittableRandom random = new SplittableRandom(20230221);

    @AfterEach
    void close() {
        team.close();
        memory.close();
    }

    private Tensor tensor(int... lengths) {
        return memory.allocate(DType.F64, Shape.of(lengths));
    }

    private Tensor gaussian(int... lengths) {
        return random(memory, random, DType.F64, lengths);
    }

    @Test
    void shortConvolutionByHand() {
        Tensor x = tensor(1, 3, 1).setAll(1, 2, 3);
        Tensor weight = tensor(1, 3).setAll(100, 10, 1);
        Tensor history = tensor(1, 2, 1).setAll(7, 8);
        Tensor y = tensor(1, 3, 1);
        new ReferenceShortConvolution().forward(team, x, weight, tensor(1).setAll(0.5), history, y, history);
        assertThat(y.toDoubles()).containsExactly(781.5, 812.5, 123.5);
        assertThat(history.toDoubles()).containsExactly(2, 3);
    }

    @Test
    void shortConvolutionKeepsOldInputsWhenFewAreNew() {
        Tensor history = tensor(1, 3, 1).setAll(1, 2, 3);
        Tensor y = tensor(1, 1, 1);
        new ReferenceShortConvolution().forward(team, tensor(1, 1, 1).setAll(4), tensor(1, 4).setAll(1, 1, 1, 1),
                tensor(1).fill(0), history, y, history);
        assertThat(y.get(0)).isEqualTo(10);
        assertThat(history.toDoubles()).containsExactly(2, 3, 4);
    }

    @Test
    void shortConvolutionGradients() {
        for (int width = 1; width <= 4; width++) {
            for (int time = 1; time <= 5; time += 2) {
                Tensor x = gaussian(2, time, 3);
                Tensor weight = gaussian(3, width);
                Tensor bias = gaussian(3);
                Tensor history = gaussian(2, width - 1, 3);
                Tensor dy = gaussian(2, time, 3);
                Tensor dNext = gaussian(2, width - 1, 3);
                Tensor y = zeros(memory, x);
                Tensor next = zeros(memory, history);
                ShortConvolution body = new ReferenceShortConvolution();
                Tensor dx = zeros(memory, x);
                Tensor dWeight = zeros(memory, weight);
                Tensor dBias = zeros(memory, bias);
                Tensor dHistory = zeros(memory, history);
                body.backward(team, x, weight, history, dy, dNext, dx, dWeight, dBias, dHistory);
                DoubleSupplier loss = () -> {
                    body.forward(team, x, weight, bias, history, y, next);
                    return dot(dy, y) + dot(dNext, next);
                };
                check("x", x, dx, loss);
                check("weight", weight, dWeight, loss);
                check("bias", bias, dBias, loss);
                check("history", history, dHistory, loss);
            }
        }
    }

    @Test
    void longConvolutionByHand() {
        Tensor taps = tensor(3, 1).setAll(1, 10, 100);
        Tensor history = tensor(1, 5, 1).setAll(4, 5, 0, 0, -1);
        Tensor pending = tensor(1, 3, 1).fill(0);
        Tensor y = tensor(1, 2, 1);
        // Two positions are known (4, 5); now come 6 and 7, and the block of three is full after the first.
        new ReferenceLongConvolution().forward(team, tensor(1, 2, 1).setAll(6, 7), taps, tensor(1).setAll(0.5), history,
                new long[] {2}, pending, y);
        assertThat(y.toDoubles()).containsExactly(400 + 50 + 6 + 3, 500 + 60 + 7 + 3.5);
        assertThat(history.toDoubles()).containsExactly(4, 5, 6, 7, -1);
        assertThat(pending.toDoubles()).containsExactly(500 + 60, 600, 0);
    }

    @Test
    void longConvolutionLeavesPendingAloneInsideABlock() {
        Tensor pending = tensor(1, 4, 1).setAll(9, 9, 9, 9);
        new ReferenceLongConvolution().forward(team, tensor(1, 1, 1).setAll(1), tensor(2, 1).setAll(1, 1),
                tensor(1).fill(0),
                tensor(1, 8, 1).fill(1), new long[] {5}, pending, tensor(1, 1, 1));
        assertThat(pending.toDoubles()).containsOnly(9);
    }

    @Test
    void longConvolutionWithoutHistoryKeepsNothing() {
        Tensor pending = tensor(1, 2, 1).fill(0);
        Tensor y = tensor(1, 3, 1);
        new ReferenceLongConvolution().forward(team, tensor(1, 3, 1).setAll(1, 0, 0),
                tensor(5, 1).setAll(3, 2, 1, 8, 8),
                tensor(1).fill(0), tensor(1, 0, 1), new long[] {0}, pending, y);
        assertThat(y.toDoubles()).containsExactly(3, 2, 1);
        assertThat(pending.toDoubles()).containsOnly(0);
    }

    @Test
    void longConvolutionGradients() {
        for (int lags : new int[] {1, 3, 9}) {
            for (int time : new int[] {1, 4}) {
                long[] ages = {2, 0};
                Tensor x = gaussian(2, time, 2);
                Tensor taps = gaussian(lags, 2);
                Tensor skip = gaussian(2);
                Tensor history = gaussian(2, 2 + time, 2);
                Tensor dy = gaussian(2, time, 2);
                LongConvolution body = new ReferenceLongConvolution();
                Tensor dx = zeros(memory, x);
                Tensor dTaps = zeros(memory, taps);
                Tensor dSkip = zeros(memory, skip);
                Tensor dHistory = zeros(memory, history);
                body.backward(team, x, taps, skip, history, ages, dy, dx, dTaps, dSkip, dHistory);
                Tensor y = zeros(memory, x);
                DoubleSupplier loss = () -> {
                    body.forward(team, x, taps, skip, copy(memory, history), ages, tensor(2, 0, 2), y);
                    return dot(dy, y);
                };
                check("x", x, dx, loss);
                check("taps", taps, dTaps, loss);
                check("skip", skip, dSkip, loss);
                check("history", history, dHistory, loss);
            }
        }
    }

    @Test
    void headConvolutionByHand() {
        Tensor query = tensor(1, 2, 1, 2).setAll(1, 0, 2, 1);
        Tensor key = tensor(1, 2, 1, 2).setAll(3, 1, 1, 1);
        Tensor value = tensor(1, 2, 1, 2).setAll(1, 10, 100, 1000);
        Tensor keys = tensor(1, 2, 1, 2).fill(0);
        Tensor values = tensor(1, 2, 1, 2).fill(0);
        Tensor y = tensor(1, 2, 1, 2);
        new ReferenceHeadConvolution().forward(team, query, key, value, tensor(2, 1).setAll(1, 2), tensor(1).setAll(1),
                keys,
                values, new long[] {0}, y);
        // Scores: q0·k0 = 3; q1·k0 = 7, q1·k1 = 3. The own position counts h_0 + skip = 2, the one before h_1 = 2.
        assertThat(y.toDoubles()).containsExactly(6, 60, 14 + 600, 140 + 6000);
        assertThat(keys.toDoubles()).containsExactly(key.toDoubles());
        assertThat(values.toDoubles()).containsExactly(value.toDoubles());
    }

    @Test
    void headsOfWidthOneAreAGatedLongConvolution() {
        long[] ages = {3, 1};
        Tensor query = gaussian(2, 5, 4, 1);
        Tensor key = gaussian(2, 5, 4, 1);
        Tensor value = gaussian(2, 5, 4, 1);
        Tensor taps = gaussian(6, 4);
        Tensor skip = gaussian(4);
        Tensor keys = gaussian(2, 8, 4, 1);
        Tensor values = gaussian(2, 8, 4, 1);
        Tensor products = tensor(2, 8, 4);
        for (int i = 0; i < products.elements(); i++) {
            products.set(i, keys.get(i) * values.get(i));
        }
        Tensor x = tensor(2, 5, 4);
        for (int i = 0; i < x.elements(); i++) {
            x.set(i, key.get(i) * value.get(i));
        }
        Tensor y = tensor(2, 5, 4, 1);
        new ReferenceHeadConvolution().forward(team, query, key, value, taps, skip, keys, values, ages, y);
        Tensor convolved = tensor(2, 5, 4);
        new ReferenceLongConvolution().forward(team, x, taps, skip, products, ages, tensor(2, 0, 4), convolved);
        for (int i = 0; i < x.elements(); i++) {
            assertThat(y.get(i)).isCloseTo(query.get(i) * convolved.get(i), within(1e-12));
        }
    }

    @Test
    void headConvolutionGradients() {
        for (int lags : new int[] {1, 3, 9}) {
            long[] ages = {2, 0};
            Tensor query = gaussian(2, 3, 2, 2);
            Tensor key = gaussian(2, 3, 2, 2);
            Tensor value = gaussian(2, 3, 2, 2);
            Tensor taps = gaussian(lags, 2);
            Tensor skip = gaussian(2);
            Tensor keys = gaussian(2, 5, 2, 2);
            Tensor values = gaussian(2, 5, 2, 2);
            Tensor dy = gaussian(2, 3, 2, 2);
            HeadConvolution body = new ReferenceHeadConvolution();
            Tensor dQuery = zeros(memory, query);
            Tensor dKey = zeros(memory, key);
            Tensor dValue = zeros(memory, value);
            Tensor dTaps = zeros(memory, taps);
            Tensor dSkip = zeros(memory, skip);
            Tensor dKeys = zeros(memory, keys);
            Tensor dValues = zeros(memory, values);
            body.backward(team, query, key, value, taps, skip, keys, values, ages, dy, dQuery, dKey, dValue, dTaps,
                    dSkip, dKeys,
                    dValues);
            Tensor y = zeros(memory, query);
            DoubleSupplier loss = () -> {
                body.forward(team, query, key, value, taps, skip, copy(memory, keys), copy(memory, values), ages, y);
                return dot(dy, y);
            };
            check("query", query, dQuery, loss);
            check("key", key, dKey, loss);
            check("value", value, dValue, loss);
            check("taps", taps, dTaps, loss);
            check("skip", skip, dSkip, loss);
            check("keys", keys, dKeys, loss);
            check("values", values, dValues, loss);
        }
    }

    @Test
    void filterShapingByHand() {
        FilterShaping body = new ReferenceFilterShaping();
        Tensor y = tensor(2, 2);
        body.sine(team, tensor(2, 2).setAll(0, Math.PI, 1, Math.PI / 4), tensor(2).setAll(1, 2), y);
        assertThat(y.get(0)).isEqualTo(0);
        assertThat(y.get(1)).isCloseTo(0, within(1e-15));
        assertThat(y.get(2)).isCloseTo(0.8414709848078965, within(1e-15));
        assertThat(y.get(3)).isCloseTo(1, within(1e-15));
        body.window(team, tensor(2, 2).fill(2), tensor(2).setAll(-Math.log(2), 0), 2, 0.25, y);
        assertThat(y.get(0)).isEqualTo(2.5);
        assertThat(y.get(1)).isEqualTo(2.5);
        assertThat(y.get(2)).isCloseTo(1.5, within(1e-15));
        assertThat(y.get(3)).isEqualTo(2.5);
        Tensor taps = tensor(2, 2).setAll(3, -1, -4, 3);
        body.normalise(team, taps, FilterNorm.TAPS_L1, y);
        assertThat(y.toDoubles()).containsExactly(3.0 / 7, -0.25, -4.0 / 7, 0.75);
        body.normalise(team, taps, FilterNorm.CHANNELS_L1, y);
        assertThat(y.toDoubles()).containsExactly(0.75, -0.25, -4.0 / 7, 3.0 / 7);
        body.normalise(team, taps, FilterNorm.TAPS_L2, y);
        assertThat(y.get(0)).isEqualTo(0.6);
        assertThat(y.get(2)).isEqualTo(-0.8);
        body.normalise(team, taps, FilterNorm.NONE, y);
        assertThat(y.toDoubles()).containsExactly(3, -1, -4, 3);
        body.normalise(team, tensor(2, 2).fill(0), FilterNorm.TAPS_L1, y);
        assertThat(y.toDoubles()).containsOnly(0);
    }

    @Test
    void filterShapingGradients() {
        FilterShaping body = new ReferenceFilterShaping();
        Tensor x = gaussian(5, 3);
        Tensor gain = gaussian(3);
        Tensor dy = gaussian(5, 3);
        Tensor y = zeros(memory, x);
        Tensor dx = zeros(memory, x);
        Tensor dGain = zeros(memory, gain);
        body.sineBackward(team, x, gain, dy, dx, dGain);
        DoubleSupplier sine = () -> {
            body.sine(team, x, gain, y);
            return dot(dy, y);
        };
        check("x", x, dx, sine);
        check("frequency", gain, dGain, sine);
        dGain.fill(0);
        body.windowBackward(team, x, gain, 9, 0.1, dy, dx, dGain);
        DoubleSupplier window = () -> {
            body.window(team, x, gain, 9, 0.1, y);
            return dot(dy, y);
        };
        check("g", x, dx, window);
        check("delta", gain, dGain, window);
        for (FilterNorm norm : FilterNorm.values()) {
            body.normaliseBackward(team, x, norm, dy, dx);
            check(norm.name(), x, dx, () -> {
                body.normalise(team, x, norm, y);
                return dot(dy, y);
            });
        }
    }

    @Test
    void gradientsOfParametersAreAccumulated() {
        Tensor x = gaussian(1, 4, 2);
        Tensor taps = gaussian(4, 2);
        Tensor skip = gaussian(2);
        Tensor none = tensor(1, 0, 2);
        Tensor dTaps = tensor(4, 2).fill(0);
        Tensor dSkip = tensor(2).fill(0);
        Tensor dx = zeros(memory, x);
        LongConvolution body = new ReferenceLongConvolution();
        body.backward(team, x, taps, skip, none, new long[] {0}, x, dx, dTaps, dSkip, none);
        double[] once = dTaps.toDoubles();
        body.backward(team, x, taps, skip, none, new long[] {0}, x, dx, dTaps, dSkip, none);
        for (int i = 0; i < once.length; i++) {
            assertThat(dTaps.get(i)).isCloseTo(2 * once[i], within(1e-12));
        }
    }
}
