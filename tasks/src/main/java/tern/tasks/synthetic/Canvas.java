package tern.tasks.synthetic;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;

/** A square grey image that is drawn on at a multiple of its resolution and reduced. Confined to one thread. */
final class Canvas {
    private final int size;
    private final int scale;
    private final double[][] weights;
    private final double[] fine;

    /**
     * A canvas.
     *
     * @param scale how much finer than the image is drawn
     * @param lanczos whether it is reduced by a Lanczos filter of three lobes, or a triangle
     */
    Canvas(int size, int scale, boolean lanczos) {
        this.size = size;
        this.scale = scale;
        this.fine = new double[size * scale * size * scale];
        this.weights = weights(size, scale, lanczos ? 3 : 1, lanczos ? Canvas::lanczos : Canvas::triangle);
    }

    private static double lanczos(double x) {
        return x == 0 ? 1 : Math.abs(x) >= 3 ? 0
                : 3 * StrictMath.sin(Math.PI * x) * StrictMath.sin(Math.PI * x / 3) / (Math.PI * Math.PI * x * x);
    }

    private static double triangle(double x) {
        return Math.max(0, 1 - Math.abs(x));
    }

    /** How much each fine pixel counts for each pixel, along one axis; rows sum to one. */
    private static double[][] weights(int size, int scale, int support, DoubleUnaryOperator filter) {
        double[][] weights = new double[size][size * scale];
        for (int to = 0; to < size; to++) {
            double centre = (to + 0.5) * scale;
            double sum = 0;
            for (int from = 0; from < size * scale; from++) {
                double distance = (from + 0.5 - centre) / scale;
                double weight = Math.abs(distance) < support ? filter.applyAsDouble(distance) : 0;
                weights[to][from] = weight;
                sum += weight;
            }
            for (int from = 0; from < size * scale; from++) {
                weights[to][from] /= sum;
            }
        }
        return weights;
    }

    /** Coverage [size·size] of a stroke with flat ends between two points, in pixels; only what it can reach is looked at. */
    double[] stroke(double y0, double x0, double y1, double x1, double thickness) {
        double length = StrictMath.hypot(y1 - y0, x1 - x0);
        double along = length * scale;
        double half = thickness * scale / 2;
        double dy = (y1 - y0) / length;
        double dx = (x1 - x0) / length;
        // Through the middles of fine pixels, so that a stroke is equally wide in all directions.
        double middle = scale % 2 == 0 ? 0.5 : 0;
        return drawn(Math.min(y0, y1) - thickness, Math.max(y0, y1) + thickness, Math.min(x0, x1) - thickness,
                Math.max(x0, x1) + thickness, (y, x) -> {
                    double fromY = y - y0 * scale + middle;
                    double fromX = x - x0 * scale + middle;
                    double forward = fromY * dy + fromX * dx;
                    double aside = Math.abs(fromY * dx - fromX * dy);
                    // Half a fine pixel of slack keeps the thinnest strokes whole, whatever their direction.
                    return forward >= -0.5 && forward <= along + 0.5 && aside <= Math.max(half, 0.5) - 1e-9;
                });
    }

    /** Coverage of a disc. */
    double[] disc(double y0, double x0, double radius) {
        return drawn(y0 - radius, y0 + radius, x0 - radius, x0 + radius,
                (y, x) -> StrictMath.hypot(y - y0 * scale, x - x0 * scale) <= radius * scale);
    }

    @FunctionalInterface
    private interface Inside {
        boolean test(double y, double x);
    }

    private double[] drawn(double top, double bottom, double left, double right, Inside inside) {
        int all = size * scale;
        int fromY = bounded(Math.floor(top * scale) - 1);
        int toY = bounded(Math.ceil(bottom * scale) + 2);
        int fromX = bounded(Math.floor(left * scale) - 1);
        int toX = bounded(Math.ceil(right * scale) + 2);
        for (int y = fromY; y < toY; y++) {
            for (int x = fromX; x < toX; x++) {
                fine[y * all + x] = inside.test(y + 0.5, x + 0.5) ? 1 : 0;
            }
        }
        double[] image = reduced(fromY, toY, fromX, toX);
        for (int y = fromY; y < toY; y++) {
            Arrays.fill(fine, y * all + fromX, y * all + toX, 0);
        }
        return image;
    }

    private int bounded(double at) {
        return (int) Math.clamp(at, 0, size * scale);
    }

    private double[] reduced(int fromY, int toY, int fromX, int toX) {
        int all = size * scale;
        int reach = 3;
        int top = Math.max(0, fromY / scale - reach);
        int bottom = Math.min(size, toY / scale + reach + 1);
        int left = Math.max(0, fromX / scale - reach);
        int right = Math.min(size, toX / scale + reach + 1);
        double[] image = new double[size * size];
        double[] row = new double[toX - fromX];
        for (int y = top; y < bottom; y++) {
            Arrays.fill(row, 0);
            for (int v = fromY; v < toY; v++) {
                double weight = weights[y][v];
                if (weight != 0) {
                    for (int u = fromX; u < toX; u++) {
                        row[u - fromX] += weight * fine[v * all + u];
                    }
                }
            }
            for (int x = left; x < right; x++) {
                double sum = 0;
                for (int u = fromX; u < toX; u++) {
                    sum += weights[x][u] * row[u - fromX];
                }
                image[y * size + x] = Math.clamp(sum, 0.0, 1.0);
            }
        }
        return image;
    }
}
