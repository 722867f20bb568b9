package tern.kernels.recurrence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static tern.kernels.recurrence.PanelProducts.PANEL;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import tern.kernels.lanes.Lanes;

/** Products in panels are products, whatever part of a panel is used; rows and columns that are not written stay. */
class PanelProductsTest {
    private static final int L = Lanes.LENGTH;

    static IntStream columns() {
        return IntStream.of(L, 2 * L, 3 * L, 4 * L, 5 * L, 8 * L);
    }

    private final Random random = new Random(71);
    private final float[] spare = new float[PanelProducts.scratchLength()];

    private float[] draw(int count) {
        float[] drawn = new float[count];
        for (int i = 0; i < count; i++) {
            drawn[i] = (float) random.nextGaussian();
        }
        return drawn;
    }

    // Element of a matrix in panels.
    private static float at(float[] x, int rows, int i, int j) {
        return x[ChunkRows.column(j, rows) + i * PANEL];
    }

    private static void assertClose(String what, double actual, double expected) {
        assertThat(actual).as(what).isCloseTo(expected, within(2e-5 * (1 + Math.abs(expected))));
    }

    @ParameterizedTest
    @MethodSource("columns")
    void byRows(int columns) {
        int k = 2 * L + 3;
        float[] a = draw(L * (k + 1));
        float[] b = draw(PanelProducts.length(k + 4, columns));
        for (boolean add : new boolean[] {false, true}) {
            float[] c = draw(PanelProducts.length(L + 8, columns));
            float[] old = c.clone();
            PanelProducts.rows(a, 1, k, b, 2, k + 4, c, 4, L + 8, L, columns, k, add, spare);
            for (int i = 0; i < L + 8; i++) {
                for (int j = 0; j < columns; j++) {
                    double sum = add || i < 4 || i >= L + 4 ? at(old, L + 8, i, j) : 0;
                    for (int p = 0; p < k && i >= 4 && i < L + 4; p++) {
                        sum += (double) a[1 + (i - 4) * k + p] * at(b, k + 4, 2 + p, j);
                    }
                    assertClose("row %d, column %d".formatted(i, j), at(c, L + 8, i, j), sum);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("columns")
    void byColumnsWithDecays(int columns) {
        int rows = 5 * L;
        float[] a = draw(PanelProducts.length(L, rows));
        float[] b = draw(PanelProducts.length(L, columns));
        float[] old = draw(PanelProducts.length(rows, columns));
        float[] decay = draw(Math.max(rows, columns));
        float[] product = old.clone();
        float[] byRow = old.clone();
        float[] byColumn = old.clone();
        PanelProducts.columns(a, L, b, 0, L, product, rows, rows, columns, L, spare);
        PanelProducts.decayRows(a, L, b, 0, L, decay, byRow, rows, rows, columns, L, spare);
        PanelProducts.decayColumns(a, L, b, L, decay, old, 0, byColumn, 0, rows, columns, L, spare);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                double sum = 0;
                for (int p = 0; p < L; p++) {
                    sum += (double) at(a, L, p, i) * at(b, L, p, j);
                }
                double before = at(old, rows, i, j);
                assertClose("product", at(product, rows, i, j), sum);
                assertClose("rows decay", at(byRow, rows, i, j), decay[i] * before + sum);
                assertClose("columns decay", at(byColumn, rows, i, j), decay[j] * before + sum);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("columns")
    void narrow(int k) {
        float[] a = draw(PanelProducts.length(2 * L, k));
        float[] b = draw(k * L);
        float[] c = draw(L * L);
        PanelProducts.narrow(a, L, 2 * L, b, c, 0, L, k);
        float[] sum = draw(k * L);
        float[] old = sum.clone();
        PanelProducts.narrowColumns(a, L, 2 * L, b, 0, sum, k, L);
        for (int j = 0; j < L; j++) {
            for (int i = 0; i < L; i++) {
                double expected = 0;
                for (int p = 0; p < k; p++) {
                    expected += (double) at(a, 2 * L, L + i, p) * b[p * L + j];
                }
                assertClose("by rows", c[i * L + j], expected);
            }
            for (int i = 0; i < k; i++) {
                double expected = old[i * L + j];
                for (int p = 0; p < L; p++) {
                    expected += (double) at(a, 2 * L, L + p, i) * b[p * L + j];
                }
                assertClose("by columns", sum[i * L + j], expected);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("columns")
    void transposing(int columns) {
        int rows = 2 * L;
        float[] a = draw(PanelProducts.length(rows, columns));
        float[] turned = new float[PanelProducts.length(columns, rows)];
        Transposition.transpose(a, rows, columns, turned);
        float[] narrow = new float[columns * L];
        Transposition.turn(a, L, rows, columns, narrow);
        float[] back = new float[a.length];
        Arrays.fill(back, 100);
        Transposition.turnBack(narrow, columns, back, L, rows);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                assertThat(at(turned, columns, j, i)).isEqualTo(at(a, rows, i, j));
                assertThat(at(back, rows, i, j)).isEqualTo(i < L ? 100 : at(a, rows, i, j));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("columns")
    void exponentialsAreThoseOfOneVector(int count) {
        float[] x = draw(count);
        x[0] = -200;
        x[1] = Float.NEGATIVE_INFINITY;
        x[2] = 200;
        x[3] = Float.NaN;
        float[] expected = x.clone();
        for (int i = 0; i < count; i += L) {
            Lanes.exp(FloatVector.fromArray(Lanes.SPECIES, expected, i)).intoArray(expected, i);
        }
        Lanes.exponentials(x, count);
        assertThat(x).isEqualTo(expected);
    }
}
