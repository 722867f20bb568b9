package tern.distil.linear;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;

import org.junit.jupiter.api.Test;

class LinearAlgebraTest {
    @Test
    void fourierEqualsTheSumAndComesBack() {
        Random random = new Random(1);
        for (int n = 1; n <= 64; n *= 2) {
            double[] re = random.doubles(n, -1, 1).toArray();
            double[] im = random.doubles(n, -1, 1).toArray();
            double[] toRe = re.clone();
            double[] toIm = im.clone();
            Fourier fourier = new Fourier(n);
            fourier.forward(toRe, toIm, new double[n], new double[n]);
            double energy = 0;
            double spectral = 0;
            for (int k = 0; k < n; k++) {
                double x = 0;
                double y = 0;
                for (int t = 0; t < n; t++) {
                    double angle = -2 * Math.PI * k * t / n;
                    x += re[t] * Math.cos(angle) - im[t] * Math.sin(angle);
                    y += re[t] * Math.sin(angle) + im[t] * Math.cos(angle);
                }
                assertThat(toRe[k]).as("length " + n + ", bin " + k).isCloseTo(x, within(1e-13 * n));
                assertThat(toIm[k]).as("length " + n + ", bin " + k).isCloseTo(y, within(1e-13 * n));
                energy += re[k] * re[k] + im[k] * im[k];
                spectral += toRe[k] * toRe[k] + toIm[k] * toIm[k];
            }
            assertThat(spectral / n).as("Parseval, length " + n).isCloseTo(energy, within(1e-12 * energy));
            fourier.backward(toRe, toIm, new double[n], new double[n]);
            for (int t = 0; t < n; t++) {
                assertThat(toRe[t] / n).isCloseTo(re[t], within(1e-14 * n));
                assertThat(toIm[t] / n).isCloseTo(im[t], within(1e-14 * n));
            }
        }
        assertThat(Fourier.lengthFor(1)).isEqualTo(1);
        assertThat(Fourier.lengthFor(5)).isEqualTo(8);
        assertThat(Fourier.lengthFor(8)).isEqualTo(8);
        assertThatThrownBy(() -> new Fourier(12)).hasMessageContaining("12").hasMessageContaining("power of two");
    }

    @Test
    void leastSquaresLeavesAResidualOrthogonalToTheColumns() {
        for (long seed = 1; seed <= 20; seed++) {
            Random random = new Random(seed);
            int n = 1 + random.nextInt(9);
            int rows = n + random.nextInt(12);
            double[] a = random.doubles((long) rows * (n + 1), -1, 1).toArray();
            double[] r = a.clone();
            Householder.triangularise(r, rows, n + 1, n);
            double[] x = Householder.solve(r, rows, n, n * rows, 0);
            double[] rest = Arrays.copyOfRange(a, n * rows, (n + 1) * rows);
            for (int j = 0; j < n; j++) {
                Columns.add(-x[j], a, j * rows, rest, 0, rows);
            }
            for (int j = 0; j < n; j++) {
                assertThat(Columns.dot(a, j * rows, rest, 0, rows)).as("seed " + seed).isCloseTo(0, within(1e-10));
            }
        }
    }

    @Test
    void aDependentColumnGetsNothing() {
        double[] a = {1, 1, 1, 2, 2, 2, 3, 3, 3};
        Householder.triangularise(a, 3, 3, 2);
        double[] x = Householder.solve(a, 3, 2, 6, 1e-12);
        assertThat(x[0]).isCloseTo(3, within(1e-14));
        assertThat(x[1]).isZero();
    }

    @Test
    void symmetricEigenvectorsDiagonalise() {
        for (long seed = 1; seed <= 12; seed++) {
            Random random = new Random(seed);
            int n = 1 + random.nextInt(30);
            double[] a = new double[n * n];
            for (int j = 0; j < n; j++) {
                for (int i = 0; i <= j; i++) {
                    double x = seed % 3 == 0 ? random.nextInt(2) : random.nextGaussian();
                    a[j * n + i] = x;
                    a[i * n + j] = x;
                }
            }
            SymmetricEigen eigen = SymmetricEigen.dense(a, n);
            for (int k = 0; k < n; k++) {
                double[] moved = new double[n];
                for (int j = 0; j < n; j++) {
                    Columns.add(eigen.vectors()[k * n + j], a, j * n, moved, 0, n);
                }
                Columns.add(-eigen.values()[k], eigen.vectors(), k * n, moved, 0, n);
                assertThat(Columns.norm(moved, 0, n)).as("seed " + seed + ", n " + n).isLessThan(1e-12 * n);
                for (int j = 0; j <= k; j++) {
                    assertThat(Columns.dot(eigen.vectors(), k * n, eigen.vectors(), j * n, n))
                            .as("seed " + seed + ", n " + n).isCloseTo(j == k ? 1 : 0, within(1e-12));
                }
            }
        }
    }

