package tern.distil.filter;

import tern.distil.linear.Columns;

/**
 * The triangular factor of [Φ, s·Φ, h] without forming those columns: their inner products are finite geometric sums in
 * closed form, G_k(z) = Σ_{s&lt;N} s^k z^s for k = 0, 1, 2, so only the products with h cost time proportional to the length.
 * Squares the condition number: {@link #factor} says how far its result can be trusted.
 *
 * <p>
 * Columns are those of {@link VariableProjection}: Re λ^s, -Im λ^s for each pair, ρ^s for each real pole, scaled to about
 * unit norm, then the same times s/N. Confined to one thread.
 */
final class ModalGram {
    private final double[] target;
    private final double[] timed;
    private final double energy;
    private final double[] re;
    private final double[] im;
    /** G_0, G_1/N, G_2/N² of the last product asked for: real and imaginary parts. */
    private final double[] sums = new double[6];
    /** Σ h·Re λ^s, Σ h·Im λ^s and the same with s·h/N for h, of the powers now in re and im. */
    private final double[] products = new double[4];

    ModalGram(double[] target) {
        this.target = target;
        int n = target.length;
        timed = new double[n];
        for (int s = 0; s < n; s++) {
            timed[s] = target[s] * s / n;
        }
        energy = Columns.dot(target, 0, target, 0, n);
        re = new double[n];
        im = new double[n];
    }

    double energy() {
        return energy;
    }

    /**
     * Writes R, upper triangular, with Rᵀ·R the Gram matrix, and beside it the transformed target as last column.
     *
     * @param a receives [size, size + 1], size = 2·order or, without derivatives, the order
     * @return the smallest squared pivot relative to its column's squared norm; not above 0 if the factorisation failed
     */
    double factor(PoleSet poles, boolean derivatives, double[] a) {
        int n = target.length;
        int m = poles.order();
        int pairs = poles.pairs();
        int modes = pairs + poles.reals();
        int size = derivatives ? 2 * m : m;
        double[] x = new double[modes];
        double[] y = new double[modes];
        double[] endX = new double[modes];
        double[] endY = new double[modes];
        double[] scale = new double[modes];
        for (int k = 0; k < modes; k++) {
            double nu = k < pairs ? poles.pairNu()[k] : poles.realNu()[k - pairs];
            double decay = Math.exp(nu);
            double r = Math.exp(-decay);
            double end = Math.exp(-decay * n);
            scale[k] = Math.sqrt(-Math.expm1(-2 * decay) / -Math.expm1(-2 * decay * n));
            int column = k < pairs ? 2 * k : pairs + k;
            if (k < pairs) {
                double theta = poles.pairTheta()[k];
                x[k] = r * Math.cos(theta);
                y[k] = r * Math.sin(theta);
                endX[k] = end * Math.cos(theta * n);
                endY[k] = end * Math.sin(theta * n);
                Powers.fill(x[k], y[k], re, 0, im, 0, n);
                if (derivatives) {
                    products();
                    a[size * size + m + column] = scale[k] * products[2];
                    a[size * size + m + column + 1] = -scale[k] * products[3];
                    a[size * size + column] = scale[k] * products[0];
                    a[size * size + column + 1] = -scale[k] * products[1];
                } else {
                    a[size * size + column] = scale[k] * Columns.dot(target, 0, re, 0, n);
                    a[size * size + column + 1] = -scale[k] * Columns.dot(target, 0, im, 0, n);
                }
            } else {
                int sign = poles.realSign()[k - pairs];
                x[k] = sign * r;
                endX[k] = sign < 0 && n % 2 == 1 ? -end : end;
                Powers.fill(x[k], re, 0, n);
                a[size * size + column] = scale[k] * Columns.dot(target, 0, re, 0, n);
                if (derivatives) {
                    a[size * size + m + column] = scale[k] * Columns.dot(timed, 0, re, 0, n);
                }
            }
        }
        for (int k = 0; k < modes; k++) {
            int row = k < pairs ? 2 * k : pairs + k;
            for (int j = k; j < modes; j++) {
                int column = j < pairs ? 2 * j : pairs + j;
                double both = scale[k] * scale[j];
                geometric(x[k], y[k], endX[k], endY[k], x[j], y[j], endX[j], endY[j], derivatives);
                double p0 = sums[0];
                double p0i = sums[1];
                double p1 = sums[2];
                double p1i = sums[3];
                double p2 = sums[4];
                double p2i = sums[5];
                geometric(x[k], y[k], endX[k], endY[k], x[j], -y[j], endX[j], -endY[j], derivatives);
                block(a, size, row, column, k < pairs, j < pairs, both, p0, p0i, sums[0], sums[1]);
                if (derivatives) {
                    block(a, size, row, m + column, k < pairs, j < pairs, both, p1, p1i, sums[2], sums[3]);
                    block(a, size, m + row, m + column, k < pairs, j < pairs, both, p2, p2i, sums[4], sums[5]);
                    if (j > k) {
                        transposed(a, size, row, m + row, column, m + column, k < pairs, j < pairs);
                    }
                }
            }
        }
        return cholesky(a, size);
    }

