package tern.kernels.convolution;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The vector body against the plain one, in every form, and the identities of the specification's section 12.4. */
class VectorHeadConvolutionTest {
    private static final DType F32 = DType.F32;

    private record Case(int batch, int time, int filters, int width, int lags, int room, long[] ages) {

        static Case drawn(SplittableRandom random, int time, int filters, int width) {
            int batch = 1 + random.nextInt(3);
            long[] ages = new long[batch];
            boolean continued = random.nextBoolean();
            long oldest = 0;
            for (int b = 0; b < batch && continued; b++) {
                ages[b] = random.nextInt(40);
                oldest = Math.max(oldest, ages[b]);
            }
            int room = continued || random.nextBoolean() ? (int) oldest + time + random.nextInt(4) : 0;
            return new Case(batch, time, filters, width,
                    random.nextInt(4) == 0 ? random.nextInt(5) : 1 + random.nextInt(90), room,
                    ages);
        }
    }

    static IntStream lengths() {
        return KernelLaw.lengths();
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyWidthOfAHead(int width) {
        for (int draw = 0; draw < 3; draw++) {
            long seed = 100L * width + draw;
            SplittableRandom random = new SplittableRandom(seed);
            check(seed, Case.drawn(random, random.nextInt(20), 1 + random.nextInt(4), width));
        }
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyNumberOfFilters(int filters) {
        for (int draw = 0; draw < 3; draw++) {
            long seed = 20_000 + 100L * filters + draw;
            SplittableRandom random = new SplittableRandom(seed);
            check(seed, Case.drawn(random, random.nextInt(20), filters, List.of(1, 2, 3, 4).get(random.nextInt(4))));
        }
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyNumberOfPositions(int time) {
        for (int draw = 0; draw < 3; draw++) {
            long seed = 50_000 + 100L * time + draw;
            SplittableRandom random = new SplittableRandom(seed);
            check(seed, Case.drawn(random, time, 1 + random.nextInt(9), List.of(2, 4, 8).get(random.nextInt(3))));
        }
    }

    @Test
    void primeLengths() {
        check(1, new Case(2, 97, 5, 4, 97, 0, new long[2]));
        check(2, new Case(2, 211, 2, 8, 300, 280, new long[] {60, 7}));
        check(3, new Case(1, 1, 4, 4, 150, 130, new long[] {120}));
    }

    private static void check(long seed, Case a) {
        for (VectorHeadConvolution.Form form : VectorHeadConvolution.Form.values()) {
            try (KernelLaw law = new KernelLaw(seed)) {
                List<ThreadTeam> teams = List.of(law.team(1), law.team(4));
                String what = form + " " + a + " ages " + Arrays.toString(a.ages) + " ";
                int[] now = {a.batch, a.time, a.filters, a.width};
                int[] past = {a.batch, a.room, a.filters, a.width};
                Tensor query = law.gaussian(F32, now);
                Tensor key = law.gaussian(F32, now);
                Tensor value = law.gaussian(F32, now);
                Tensor taps = law.gaussian(F32, a.lags, a.filters);
                Tensor skip = law.gaussian(F32, a.filters);
                Tensor keys = law.blank(F32, past);
                Tensor values = law.blank(F32, past);
                int channels = a.filters * a.width;
                for (int b = 0; b < a.batch; b++) {
                    for (int i = 0; i < a.ages[b] * channels; i++) {
                        keys.set((long) b * a.room * channels + i, law.random().nextGaussian());
                        values.set((long) b * a.room * channels + i, law.random().nextGaussian());
                    }
                }
                Tensor dy = law.gaussian(F32, now);
                Tensor[] given = {law.gaussian(F32, a.lags, a.filters), law.gaussian(F32, a.filters),
                    law.gaussian(F32, past),
                    law.gaussian(F32, past)};
                Tensor[] want = results(law, keys, values, given, now);
                run(new ReferenceHeadConvolution(), teams.get(0), query, key, value, taps, skip, a.ages, dy, want);
                Tensor[] alone = new Tensor[0];
                for (ThreadTeam team : teams) {
                    Tensor[] found = results(law, keys, values, given, now);
                    run(new VectorHeadConvolution(form), team, query, key, value, taps, skip, a.ages, dy, found);
                    for (int i = 0; i < want.length; i++) {
                        law.assertClose(what + "result " + i, found[i], want[i], 2 * KernelLaw.TOLERANCE_F32);
                    }
                    for (int i = 0; i < alone.length; i++) {
                        law.assertSame(what + "result " + i + " on more threads", found[i], alone[i]);
                    }
                    alone = found;
                }
                law.assertGuardsUntouched();
            }
        }
    }

    private static Tensor[] results(KernelLaw law, Tensor keys, Tensor values, Tensor[] given, int[] now) {
        return new Tensor[] {law.blank(F32, now), law.copy(keys), law.copy(values), law.blank(F32, now),
            law.blank(F32, now),
            law.blank(F32, now), law.copy(given[0]), law.copy(given[1]), law.copy(given[2]), law.copy(given[3])};
    }

    private static void run(HeadConvolution body, ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor taps,
            Tensor skip, long[] ages, Tensor dy, Tensor[] r) {
        body.backward(team, query, key, value, taps, skip, r[1], r[2], ages, dy, r[3], r[4], r[5], r[6], r[7], r[8],
                r[9]);
        body.forward(team, query, key, value, taps, skip, r[1], r[2], ages, r[0]);
    }

    /** Taps of 1 make causal linear attention, taps of γ^t retention. */
    @ParameterizedTest
    @ValueSource(doubles = {1, 0.9})
    void constantAndGeometricTapsAreLinearAttentionAndRetention(double decay) {
        try (KernelLaw law = new KernelLaw(4)) {
            int time = 150;
            int width = 4;
            Tensor query = law.gaussian(F32, 1, time, 3, width);
            Tensor key = law.gaussian(F32, 1, time, 3, width);
            Tensor value = law.gaussian(F32, 1, time, 3, width);
            Tensor taps = law.blank(F32, time, 3);
            for (int i = 0; i < taps.elements(); i++) {
                taps.set(i, Math.pow(decay, i / 3));
            }
            Tensor want = law.blank(F32, 1, time, 3, width);
            double[][][] state = new double[3][width][width];
            for (int t = 0; t < time; t++) {
                for (int f = 0; f < 3; f++) {
                    long at = (t * 3L + f) * width;
                    for (int j = 0; j < width; j++) {
                        double sum = 0;
                        for (int i = 0; i < width; i++) {
                            state[f][i][j] = decay * state[f][i][j] + key.get(at + i) * value.get(at + j);
                            sum += query.get(at + i) * state[f][i][j];
                        }
                        want.set(at + j, sum);
                    }
                }
            }
            for (VectorHeadConvolution.Form form : VectorHeadConvolution.Form.values()) {
                Tensor y = law.blank(F32, 1, time, 3, width);
                Tensor none = law.blank(F32, 1, 0, 3, width);
                new VectorHeadConvolution(form).forward(law.team(1), query, key, value, taps, law.zeros(F32, 3), none,
                        none,
                        new long[1], y);
                law.assertClose("y by " + form, y, want, 3e-5);
            }
        }
    }

    @Test
    void headsOfOneChannelAreAGatedLongConvolution() {
        try (KernelLaw law = new KernelLaw(6)) {
            int time = 333;
            Tensor query = law.gaussian(F32, 1, time, 20, 1);
            Tensor key = law.gaussian(F32, 1, time, 20, 1);
            Tensor value = law.gaussian(F32, 1, time, 20, 1);
            Tensor taps = law.gaussian(F32, time, 20);
            Tensor skip = law.gaussian(F32, 20);
            Tensor none = law.blank(F32, 1, 0, 20, 1);
            Tensor y = law.blank(F32, 1, time, 20, 1);
            new VectorHeadConvolution().forward(law.team(2), query, key, value, taps, skip, none, none, new long[1], y);
            Tensor x = law.blank(F32, 1, time, 20);
            for (int i = 0; i < x.elements(); i++) {
                x.set(i, key.get(i) * value.get(i));
            }
            Tensor want = law.blank(F32, 1, time, 20);
            Tensor noHistory = law.blank(F32, 1, 0, 20);
            new VectorLongConvolution().forward(law.team(2), x, taps, skip, noHistory, new long[1], noHistory, want);
            for (int i = 0; i < x.elements(); i++) {
                want.set(i, want.get(i) * query.get(i));
            }
            law.assertClose("y", y.reshape(1, time, 20), want);
        }
    }
}
