package tern.kernels.convolution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.ops.FilterNorm;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The vector body against the plain one. */
class VectorFilterShapingTest {
    private static final DType F32 = DType.F32;

    static IntStream lengths() {
        return KernelLaw.lengths();
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyWidth(int width) {
        check(width, 7, width);
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyNumberOfRows(int rows) {
        check(500L + rows, rows, 19);
    }

    @Test
    void manyTasks() {
        check(3, 3000, 37);
        check(4, 1100, 64);
    }

    private static void check(long seed, int rows, int width) {
        try (KernelLaw law = new KernelLaw(seed)) {
            FilterShaping reference = new ReferenceFilterShaping();
            FilterShaping body = new VectorFilterShaping();
            List<ThreadTeam> teams = List.of(law.team(1), law.team(4));
            String what = rows + " rows of " + width + ": ";
            Tensor x = law.gaussian(F32, rows, width);
            Tensor gain = law.gaussian(F32, width);
            Tensor dy = law.gaussian(F32, rows, width);
            Tensor dGain = law.gaussian(F32, width);
            for (long i = 0; i < width; i++) {
                gain.set(i, i % 5 == 3 ? 0 : 14 * gain.get(i));
            }
            Tensor[] want = new Tensor[12];
            Tensor[] alone = new Tensor[0];
            run(law, reference, teams.get(0), x, gain, dy, dGain, want);
            for (ThreadTeam team : teams) {
                Tensor[] found = new Tensor[want.length];
                run(law, body, team, x, gain, dy, dGain, found);
                for (int i = 0; i < want.length; i++) {
                    if (i >= 6 && i % 2 == 1 && (rows == 1 || width == 1)) {
                        // A filter of one tap divided by its norm does not move: the gradient is rounding noise around 0.
                        continue;
                    }
                    law.assertClose(what + "result " + i, found[i], want[i]);
                }
                for (int i = 0; i < alone.length; i++) {
                    law.assertSame(what + "result " + i + " on more threads", found[i], alone[i]);
                }
                alone = found;
            }
            law.assertGuardsUntouched();
        }
    }

    private static void run(KernelLaw law, FilterShaping body, ThreadTeam team, Tensor x, Tensor gain, Tensor dy,
            Tensor dGain, Tensor[] results) {
        int rows = x.dim(0);
        int width = x.dim(1);
        for (int i = 0; i < results.length; i++) {
            results[i] = i == 2 || i == 5 ? law.copy(dGain) : law.blank(F32, rows, width);
        }
        body.sine(team, x, gain, results[0]);
        body.sineBackward(team, x, gain, dy, results[1], results[2]);
        body.window(team, x, gain, rows + 2, 0.05, results[3]);
        body.windowBackward(team, x, gain, rows + 2, 0.05, dy, results[4], results[5]);
        int i = 6;
        for (FilterNorm norm : List.of(FilterNorm.TAPS_L1, FilterNorm.TAPS_L2, FilterNorm.CHANNELS_L1)) {
            body.normalise(team, x, norm, results[i++]);
            body.normaliseBackward(team, x, norm, dy, results[i++]);
        }
    }

    @Test
    void theSineIsAccurateForLargeAngles() {
        try (KernelLaw law = new KernelLaw(8)) {
            int width = 4096;
            Tensor x = law.blank(F32, 1, width);
            Tensor frequency = law.blank(F32, width);
            for (int i = 0; i < width; i++) {
                double angle = 400 * (law.random().nextDouble() - 0.5) * (i % 16 == 5 ? 1000 : 1);
                frequency.set(i, 1 + 30 * law.random().nextDouble());
                x.set(i, angle / frequency.get(i));
            }
            Tensor y = law.blank(F32, 1, width);
            Tensor dx = law.blank(F32, 1, width);
            Tensor ones = law.blank(F32, 1, width).fill(1);
            new VectorFilterShaping().sine(law.team(1), x, frequency, y);
            new VectorFilterShaping().sineBackward(law.team(1), x, frequency, ones, dx, law.zeros(F32, width));
            for (int i = 0; i < width; i++) {
                double angle = x.get(i) * frequency.get(i);
                assertThat(y.get(i)).as("sin %s", angle).isCloseTo(Math.sin(angle), within(1e-7));
                assertThat(dx.get(i) / frequency.get(i)).as("cos %s", angle).isCloseTo(Math.cos(angle), within(2e-7));
            }
        }
    }

    @Test
    void notANumberStaysNotANumber() {
        try (KernelLaw law = new KernelLaw(9)) {
            Tensor x = law.blank(F32, 1, 33);
            Tensor y = law.zeros(F32, 1, 33);
            new VectorFilterShaping().sine(law.team(1), x, law.blank(F32, 33).fill(2), y);
            assertThat(y.toDoubles()).containsOnly(Double.NaN);
        }
    }

    @Test
    void filtersOfZerosStayZero() {
        try (KernelLaw law = new KernelLaw(10)) {
            for (FilterNorm norm : FilterNorm.values()) {
                Tensor y = law.blank(F32, 5, 17);
                new VectorFilterShaping().normalise(law.team(1), law.zeros(F32, 5, 17), norm, y);
                assertThat(y.toDoubles()).as(norm.name()).containsOnly(0);
            }
        }
    }
}
