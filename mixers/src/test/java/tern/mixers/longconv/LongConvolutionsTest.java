package tern.mixers.longconv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws, and what the papers say of the filters. */
class LongConvolutionsTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("sgconv", layer(SgConvConfig.of(3)), 5, 16, 20),
                MixerCase.of("multires", new ConvolutionLayerConfig(MultiresConfig.of(3), true), 5, 16, 20),
                MixerCase.of("implicit", layer(new ImplicitConvConfig(ImplicitFilterConfig.small(), Activation.GELU)),
                        5, 16, 20));
    }

    /** What only repeats the history. */
    @Override
    protected boolean repeatsAnotherSlot(String slot) {
        return slot.startsWith("pending");
    }

    private static MixerConfig layer(MixerConfig mover) {
        return new ConvolutionLayerConfig(mover, false);
    }

    private static double[][] taps(Bench bench) {
        return Plain.rows(((LongFilter) bench.mixer).taps(bench.ops.eager(), 0));
    }

    /** Equal numbers in each scale are a staircase whose steps halve, each scale as long as all before it. */
    @Test
    void constantScalesAreAStaircase() {
        try (Bench bench = new Bench(new SgConvConfig(4, 2, Activation.IDENTITY), 2, 32, 3)) {
            for (int scale = 0; scale < 4; scale++) {
                bench.parameters.get("scale" + scale + ".weight").fill(1);
            }
            double[][] taps = taps(bench);
            assertThat(taps).hasNumberOfRows(32);
            for (int lag = 0; lag < 32; lag++) {
                double step = lag < 4 ? 1 : lag < 8 ? 0.5 : lag < 16 ? 0.25 : 0.125;
                assertThat(taps[lag][1] / taps[0][1]).as("lag " + lag).isCloseTo(step, within(1e-12));
            }
        }
    }

    /** Linear interpolation continues a ramp, but for half a number at both ends, which are held. */
    @Test
    void aRampStaysARamp() {
        try (Bench bench = new Bench(new SgConvConfig(4, 1, Activation.IDENTITY), 1, 16, 3)) {
            bench.parameters.get("scale2.weight").setAll(0, 2, 4, 6);
            double[][] taps = taps(bench);
            double unit = (taps[11][0] - taps[10][0]);
            assertThat(taps[8][0]).isCloseTo(0, within(1e-12));
            for (int i = 1; i < 7; i++) {
                assertThat(taps[8 + i][0] / unit).as("lag " + (8 + i)).isCloseTo(i - 0.5, within(1e-12));
            }
            assertThat(taps[15][0] / unit).isCloseTo(6, within(1e-12));
        }
    }

    /** Filters start with norm 1 on average, whatever the context. */
    @Test
    void filtersStartWithANormOfOne() {
        for (int context : new int[] {8, 64, 512}) {
            try (Bench bench = new Bench(SgConvConfig.of(8), 200, context, 5)) {
                double squares = 0;
                for (int scale = 0; scale < SgConvConfig.of(8).scales(context); scale++) {
                    Tensor weight = bench.parameters.get("scale" + scale + ".weight");
                    weight.copyFrom(Tensors.normal(DType.F64, Seeds.random(scale + 1), bench.memory,
                            weight.shape().toArray()));
                }
                for (double[] row : taps(bench)) {
                    for (double tap : row) {
                        squares += tap * tap / 200;
                    }
                }
                assertThat(squares).as("context " + context).isCloseTo(1, within(0.1));
            }
        }
    }

    /** Haar's averages: details and averages of blocks of 2, 4, 8 … positions. */
    @Test
    void averagesOfHaarAreAveragesOfBlocks() {
        try (Bench bench = new Bench(new MultiresConfig(2, Activation.IDENTITY), 1, 16, 3)) {
            assertThat(new MultiresConfig(2, Activation.IDENTITY).levels(16)).isEqualTo(4);
            bench.parameters.get("average").setAll(0.5, 0.5);
            bench.parameters.get("detail").setAll(-0.5, 0.5);
            Tensor weights = bench.parameters.get("weights");
            weights.setAll(1, 0, 0, 0, 0);
            for (double[] row : taps(bench)) {
                assertThat(row[0]).isCloseTo(1 / 16.0, within(1e-12));
            }
            bench.ops.reset();
            // The details of the second level: the newest block of two less the one before, halved twice.
            weights.setAll(0, 0, 0, 1, 0);
            double[][] taps = taps(bench);
            for (int lag = 0; lag < 16; lag++) {
                assertThat(taps[lag][0]).as("lag " + lag).isCloseTo(lag < 2 ? 0.25 : lag < 4 ? -0.25 : 0,
                        within(1e-12));
            }
        }
    }

    /** The levels one after another, as the paper writes them. */
    @Test
    void multiresIsItsLevels() {
        MultiresConfig config = new MultiresConfig(3, Activation.IDENTITY);
        try (Bench bench = new Bench(config, 2, 20, 3)) {
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, 20, 2);
            int levels = config.levels(20);
            double[][] a = Plain.rows(x);
            double[][] y = new double[20][2];
            double[][] weights = Plain.rows(bench.parameters.get("weights"));
            add(y, a, Plain.rows(bench.parameters.get("skip").reshape(1, 2))[0]);
            for (int level = 0; level < levels; level++) {
                add(y, dilated(a, Plain.rows(bench.parameters.get("detail")), 1 << level), weights[levels - level]);
                a = dilated(a, Plain.rows(bench.parameters.get("average")), 1 << level);
            }
            add(y, a, weights[0]);
            Tensors.assertClose("y", bench.y(x), Plain.flat(y), 1e-10);
        }
    }

    private static void add(double[][] sum, double[][] x, double[] weight) {
        for (int t = 0; t < sum.length; t++) {
            for (int d = 0; d < weight.length; d++) {
                sum[t][d] += weight[d] * x[t][d];
            }
        }
    }

    private static double[][] dilated(double[][] x, double[][] taps, int apart) {
        double[][] y = new double[x.length][x[0].length];
        for (int t = 0; t < x.length; t++) {
            for (int k = 0; k < taps.length; k++) {
                int from = t - (taps.length - 1 - k) * apart;
                for (int d = 0; from >= 0 && d < y[t].length; d++) {
                    y[t][d] += taps[k][d] * x[from][d];
                }
            }
        }
        return y;
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> SgConvConfig.of(0)).withMessageContaining("32 or 64");
        assertThatIllegalArgumentException().isThrownBy(() -> MultiresConfig.of(1)).withMessageContaining("2 to 4");
    }
}
