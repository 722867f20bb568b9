package tern.kernels.attention;

import tern.tensor.DType;
import tern.tensor.Tensor;

/** Turns neighbouring channels by an angle proportional to position, angles in double precision. Stateless. */
public final class Turning {
    private Turning() {
    }

    /**
     * y: channels (2i, 2i + 1) of each head of x [B,T,H,K] turned by direction·(ages[b] + t)·speeds[i].
     *
     * @param direction 1 forward, −1 for the gradient
     */
    public static void turn(Tensor x, long[] ages, double[] speeds, int direction, Tensor y) {
        int time = x.dim(1);
        int heads = x.dim(2);
        int width = x.dim(3);
        double[] cosines = new double[speeds.length];
        double[] sines = new double[speeds.length];
        for (int b = 0; b < x.dim(0); b++) {
            for (int t = 0; t < time; t++) {
                for (int i = 0; i < speeds.length; i++) {
                    double angle = (ages[b] + t) * speeds[i];
                    cosines[i] = Math.cos(angle);
                    sines[i] = direction * Math.sin(angle);
                }
                for (int h = 0; h < heads; h++) {
                    long at = (((long) b * time + t) * heads + h) * width;
                    if (x.dtype() == DType.F32) {
                        turnFloats(x, at, cosines, sines, y);
                    } else {
                        turnAny(x, at, cosines, sines, y);
                    }
                }
            }
        }
    }

    private static void turnFloats(Tensor x, long at, double[] cosines, double[] sines, Tensor y) {
        for (int i = 0; i < cosines.length; i++) {
            long even = 4 * (at + 2L * i);
            double first = x.data().get(Tensor.FLOAT, even);
            double second = x.data().get(Tensor.FLOAT, even + 4);
            y.data().set(Tensor.FLOAT, even, (float) (first * cosines[i] - second * sines[i]));
            y.data().set(Tensor.FLOAT, even + 4, (float) (first * sines[i] + second * cosines[i]));
        }
    }

    private static void turnAny(Tensor x, long at, double[] cosines, double[] sines, Tensor y) {
        for (int i = 0; i < cosines.length; i++) {
            long even = at + 2L * i;
            double first = x.get(even);
            double second = x.get(even + 1);
            y.set(even, first * cosines[i] - second * sines[i]);
            y.set(even + 1, first * sines[i] + second * cosines[i]);
        }
    }
}
