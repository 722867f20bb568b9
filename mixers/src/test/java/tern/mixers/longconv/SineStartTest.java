package tern.mixers.longconv;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Optional;

import org.junit.jupiter.api.Test;

import tern.mixers.TapedOps;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.mixers.hyena.SineStart;
import tern.ops.Activation;
import tern.ops.FilterNorm;
import tern.sequence.BranchContext;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;

/** Filters of CKConv's start are smooth whatever the frequency; those of Hyena's are not where it is high. */
class SineStartTest {
    private static final int CONTEXT = 256;

    private static ImplicitFilterConfig filter(double frequency, Optional<SineStart> start) {
        return new ImplicitFilterConfig(3, 32, 2, frequency, false, 1.5, 0.3, 0, false, false, FilterNorm.TAPS_L2,
                start);
    }

    /** What neighbouring taps differ by, of what they are: 2 for noise. */
    private static double roughness(double frequency, Optional<SineStart> start) {
        try (Memory memory = new Memory(); OpsUnderTest ops = TapedOps.fastest()) {
            SeededParameters p = new SeededParameters(DType.F64, 3, 0, memory);
            int width = 16;
            LongFilter mixer = new ImplicitConvConfig(filter(frequency, start), Activation.IDENTITY)
                    .build(new BranchContext(width, CONTEXT, 0, 2), p);
            double[] taps = mixer.taps(ops.eager(), 0).toDoubles();
            double moved = 0;
            for (int i = width; i < taps.length; i++) {
                moved += (taps[i] - taps[i - width]) * (taps[i] - taps[i - width]);
            }
            return moved / Arrays.stream(taps).map(x -> x * x).sum();
        }
    }

    @Test
    void filtersStartSmooth() {
        for (double frequency : new double[] {10, 20, 30}) {
            assertThat(roughness(frequency, Optional.of(SineStart.SIREN))).isLessThan(0.05);
        }
        assertThat(roughness(30, Optional.empty())).isGreaterThan(0.5);
        assertThat(roughness(30, Optional.of(SineStart.FAN_IN))).isEqualTo(roughness(30, Optional.empty()));
    }

    @Test
    void weightsStartWithinTheirBounds() {
        try (Memory memory = new Memory()) {
            SeededParameters p = new SeededParameters(DType.F64, 3, 0, memory);
            new ImplicitConvConfig(filter(30, Optional.of(SineStart.SIREN)), Activation.IDENTITY)
                    .build(new BranchContext(16, CONTEXT, 0, 2), p);
            double inner = Math.sqrt(6.0 / 32) / 30;
            assertThat(largest(p, "filter.input.weight")).isBetween(0.9, 1.0);
            assertThat(largest(p, "filter.input.bias")).isBetween(0.8, 1.0);
            assertThat(largest(p, "filter.inner0.weight")).isBetween(0.9 * inner, inner);
            assertThat(largest(p, "filter.inner1.weight")).isBetween(0.9 * inner, inner);
            assertThat(largest(p, "filter.inner1.bias")).isBetween(0.8, 1.0);
            assertThat(largest(p, "filter.output.weight")).isBetween(0.9 * inner, inner);
        }
    }

    private static double largest(SeededParameters p, String name) {
        return Arrays.stream(p.get(name).toDoubles()).map(Math::abs).max().orElseThrow();
    }
}