    @Test
    void tridiagonalFormsAgreeOnTheLastRow() {
        Random random = new Random(3);
        double[] d = random.doubles(17, -1, 1).toArray();
        double[] e = random.doubles(17, -1, 1).toArray();
        SymmetricEigen whole = SymmetricEigen.tridiagonal(d, e, 17, false);
        SymmetricEigen row = SymmetricEigen.tridiagonal(d, e, 17, true);
        for (int k = 0; k < 17; k++) {
            assertThat(row.values()[k]).isEqualTo(whole.values()[k]);
            assertThat(row.vectors()[k]).isEqualTo(whole.vectors()[k * 17 + 16]);
        }
    }

    @Test
    void eigenvaluesOfACompanionMatrixAreTheRoots() {
        for (long seed = 1; seed <= 30; seed++) {
            Random random = new Random(seed);
            int pairs = random.nextInt(6);
            int reals = 1 + random.nextInt(4);
            int n = 2 * pairs + reals;
            double[] rootRe = new double[n];
            double[] rootIm = new double[n];
            double[] polynomial = {1};
            for (int k = 0; k < pairs; k++) {
                double r = 0.3 + 0.7 * random.nextDouble();
                double angle = Math.PI * (k + 0.2 + 0.6 * random.nextDouble()) / pairs;
                rootRe[2 * k] = r * Math.cos(angle);
                rootRe[2 * k + 1] = rootRe[2 * k];
                rootIm[2 * k] = r * Math.sin(angle);
                rootIm[2 * k + 1] = -rootIm[2 * k];
                polynomial = times(polynomial, new double[] {1, -2 * rootRe[2 * k], r * r});
            }
            for (int k = 0; k < reals; k++) {
                rootRe[2 * pairs + k] = -1 + 2 * (k + 0.2 + 0.6 * random.nextDouble()) / reals;
                polynomial = times(polynomial, new double[] {1, -rootRe[2 * pairs + k]});
            }
            double[] companion = new double[n * n];
            for (int j = 0; j < n; j++) {
                companion[j * n] = -polynomial[j + 1];
                if (j + 1 < n) {
                    companion[j * n + j + 1] = 1;
                }
            }
            RealEigenvalues found = RealEigenvalues.of(companion, n);
            for (int k = 0; k < n; k++) {
                double nearest = Double.POSITIVE_INFINITY;
                for (int j = 0; j < n; j++) {
                    nearest = Math.min(nearest, Math.hypot(found.re()[j] - rootRe[k], found.im()[j] - rootIm[k]));
                }
                assertThat(nearest).as("seed " + seed + ", root " + k + " of " + n).isLessThan(1e-7);
            }
        }
    }

    private static double[] times(double[] a, double[] b) {
        double[] product = new double[a.length + b.length - 1];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < b.length; j++) {
                product[i + j] += a[i] * b[j];
            }
        }
        return product;
    }

    @Test
    void eigenvaluesKeepTraceAndPairing() {
        for (long seed = 1; seed <= 20; seed++) {
            Random random = new Random(seed);
            int n = 1 + random.nextInt(40);
            double[] a = random.doubles((long) n * n, -1, 1).toArray();
            RealEigenvalues eigen = RealEigenvalues.of(a, n);
            double trace = 0;
            double squares = 0;
            double expected = 0;
            double expectedSquares = 0;
            for (int i = 0; i < n; i++) {
                expected += a[i * n + i];
                trace += eigen.re()[i];
                squares += eigen.re()[i] * eigen.re()[i] - eigen.im()[i] * eigen.im()[i];
                for (int j = 0; j < n; j++) {
                    expectedSquares += a[j * n + i] * a[i * n + j];
                }
                if (eigen.im()[i] > 0) {
                    assertThat(eigen.im()[i + 1]).isEqualTo(-eigen.im()[i]);
                    assertThat(eigen.re()[i + 1]).isEqualTo(eigen.re()[i]);
                }
            }
            assertThat(trace).as("seed " + seed).isCloseTo(expected, within(1e-11 * n));
            assertThat(squares).as("seed " + seed).isCloseTo(expectedSquares, within(1e-11 * n * n));
        }
        assertThatThrownBy(() -> RealEigenvalues.of(new double[] {Double.NaN}, 1)).hasMessageContaining("NaN");
    }

    @Test
    void singularValuesReassembleTheMatrix() {
        for (long seed = 1; seed <= 12; seed++) {
            Random random = new Random(seed);
            int n = 1 + random.nextInt(12);
            int rows = n + random.nextInt(8);
            double[] a = random.doubles((long) rows * n, -1, 1).toArray();
            SingularValues svd = SingularValues.of(a, rows, n);
            double[] rest = a.clone();
            for (int k = 0; k < n; k++) {
                assertThat(k == 0 || svd.values()[k] <= svd.values()[k - 1]).isTrue();
                for (int j = 0; j < n; j++) {
                    Columns.add(-svd.values()[k] * svd.v()[k * n + j], svd.u(), k * rows, rest, j * rows, rows);
                }
            }
            assertThat(Columns.norm(rest, 0, rest.length)).as("seed " + seed).isLessThan(1e-12);
        }
    }
}
