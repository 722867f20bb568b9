package tern.kernels.norm;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Vector bodies against the plain ones. */
class VectorNormTest {
    private final Norm plain = new ReferenceNorm();
    private final Norm vector = new VectorNorm();

    @Test
    void everyWidth() {
        KernelLaw.lengths().forEach(width -> check(600 + width, 1 + width % 5, width));
    }

    @Test
    void manyTasks() {
        check(700, 300, 331);
        check(701, 0, 8);
        check(702, 2, 40_000);
    }

    /** More than the caches hold, which is brought near first. */
    @Test
    void farRows() {
        check(703, 3_700, 771);
    }

    /** Rows far from 0, and rows whose first numbers, from which their moments are taken, are far from all others. */
    @Test
    void rowsFarFromWhereTheirMomentsAreTaken() {
        for (int width : new int[] {5, 64, 67, 771}) {
            checkBackward(704 + width, width, 0, 20);
            checkBackward(705 + width, width, 1, 20);
            checkBackward(706 + width, width, Math.min(width, 63), 20);
        }
    }

    /** The first {@code raised} numbers of each row are raised, all of them if it is 0. */
    private void checkBackward(long seed, int width, int raised, double by) {
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            Tensor x = law.gaussian(DType.F32, 3, width);
            for (int row = 0; row < 3; row++) {
                for (int i = 0; i < (raised == 0 ? width : raised); i++) {
                    long place = (long) row * width + i;
                    x.set(place, x.get(place) + by);
                }
            }
            Tensor gain = law.gaussian(DType.F32, width);
            Tensor dy = law.gaussian(DType.F32, 3, width);
            Tensor expected = law.blank(DType.F32, 3, width);
            Tensor actual = law.blank(DType.F32, 3, width);
            Tensor sums = law.gaussian(DType.F32, width);
            Tensor expectedGain = law.copy(sums);
            Tensor expectedBias = law.copy(sums);
            Tensor actualGain = law.copy(sums);
            Tensor actualBias = law.copy(sums);
            plain.layerBackward(one, x, gain, 1e-5, dy, expected, expectedGain, expectedBias);
            vector.layerBackward(one, x, gain, 1e-5, dy, actual, actualGain, actualBias);
            String what = "width %d raised %d".formatted(width, raised);
            law.assertClose(what + " dx", actual, expected);
            law.assertClose(what + " dGain", actualGain, expectedGain);
            law.assertClose(what + " dBias", actualBias, expectedBias);
            law.assertGuardsUntouched();
        }
    }

    private void check(long seed, int rows, int width) {
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            ThreadTeam four = law.team(4);
            Tensor x = law.gaussian(DType.F32, rows, width);
            for (long i = 0; i < x.elements(); i++) {
                x.set(i, x.get(i) + 3);
            }
            Tensor gain = law.gaussian(DType.F32, width);
            Tensor bias = law.gaussian(DType.F32, width);
            Tensor dy = law.gaussian(DType.F32, rows, width);
            Tensor expected = law.blank(DType.F32, rows, width);
            Tensor actual = law.blank(DType.F32, rows, width);
            Tensor again = law.blank(DType.F32, rows, width);
            plain.layer(one, x, gain, bias, 1e-5, expected);
            vector.layer(four, x, gain, bias, 1e-5, actual);
            law.assertClose("layer", actual, expected);
            vector.layer(one, x, gain, bias, 1e-5, again);
            law.assertSame("layer on one thread", again, actual);
            plain.rms(one, x, gain, 1e-5, expected);
            vector.rms(four, x, gain, 1e-5, actual);
            law.assertClose("rms", actual, expected);

            Tensor sums = law.gaussian(DType.F32, width);
            Tensor expectedGain = law.copy(sums);
            Tensor expectedBias = law.copy(sums);
            Tensor actualGain = law.copy(sums);
            Tensor actualBias = law.copy(sums);
            Tensor againGain = law.copy(sums);
            Tensor againBias = law.copy(sums);
            plain.layerBackward(one, x, gain, 0.1, dy, expected, expectedGain, expectedBias);
            vector.layerBackward(four, x, gain, 0.1, dy, actual, actualGain, actualBias);
            vector.layerBackward(one, x, gain, 0.1, dy, again, againGain, againBias);
            law.assertClose("layerBackward dx", actual, expected);
            law.assertClose("layerBackward dGain", actualGain, expectedGain);
            law.assertClose("layerBackward dBias", actualBias, expectedBias);
            law.assertSame("layerBackward dx on one thread", again, actual);
            law.assertSame("layerBackward dGain on one thread", againGain, actualGain);
            law.assertSame("layerBackward dBias on one thread", againBias, actualBias);
            plain.rmsBackward(one, x, gain, 0.1, dy, expected, expectedGain);
            vector.rmsBackward(four, x, gain, 0.1, dy, actual, actualGain);
            vector.rmsBackward(one, x, gain, 0.1, dy, again, againGain);
            law.assertClose("rmsBackward dx", actual, expected);
            law.assertClose("rmsBackward dGain", actualGain, expectedGain);
            law.assertSame("rmsBackward dx on one thread", again, actual);
            law.assertSame("rmsBackward dGain on one thread", againGain, actualGain);
            law.assertGuardsUntouched();
        }
    }
}
