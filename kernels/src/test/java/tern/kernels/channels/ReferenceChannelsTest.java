package tern.kernels.channels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The plain bodies against values worked out by hand; their gradients are checked through the tape. */
class ReferenceChannelsTest {
    private final KernelLaw law = new KernelLaw(9);
    private final ThreadTeam team = law.team(1);

    @AfterEach
    void close() {
        law.assertGuardsUntouched();
        law.close();
    }

    private Tensor of(int rows, int width, double... values) {
        return law.blank(DType.F64, rows, width).setAll(values);
    }

    @Test
    void channels() {
        Channels body = new ReferenceChannels();
        Tensor x = of(2, 2, 1, 2, 3, 4);
        Tensor row = law.blank(DType.F64, 2).setAll(10, 0.5);
        Tensor y = law.blank(DType.F64, 2, 2);
        body.add(team, x, row, y);
        assertThat(y.toDoubles()).containsExactly(11, 2.5, 13, 4.5);
        body.multiply(team, x, row, y);
        assertThat(y.toDoubles()).containsExactly(10, 1, 30, 2);
        body.interpolate(team, x, of(2, 2, 2, 4, 0, 8), row, y);
        assertThat(y.toDoubles()).containsExactly(11, 3, -27, 6);
        body.interpolate(team, x, of(2, 2, 2, 4, 0, 8), of(2, 2, 0, 1, 0.5, 2), y);
        assertThat(y.toDoubles()).containsExactly(1, 4, 1.5, 12);
    }

    @Test
    void heads() {
        Heads body = new ReferenceHeads();
        Tensor y = law.blank(DType.F64, 1, 4);
        body.groupNorm(team, of(1, 4, 1, 3, 0, 0), 2, law.blank(DType.F64, 4).setAll(10, 100, 5, 5),
                law.blank(DType.F64, 4).setAll(1, 2, 3, 4), 3, y);
        assertThat(y.toDoubles()).containsExactly(-4, 52, 3, 4);
        Tensor units = law.blank(DType.F64, 2, 2);
        body.unit(team, of(2, 2, 3, 4, 0.003, 0.004), 0.01, units);
        assertThat(units.get(0)).isCloseTo(0.6, within(1e-15));
        assertThat(units.get(3)).isCloseTo(0.4, within(1e-15));
        body.scaleRows(team, of(2, 2, 3, 4, 5, 6), of(2, 1, 2, -4), false, units);
        assertThat(units.toDoubles()).containsExactly(6, 8, -20, -24);
        body.scaleRows(team, of(2, 2, 3, 4, 5, 6), of(2, 1, 2, -4), true, units);
        assertThat(units.toDoubles()).containsExactly(1.5, 2, -1.25, -1.5);
        body.softmax(team, of(2, 2, 1000, 1000 + Math.log(3), 7, 7), units);
        assertThat(units.get(1)).isCloseTo(0.75, within(1e-12));
        assertThat(units.get(2)).isCloseTo(0.5, within(1e-15));
        Tensor query = of(1, 4, 1, 2, 3, 4).reshape(1, 2, 2);
        Tensor key = of(1, 4, 1, 1, 2, 2).reshape(1, 2, 2);
        Tensor value = of(1, 2, 5, 7).reshape(1, 2, 1);
        Tensor read = law.blank(DType.F64, 1, 2, 1);
        body.bonus(team, query, key, of(2, 2, 1, 10, 1, 0), value, read);
        assertThat(read.toDoubles()).containsExactly(105, 42);
    }
}