    /** Sets {@link #products} in one pass, even and odd entries apart so that more additions are in flight. */
    private void products() {
        double a0 = 0;
        double a1 = 0;
        double b0 = 0;
        double b1 = 0;
        double c0 = 0;
        double c1 = 0;
        double d0 = 0;
        double d1 = 0;
        int n = target.length;
        int s = 0;
        for (; s + 1 < n; s += 2) {
            a0 += target[s] * re[s];
            b0 += target[s] * im[s];
            c0 += timed[s] * re[s];
            d0 += timed[s] * im[s];
            a1 += target[s + 1] * re[s + 1];
            b1 += target[s + 1] * im[s + 1];
            c1 += timed[s + 1] * re[s + 1];
            d1 += timed[s + 1] * im[s + 1];
        }
        if (s < n) {
            a0 += target[s] * re[s];
            b0 += target[s] * im[s];
            c0 += timed[s] * re[s];
            d0 += timed[s] * im[s];
        }
        products[0] = a0 + a1;
        products[1] = b0 + b1;
        products[2] = c0 + c1;
        products[3] = d0 + d1;
    }

    /** Entries (row.., column..) of the Gram matrix from Σ s^k (λμ)^s = p and Σ s^k (λμ̄)^s = q. */
    private static void block(double[] a, int size, int row, int column, boolean pairLeft, boolean pairRight,
            double both,
            double p, double pi, double q, double qi) {
        double half = both / 2;
        a[column * size + row] = half * (p + q);
        if (pairLeft) {
            // the second column of a pair is -Im
            a[column * size + row + 1] = -half * (pi + qi);
        }
        if (pairRight) {
            a[(column + 1) * size + row] = -half * (pi - qi);
        }
        if (pairLeft && pairRight) {
            a[(column + 1) * size + row + 1] = half * (q - p);
        }
    }

    /** ⟨φ_j, s·φ_k⟩ = ⟨φ_k, s·φ_j⟩: fills the block (j, k) of the mixed quarter from (k, j). */
    private static void transposed(double[] a, int size, int row, int timedRow, int column, int timedColumn,
            boolean pairLeft, boolean pairRight) {
        int rows = pairLeft ? 2 : 1;
        int columns = pairRight ? 2 : 1;
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                a[(timedRow + i) * size + column + j] = a[(timedColumn + j) * size + row + i];
            }
        }
    }

    /** Sets {@link #sums} for z = (ax + i·ay)(bx + i·by), whose N-th power is the product of the two ends. */
    private void geometric(double ax, double ay, double aEndX, double aEndY, double bx, double by, double bEndX,
            double bEndY, boolean derivatives) {
        double n = target.length;
        double zx = ax * bx - ay * by;
        double zy = ax * by + ay * bx;
        double ex = aEndX * bEndX - aEndY * bEndY;
        double ey = aEndX * bEndY + aEndY * bEndX;
        double dx = 1 - zx;
        double dy = -zy;
        double size = dx * dx + dy * dy;
        double wx = dx / size;
        double wy = -dy / size;
        double g0x = (1 - ex) * wx + ey * wy;
        double g0y = (1 - ex) * wy - ey * wx;
        sums[0] = g0x;
        sums[1] = g0y;
        if (!derivatives) {
            return;
        }
        // with w = 1/(1-z) and E = z^N: G1 = zw·G0 - N·E·w, G2 = zw·(w·G0 + G1 - N·E·w) - N·N·E·w
        double zwx = zx * wx - zy * wy;
        double zwy = zx * wy + zy * wx;
        double ewx = n * (ex * wx - ey * wy);
        double ewy = n * (ex * wy + ey * wx);
        double g1x = zwx * g0x - zwy * g0y - ewx;
        double g1y = zwx * g0y + zwy * g0x - ewy;
        double tx = wx * g0x - wy * g0y + g1x - ewx;
        double ty = wx * g0y + wy * g0x + g1y - ewy;
        double g2x = zwx * tx - zwy * ty - n * ewx;
        double g2y = zwx * ty + zwy * tx - n * ewy;
        sums[2] = g1x / n;
        sums[3] = g1y / n;
        sums[4] = g2x / (n * n);
        sums[5] = g2y / (n * n);
    }

    /** Rᵀ·R = the upper triangle of {@code a} in place, with Rᵀ·r = the last column. */
    private static double cholesky(double[] a, int size) {
        double smallest = 1;
        for (int j = 0; j <= size; j++) {
            int column = j * size;
            int rows = Math.min(j, size);
            for (int i = 0; i < rows; i++) {
                a[column + i] = (a[column + i] - Columns.dot(a, i * size, a, column, i)) / a[i * size + i];
            }
            if (j < size) {
                double own = a[column + j];
                double pivot = own - Columns.dot(a, column, a, column, j);
                if (!(pivot > 0)) {
                    return 0;
                }
                smallest = Math.min(smallest, pivot / own);
                a[column + j] = Math.sqrt(pivot);
            }
        }
        return smallest;
    }
}
