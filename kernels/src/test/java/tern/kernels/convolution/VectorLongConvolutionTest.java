package tern.kernels.convolution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The vector body against the plain one, in every form, and the checks 1–3 of the specification's section 12. */
class VectorLongConvolutionTest {
    private static final DType F32 = DType.F32;

    /** One case: shapes and what the sequences have behind them. */
    private record Case(int batch, int time, int channels, int lags, int block, int room, long[] ages) {

        static Case drawn(SplittableRandom random, int time, int channels) {
            int batch = 1 + random.nextInt(3);
            long[] ages = new long[batch];
            boolean continued = random.nextBoolean();
            long oldest = 0;
            for (int b = 0; b < batch && continued; b++) {
                ages[b] = random.nextInt(60);
                oldest = Math.max(oldest, ages[b]);
            }
            boolean kept = continued || random.nextBoolean();
            int room = kept ? (int) oldest + time + random.nextInt(4) : 0;
            int block = kept && random.nextBoolean() ? 1 + random.nextInt(40) : 0;
            return new Case(batch, time, channels, random.nextInt(4) == 0 ? random.nextInt(6) : 1 + random.nextInt(150),
                    block, room, ages);
        }
    }

    static IntStream lengths() {
        return KernelLaw.lengths();
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyNumberOfChannels(int channels) {
        for (int draw = 0; draw < 6; draw++) {
            long seed = 1000L * channels + draw;
            check(seed, Case.drawn(new SplittableRandom(seed), new SplittableRandom(seed + 1).nextInt(40), channels));
        }
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void everyNumberOfPositions(int time) {
        for (int draw = 0; draw < 6; draw++) {
            long seed = 777_000L + 1000L * time + draw;
            check(seed, Case.drawn(new SplittableRandom(seed), time, 1 + new SplittableRandom(seed + 1).nextInt(40)));
        }
    }

    @Test
    void primeAndOddLengths() {
        for (int time : new int[] {37, 61, 97, 127, 129, 211, 257, 399}) {
            long[] none = {0, 0};
            check(time, new Case(2, time, 17, time, 0, 0, none));
            check(time, new Case(2, time, 16, time / 3, 16, time + 50, new long[] {50, 3}));
            check(time, new Case(1, time, 3, 2 * time, 0, 3 * time, new long[] {2L * time}));
        }
    }

    private static void check(long seed, Case a) {
        for (VectorLongConvolution.Form form : VectorLongConvolution.Form.values()) {
            try (KernelLaw law = new KernelLaw(seed)) {
                List<ThreadTeam> teams = List.of(law.team(1), law.team(4));
                String what = form + " " + a + " ages " + Arrays.toString(a.ages);
                Tensor x = law.gaussian(F32, a.batch, a.time, a.channels);
                Tensor taps = law.gaussian(F32, a.lags, a.channels);
                Tensor skip = law.gaussian(F32, a.channels);
                // Rows that no one filled hold NaN: nobody may read them.
                Tensor history = law.blank(F32, a.batch, a.room, a.channels);
                Tensor pending = law.blank(F32, a.batch, a.block, a.channels);
                for (int b = 0; b < a.batch; b++) {
                    for (int i = 0; i < a.ages[b] * a.channels; i++) {
                        history.set((long) b * a.room * a.channels + i, law.random().nextGaussian());
                    }
                }
                pendAll(taps, history, a, pending);
                Tensor expected = law.blank(F32, a.batch, a.time, a.channels);
                Tensor expectedHistory = law.copy(history);
                Tensor expectedPending = law.copy(pending);
                new ReferenceLongConvolution().forward(teams.get(0), x, taps, skip, expectedHistory, a.ages,
                        expectedPending, expected);
                VectorLongConvolution body = new VectorLongConvolution(form);
                Tensor first = law.blank(F32, a.batch, a.time, a.channels);
                for (ThreadTeam team : teams) {
                    Tensor y = law.blank(F32, a.batch, a.time, a.channels);
                    Tensor kept = law.copy(history);
                    Tensor pended = law.copy(pending);
                    body.forward(team, x, taps, skip, kept, a.ages, pended, y);
                    law.assertClose(what + " y", y, expected);
                    law.assertSame(what + " history", kept, expectedHistory);
                    law.assertClose(what + " pending", pended, expectedPending);
                    if (team.threads() == 1) {
                        first.copyFrom(y);
                    } else {
                        law.assertSame(what + " y on more threads", y, first);
                    }
                }
                backward(law, teams, what, a, body, x, taps, skip, history);
                law.assertGuardsUntouched();
            }
        }
    }

    /** What pending holds before the call, by the plain body: the block in which each sequence stands. */
    private static void pendAll(Tensor taps, Tensor history, Case a, Tensor pending) {
        for (int b = 0; b < a.batch && a.block > 0; b++) {
            long start = a.ages[b] - a.ages[b] % a.block;
            for (int j = 0; j < a.block; j++) {
                for (int c = 0; c < a.channels; c++) {
                    double sum = 0;
                    for (long i = 0; i < start; i++) {
                        long lag = start + j - i;
                        sum += lag < a.lags
                                ? taps.get(lag * a.channels + c) * history.get(((long) b * a.room + i) * a.channels + c)
                                : 0;
                    }
                    pending.set(((long) b * a.block + j) * a.channels + c, sum);
                }
            }
        }
    }

    private static void backward(KernelLaw law, List<ThreadTeam> teams, String what, Case a, VectorLongConvolution body,
            Tensor x, Tensor taps,
            Tensor skip, Tensor history) {
        Tensor dy = law.gaussian(F32, a.batch, a.time, a.channels);
        Tensor dHistory = law.gaussian(F32, a.batch, a.room, a.channels);
        Tensor dTaps = law.gaussian(F32, a.lags, a.channels);
        Tensor dSkip = law.gaussian(F32, a.channels);
        Tensor dx = law.blank(F32, a.batch, a.time, a.channels);
        Tensor dHistoryWant = law.copy(dHistory);
        Tensor dTapsWant = law.copy(dTaps);
        Tensor dSkipWant = law.copy(dSkip);
        new ReferenceLongConvolution().backward(teams.get(0), x, taps, skip, history, a.ages, dy, dx, dTapsWant,
                dSkipWant, dHistoryWant);
        Tensor[] alone = new Tensor[0];
        for (ThreadTeam team : teams) {
            Tensor[] found = {law.blank(F32, a.batch, a.time, a.channels), law.copy(dTaps), law.copy(dSkip),
                law.copy(dHistory)};
            body.backward(team, x, taps, skip, history, a.ages, dy, found[0], found[1], found[2],
                    found[3]);
            law.assertClose(what + " dx", found[0], dx);
            law.assertClose(what + " dTaps", found[1], dTapsWant);
            law.assertClose(what + " dSkip", found[2], dSkipWant);
            law.assertClose(what + " dHistory", found[3], dHistoryWant);
            for (int i = 0; i < alone.length; i++) {
                law.assertSame(what + " gradient " + i + " on more threads", found[i], alone[i]);
            }
            alone = found;
        }
    }

    /** Every way of taking sizes apart; the longer ones are long enough that all threads share one block of channels. */
    @ParameterizedTest
    @ValueSource(ints = {64, 128, 512, 640, 1536, 2048, 3000, 8192, 16_500, 32_768})
    void longTransformsAgreeWithDirectSums(int time) {
        try (KernelLaw law = new KernelLaw(5)) {
            Tensor x = law.gaussian(F32, 1, time, 19);
            Tensor taps = law.gaussian(F32, time, 19);
            Tensor skip = law.gaussian(F32, 19);
            Tensor none = law.blank(F32, 1, 0, 19);
            Tensor direct = law.blank(F32, 1, time, 19);
            new VectorLongConvolution(VectorLongConvolution.Form.DIRECT).forward(law.team(4), x, taps, skip, none,
                    new long[1], none, direct);
            Tensor y = law.blank(F32, 1, time, 19);
            Tensor alone = law.blank(F32, 1, time, 19);
            VectorLongConvolution body = new VectorLongConvolution();
            body.forward(law.team(4), x, taps, skip, none, new long[1], none, y);
            body.forward(law.team(1), x, taps, skip, none, new long[1], none, alone);
            law.assertClose("y", y, direct, 3e-5);
            law.assertSame("y on one thread", alone, y);
            law.assertGuardsUntouched();
        }
    }

    @ParameterizedTest
    @EnumSource
    void steppingIsTheSameAsTheWhole(VectorLongConvolution.Form form) {
        try (KernelLaw law = new KernelLaw(11)) {
            int time = 100;
            Tensor x = law.gaussian(F32, 1, time, 24);
            Tensor taps = law.gaussian(F32, 90, 24);
            Tensor skip = law.gaussian(F32, 24);
            Tensor whole = law.blank(F32, 1, time, 24);
            new ReferenceLongConvolution().forward(law.team(1), x, taps, skip, law.blank(F32, 1, 0, 24), new long[1],
                    law.blank(F32, 1, 0, 24), whole);
            Tensor history = law.blank(F32, 1, time, 24);
            Tensor pending = law.zeros(F32, 1, 16, 24);
            Tensor y = law.blank(F32, 1, time, 24);
            VectorLongConvolution body = new VectorLongConvolution(form);
            for (int age = 0; age < time;) {
                int steps = Math.min(time - age, law.random().nextInt(5) == 0 ? 23 : 1);
                Tensor piece = law.blank(F32, 1, steps, 24);
                body.forward(law.team(2), rows(law, x, age, steps), taps, skip, history, new long[] {age}, pending,
                        piece);
                for (int i = 0; i < steps * 24; i++) {
                    y.set(age * 24L + i, piece.get(i));
                }
                age += steps;
            }
            law.assertClose("y", y, whole);
        }
    }

    private static Tensor rows(KernelLaw law, Tensor x, int from, int count) {
        Tensor part = law.blank(x.dtype(), 1, count, x.dim(2));
        part.data().copyFrom(x.data().asSlice(4L * from * x.dim(2), part.bytes()));
        return part;
    }

    @ParameterizedTest
    @EnumSource
    void aDelayDelaysAndTheFutureDoesNotMatter(VectorLongConvolution.Form form) {
        try (KernelLaw law = new KernelLaw(12)) {
            int time = 300;
            Tensor x = law.gaussian(F32, 1, time, 16);
            Tensor taps = law.zeros(F32, time, 16);
            for (int c = 0; c < 16; c++) {
                taps.set(7 * 16 + c, 1);
            }
            Tensor skip = law.zeros(F32, 16);
            Tensor none = law.blank(F32, 1, 0, 16);
            Tensor y = law.blank(F32, 1, time, 16);
            VectorLongConvolution body = new VectorLongConvolution(form);
            body.forward(law.team(1), x, taps, skip, none, new long[1], none, y);
            double size = 0;
            for (int i = 0; i < y.elements(); i++) {
                double want = i < 7 * 16 ? 0 : x.get(i - 7 * 16L);
                size = Math.max(size, Math.abs(y.get(i) - want));
            }
            assertThat(size).as("delay by seven, %s", form).isLessThan(1e-5);
            Tensor other = law.copy(x);
            for (int i = 200 * 16; i < other.elements(); i++) {
                other.set(i, -3);
            }
            Tensor after = law.blank(F32, 1, time, 16);
            body.forward(law.team(1), other, taps, skip, none, new long[1], none, after);
            double leak = 0;
            for (int i = 0; i < 200 * 16; i++) {
                leak = Math.max(leak, Math.abs(after.get(i) - y.get(i)));
            }
            assertThat(leak).as("leak into the past, %s", form).isLessThan(form == VectorLongConvolution.Form.DIRECT
                    ? 1e-30
                    : 5e-6);
        }
    }

    /** y is linear in x, in the taps with skip, and in the history: its slopes along each are what backward gives. */
    @ParameterizedTest
    @ValueSource(ints = {500, 2048, 5000, 16_384})
    void longGradientsAreTheAdjoint(int time) {
        try (KernelLaw law = new KernelLaw(14)) {
            int channels = 33;
            long[] ages = {time / 3};
            Tensor x = law.gaussian(F32, 1, time, channels);
            Tensor taps = law.gaussian(F32, 2 * time, channels);
            Tensor skip = law.gaussian(F32, channels);
            Tensor history = law.gaussian(F32, 1, 2 * time, channels);
            Tensor dy = law.gaussian(F32, 1, time, channels);
            Tensor y = law.blank(F32, 1, time, channels);
            Tensor dx = law.blank(F32, 1, time, channels);
            Tensor dTaps = law.zeros(F32, 2 * time, channels);
            Tensor dSkip = law.zeros(F32, channels);
            Tensor dHistory = law.zeros(F32, 1, 2 * time, channels);
            VectorLongConvolution body = new VectorLongConvolution();
            body.backward(law.team(2), x, taps, skip, history, ages, dy, dx, dTaps, dSkip, dHistory);
            double alongInputs = KernelLaw.dot(dx, x) + KernelLaw.dot(dHistory, history);
            double alongTaps = KernelLaw.dot(dTaps, taps) + KernelLaw.dot(dSkip, skip);
            body.forward(law.team(2), x, taps, skip, history, ages, law.blank(F32, 1, 0, channels), y);
            double value = KernelLaw.dot(dy, y);
            double size = 1e-6 * Math.sqrt(KernelLaw.dot(dy, dy) * KernelLaw.dot(y, y));
            assertThat(alongInputs).as("along inputs").isCloseTo(value, within(size));
            assertThat(alongTaps).as("along taps").isCloseTo(value, within(size));
            law.assertGuardsUntouched();
        }
    }

    @Test
    void itIsLinearInTheInput() {
        try (KernelLaw law = new KernelLaw(13)) {
            int time = 500;
            Tensor a = law.gaussian(F32, 1, time, 16);
            Tensor b = law.gaussian(F32, 1, time, 16);
            Tensor mixed = law.blank(F32, 1, time, 16);
            for (int i = 0; i < a.elements(); i++) {
                mixed.set(i, 2 * a.get(i) - 3 * b.get(i));
            }
            Tensor taps = law.gaussian(F32, time, 16);
            Tensor skip = law.gaussian(F32, 16);
            Tensor none = law.blank(F32, 1, 0, 16);
            Tensor[] y = new Tensor[3];
            int k = 0;
            for (Tensor x : List.of(a, b, mixed)) {
                y[k] = law.blank(F32, 1, time, 16);
                new VectorLongConvolution().forward(law.team(1), x, taps, skip, none, new long[1], none, y[k++]);
            }
            Tensor want = law.blank(F32, 1, time, 16);
            for (int i = 0; i < a.elements(); i++) {
                want.set(i, 2 * y[0].get(i) - 3 * y[1].get(i));
            }
            law.assertClose("2a − 3b", y[2], want);
        }
    }

    @Test
    void sizesHoldWhatIsAskedAndWasteLittle() {
        for (int points = 1; points < 5000; points++) {
            int size = RootTree.sizeFor(points);
            assertThat(size).isGreaterThanOrEqualTo(points);
            assertThat(size).isLessThan(Math.max(9, points * 3 / 2));
            RootTree tree = RootTree.of(size);
            assertThat(tree.top * tree.sub).isEqualTo(size);
        }
    }
}
