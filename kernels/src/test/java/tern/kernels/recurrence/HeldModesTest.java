package tern.kernels.recurrence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Laws of a mode whose input is held: two short steps are a long one, whatever the speed; and the limits. */
class HeldModesTest {
    private static final double[] LOG_RATES = {-200, -40, -12, -3, 0, 4, 40, 300};
    private static final double[] PHASES = {-30, 0, 1e-200, 1e-9, 0.3, 500, 1e20};
    private static final double[] LOG_STEPS = {-200, -30, -7, -1, 2};

    private static double[] held(DType type, double logRate, double phase, double logStep) {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            Tensor out = memory.zeros(type, Shape.of(HeldModes.PARTS, 1, 1));
            HeldModes.forward(team, memory.zeros(type, Shape.of(1, 1)).fill(logRate),
                    memory.zeros(type, Shape.of(1, 1)).fill(phase), memory.zeros(type, Shape.of(1)).fill(logStep), out);
            return out.toDoubles();
        }
    }

    /** λ(2Δ) = λ(Δ)², b(2Δ) = b(Δ)(1 + λ(Δ)): an input that stays for two positions. */
    @Test
    void twoStepsAreOneOfTwiceTheLength() {
        for (double logRate : LOG_RATES) {
            for (double phase : PHASES) {
                for (double logStep : LOG_STEPS) {
                    double[] one = held(DType.F64, logRate, phase, logStep);
                    double[] two = held(DType.F64, logRate, phase, logStep + Math.log(2));
                    String what = "ln rate %s, phase %s, ln step %s".formatted(logRate, phase, logStep);
                    // The logarithm of 2 is rounded, so that an angle is by so much of itself.
                    double turned = 1e-13 * (1 + Math.exp(logStep) * Math.abs(phase));
                    if (turned < 1e-3) {
                        close(what, two[2], one[2] * one[2] - one[3] * one[3], 1, turned);
                        close(what, two[3], 2 * one[2] * one[3], 1, turned);
                        double size = Math.hypot(two[4], two[5]);
                        close(what, two[4], one[4] * (1 + one[2]) - one[5] * one[3], size, turned);
                        close(what, two[5], one[5] * (1 + one[2]) + one[4] * one[3], size, turned);
                    }
                    assertThat(one[0]).as(what).isLessThanOrEqualTo(0).isFinite();
                    assertThat(one[1]).as(what).isBetween(-Math.PI, Math.PI);
                    if (one[0] > -700) {
                        close(what, one[2], Math.exp(one[0]) * Math.cos(one[1]), 1, turned);
                        close(what, one[3], Math.exp(one[0]) * Math.sin(one[1]), 1, turned);
                    }
                }
            }
        }
    }

    private static void close(String what, double found, double expected, double size, double part) {
        assertThat(found).as(what).isCloseTo(expected, within(part * size));
    }

    /** What neither decays nor turns adds up its input; what decays at once follows it. */
    @Test
    void limits() {
        double[] sum = held(DType.F32, -1000, 0, Math.log(0.25));
        assertThat(sum).containsExactly(-0.0, 0, 1, 0, 0.25, 0);
        double[] follower = held(DType.F32, 60, 0, 60);
        assertThat(follower).containsExactly(-1e4, 0, 0, 0, (float) Math.exp(-60), 0);
    }
}
