package tern.mixers.fourier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.TapedOps;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws, which have a clear refusal to step, stream or generate among them; and what transforms are. */
class FourierTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("fnet", new FNetConfig(), 6, 8, 24),
                MixerCase.of("fourier transformer", new FourierTransformerConfig(2, 0.4), 6, 8, 24));
    }

    /** The real part of the transform in two dimensions, term by term. */
    @Test
    void fnetIsTheRealPartOfTheTransform() {
        int time = 7, width = 4;
        try (Bench bench = new Bench(new FNetConfig(), width, 8, 3)) {
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, time, width);
            double[] expected = new double[time * width];
            for (int s = 0; s < time; s++) {
                for (int c = 0; c < width; c++) {
                    for (int t = 0; t < time; t++) {
                        for (int d = 0; d < width; d++) {
                            double angle = 2 * Math.PI * ((double) s * t / time + (double) c * d / width);
                            expected[s * width + c] += x.get((long) t * width + d) * Math.cos(angle)
                                    / Math.sqrt(time * width);
                        }
                    }
                }
            }
            Tensors.assertClose("y", bench.y(x), expected, 1e-10);
        }
    }

    /** Twice gives what is even: (x + x turned round in both axes)/2. */
    @Test
    void fnetTwiceKeepsWhatIsEven() {
        int time = 9, width = 6;
        try (Bench bench = new Bench(new FNetConfig(), width, 16, 3)) {
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, time, width);
            Tensor once = bench.memory.zeros(DType.F64, 1, time, width).setAll(bench.y(x));
            double[] expected = new double[time * width];
            for (int t = 0; t < time; t++) {
                for (int d = 0; d < width; d++) {
                    long turned = (long) ((time - t) % time) * width + (width - d) % width;
                    expected[t * width + d] = (x.get((long) t * width + d) + x.get(turned)) / 2;
                }
            }
            Tensors.assertClose("twice", bench.y(once), expected, 1e-10);
        }
    }

    /** A slow wave survives shortening and lengthening, a constant stays as large, and nothing is lost at rate 1. */
    @Test
    void shorteningKeepsWhatChangesSlowly() {
        try (Bench bench = new Bench(new FNetConfig(), 2, 8, 3)) {
            int n = 20, m = 5;
            Tensor down = Transforms.shortening(bench.ops.eager(), DType.F64, n, m);
            Tensor up = Transforms.lengthening(bench.ops.eager(), DType.F64, n, m);
            Tensor x = bench.memory.zeros(DType.F64, 1, n, 2);
            for (int t = 0; t < n; t++) {
                x.set(2L * t, 3);
                x.set(2L * t + 1, Math.cos(Math.PI * (2 * t + 1) * 3 / (2.0 * n)));
            }
            Tensor shorter = bench.ops.eager().mixPositions(down, x);
            for (int t = 0; t < m; t++) {
                assertThat(shorter.get(2L * t)).isCloseTo(3, within(1e-12));
            }
            Tensors.assertClose("there and back", bench.ops.eager().mixPositions(up, shorter).toDoubles(),
                    x.toDoubles(), 1e-10);
            Tensor all = Transforms.shortening(bench.ops.eager(), DType.F64, n, n);
            for (int i = 0; i < n * n; i++) {
                assertThat(all.get(i)).isCloseTo(i % (n + 1) == 0 ? 1 : 0, within(1e-12));
            }
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new FourierTransformerConfig(2, 0))
                .withMessageContaining("0.2 as published");
    }
}
