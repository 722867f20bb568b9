package tern.kernels.convolution;

import java.util.List;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The vector body against the plain one. */
class VectorShortConvolutionTest {
    private static final DType F32 = DType.F32;

    static IntStream lengths() {
        return KernelLaw.lengths();
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyNumberOfChannels(int channels) {
        for (int width = 1; width <= 6; width++) {
            check(31L * channels + width, 2, 3 + 5 * width, channels, width);
        }
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyNumberOfPositions(int time) {
        for (int width = 1; width <= 8; width++) {
            check(9000L + 31L * time + width, 1 + time % 3, time, 21, width);
        }
    }

    @Test
    void manyTasks() {
        check(1, 2, 700, 130, 3);
        check(2, 3, 411, 257, 4);
        check(3, 1, 1500, 64, 17);
    }

    /** More than lies in the caches: the way back then brings rows near first. */
    @Test
    void farFromTheCore() {
        check(4, 1, 5500, 521, 4);
        check(5, 2, 1030, 1423, 3);
    }

    private static void check(long seed, int batch, int time, int channels, int width) {
        try (KernelLaw law = new KernelLaw(seed)) {
            List<ThreadTeam> teams = List.of(law.team(1), law.team(4));
            String what = "B=" + batch + " T=" + time + " C=" + channels + " K=" + width + " ";
            Tensor x = law.gaussian(F32, batch, time, channels);
            Tensor weight = law.gaussian(F32, channels, width);
            Tensor bias = law.gaussian(F32, channels);
            Tensor history = law.gaussian(F32, batch, width - 1, channels);
            Tensor dy = law.gaussian(F32, batch, time, channels);
            Tensor dNext = law.gaussian(F32, batch, width - 1, channels);
            Tensor dWeight = law.gaussian(F32, channels, width);
            Tensor dBias = law.gaussian(F32, channels);

            Tensor y = law.blank(F32, batch, time, channels);
            Tensor next = law.blank(F32, batch, width - 1, channels);
            Tensor dx = law.blank(F32, batch, time, channels);
            Tensor dHistory = law.blank(F32, batch, width - 1, channels);
            Tensor dWeightWant = law.copy(dWeight);
            Tensor dBiasWant = law.copy(dBias);
            ShortConvolution reference = new ReferenceShortConvolution();
            reference.forward(teams.get(0), x, weight, bias, history, y, next);
            reference.backward(teams.get(0), x, weight, history, dy, dNext, dx, dWeightWant, dBiasWant, dHistory);

            Tensor[] alone = new Tensor[0];
            for (ThreadTeam team : teams) {
                Tensor[] found = {law.blank(F32, batch, time, channels), law.copy(history),
                    law.blank(F32, batch, time, channels), law.copy(dWeight), law.copy(dBias),
                    law.blank(F32, batch, width - 1, channels)};
                ShortConvolution body = new VectorShortConvolution();
                body.backward(team, x, weight, history, dy, dNext, found[2], found[3], found[4], found[5]);
                body.forward(team, x, weight, bias, found[1], found[0], found[1]);
                law.assertClose(what + "y", found[0], y);
                law.assertSame(what + "history", found[1], next);
                law.assertClose(what + "dx", found[2], dx);
                law.assertClose(what + "dWeight", found[3], dWeightWant);
                law.assertClose(what + "dBias", found[4], dBiasWant);
                law.assertClose(what + "dHistory", found[5], dHistory);
                for (int i = 0; i < alone.length; i++) {
                    law.assertSame(what + "result " + i + " on more threads", found[i], alone[i]);
                }
                alone = found;
            }
            law.assertGuardsUntouched();
        }
    }
}
