package tern.kernels.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.DoubleSupplier;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The plain bodies against values worked out by hand and against finite differences. */
class ReferenceAttentionTest {
    private final KernelLaw law = new KernelLaw(3);
    private final ThreadTeam team = law.team(1);
    private final Attention body = new ReferenceAttention();

    @AfterEach
    void close() {
        law.assertGuardsUntouched();
        law.close();
    }

    @Test
    void byHand() {
        Tensor query = law.blank(DType.F64, 1, 2, 1, 1).setAll(1, Math.log(3));
        Tensor key = law.blank(DType.F64, 1, 2, 1, 1).setAll(1, 2);
        Tensor value = law.blank(DType.F64, 1, 2, 1, 2).setAll(4, 8, 0, -4);
        Tensor keys = law.zeros(DType.F64, 1, 3, 1, 1);
        Tensor values = law.zeros(DType.F64, 1, 3, 1, 2);
        Tensor y = law.blank(DType.F64, 1, 2, 1, 2);
        Tensor logSum = law.blank(DType.F64, 1, 1, 2);
        body.forward(team, query, key, value, keys, values, new long[] {0}, y, logSum);
        assertThat(y.get(0)).isEqualTo(4);
        assertThat(y.get(1)).isEqualTo(8);
        assertThat(y.get(2)).isCloseTo(1, within(1e-14));
        assertThat(y.get(3)).isCloseTo(-1, within(1e-14));
        assertThat(logSum.get(1)).isCloseTo(Math.log(12), within(1e-14));
        assertThat(keys.toDoubles()).containsExactly(1, 2, 0);
        assertThat(values.toDoubles()).containsExactly(4, 8, 0, -4, 0, 0);
    }

    @Test
    void rotaryByHand() {
        Tensor x = law.blank(DType.F64, 1, 1, 1, 4).setAll(1, 1, 0, 0);
        Tensor y = law.blank(DType.F64, 1, 1, 1, 4);
        body.rotary(team, x, new long[] {3}, 100, y);
        assertThat(y.toDoubles()).containsExactly(new double[] {Math.cos(3), Math.cos(0.3), Math.sin(3), Math.sin(0.3)},
                within(1e-15));
        body.rotaryBackward(team, y, new long[] {3}, 100, y);
        assertThat(y.toDoubles()).containsExactly(new double[] {1, 1, 0, 0}, within(1e-15));
    }

    @Test
    void gradientsWithGroupsAndHistories() {
        long[] ages = {2, 0};
        Tensor query = law.gaussian(DType.F64, 2, 3, 4, 3);
        Tensor key = law.gaussian(DType.F64, 2, 3, 2, 3);
        Tensor value = law.gaussian(DType.F64, 2, 3, 2, 5);
        Tensor keys = law.gaussian(DType.F64, 2, 5, 2, 3);
        Tensor values = law.gaussian(DType.F64, 2, 5, 2, 5);
        Tensor dy = law.gaussian(DType.F64, 2, 3, 4, 5);
        Tensor y = law.blank(DType.F64, 2, 3, 4, 5);
        Tensor logSum = law.blank(DType.F64, 2, 4, 3);
        Tensor dQuery = law.blank(DType.F64, 2, 3, 4, 3);
        Tensor dKey = law.blank(DType.F64, 2, 3, 2, 3);
        Tensor dValue = law.blank(DType.F64, 2, 3, 2, 5);
        Tensor dKeys = law.zeros(DType.F64, 2, 5, 2, 3);
        Tensor dValues = law.zeros(DType.F64, 2, 5, 2, 5);
        DoubleSupplier loss = () -> {
            body.forward(team, query, key, value, keys, values, ages, y, logSum);
            return KernelLaw.dot(dy, y);
        };
        assertThat(loss.getAsDouble()).isFinite();
        body.backward(team, query, key, value, keys, values, ages, y, logSum, dy, dQuery, dKey, dValue, dKeys, dValues);
        law.assertGradient("query", query, dQuery, loss);
        law.assertGradient("key", key, dKey, loss);
        law.assertGradient("value", value, dValue, loss);
        law.assertGradient("keys", keys, dKeys, loss);
        law.assertGradient("values", values, dValues, loss);
    }
}
