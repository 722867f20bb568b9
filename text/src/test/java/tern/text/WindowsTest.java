package tern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.random.RandomGenerator;

import org.junit.jupiter.api.Test;

import tern.testkit.Seeds;

class WindowsTest {
    private static final int TRAIN = 1;
    private static final int VALIDATION = 2;
    private static final int TEST = 3;

    /** Data whose every byte says which part it is in. */
    private static TextData marked(int train, int validation, int test) {
        byte[] bytes = new byte[train + validation + test];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i < train ? TRAIN : i < train + validation ? VALIDATION : TEST);
        }
        return TextData.of("marked", bytes);
    }

    /** Data whose symbols tell their position. */
    private static TextData counting(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) i;
        }
        return TextData.of("counting", bytes);
    }

    @Test
    void noWindowLeavesItsPart() {
        Seeds.forAll(60, (seed, random) -> {
            int time = Seeds.between(random, 1, 12);
            int batch = Seeds.between(random, 1, 4);
            int least = time * batch + 1;
            int train = least + random.nextInt(40);
            int validation = least + random.nextInt(40);
            int test = least + random.nextInt(40);
            try (TextData data = marked(train, validation, test)) {
                SplitData split = data.split(new SplitRule.Positions(train, train + validation));
                for (Split part : new Split[] {Split.TRAIN, Split.VALIDATION, Split.TEST}) {
                    TokenStore tokens = split.tokens(part, ByteTokenizer.ALL);
                    int mark = 1 + part.ordinal();
                    holdOnly(mark, new RandomWindows(tokens, batch, time, seed));
                    holdOnly(mark, new PermutedWindows(tokens, batch, time));
                    holdOnly(mark, new StreamWindows(tokens, batch, time));
                    EvaluationWindows evaluation = new EvaluationWindows(tokens, time);
                    for (long window = 0; window < evaluation.count(); window++) {
                        int[] inputs = new int[time];
                        int[] targets = new int[time];
                        int length = evaluation.read(window, inputs, targets, 0);
                        for (int i = 0; i < length; i++) {
                            assertThat(inputs[i]).isEqualTo(mark);
                            assertThat(targets[i]).isEqualTo(mark);
                        }
                    }
                }
            }
        });
    }

    private static void holdOnly(int mark, Windows windows) {
        int[] inputs = new int[windows.batch() * windows.time()];
        int[] targets = new int[inputs.length];
        for (int i = 0; i < 50; i++) {
            windows.next(inputs, targets);
            assertThat(inputs).containsOnly(mark);
            assertThat(targets).containsOnly(mark);
        }
    }

    @Test
    void theFirstAndTheLastPositionAreDrawnToo() {
        try (TextData data = counting(10)) {
            TokenStore tokens = data.split().tokens(Split.ALL, ByteTokenizer.ALL);
            RandomWindows windows = new RandomWindows(tokens, 1, 4, 3);
            boolean[] starts = new boolean[10];
            int[] inputs = new int[4];
            int[] targets = new int[4];
            for (int i = 0; i < 300; i++) {
                windows.next(inputs, targets);
                starts[inputs[0]] = true;
            }
            assertThat(starts).containsExactly(true, true, true, true, true, true, false, false, false, false);
        }
    }

    @Test
    void targetsFollowInputs() {
        try (TextData data = counting(200)) {
            TokenStore tokens = data.split().tokens(Split.ALL, ByteTokenizer.ALL);
            Seeds.forAll(20, (seed, random) -> {
                int batch = Seeds.between(random, 1, 3);
                int time = Seeds.between(random, 1, 20);
                for (Windows windows : new Windows[] {new RandomWindows(tokens, batch, time, seed),
                    new PermutedWindows(tokens, batch, time), new StreamWindows(tokens, batch, time)}) {
                    int[] inputs = new int[batch * time];
                    int[] targets = new int[batch * time];
                    for (int n = 0; n < 30; n++) {
                        windows.next(inputs, targets);
                        for (int i = 0; i < inputs.length; i++) {
                            assertThat(targets[i]).isEqualTo(inputs[i] + 1);
                            assertThat(i % time == 0 || inputs[i] == inputs[i - 1] + 1).isTrue();
                        }
                    }
                }
            });
        }
    }

    /** The primes of GoldFinch's runs on MiniPile, and of runs too small for a prime just below. */
    @Test
    void primesForPermutations() {
        long tokens = 1_498_226_207L;
        assertThat(PermutedWindows.prime(tokens / 512)).isEqualTo(2_926_181);
        assertThat(PermutedWindows.prime(tokens / 1024)).isEqualTo(1_463_027);
        assertThat(PermutedWindows.prime(tokens / 2048)).isEqualTo(731_531);
        assertThat(PermutedWindows.prime(tokens / 4096)).isEqualTo(365_759);
        assertThat(new long[] {PermutedWindows.prime(1), PermutedWindows.prime(3), PermutedWindows.prime(11),
            PermutedWindows.prime(12)}).containsExactly(2, 5, 11, 17);
    }

    @Test
    void permutedWindowsAreEachReadOnceAnEpoch() {
        for (int count : new int[] {1, 2, 3, 10, 11, 83, 100, 240, 250}) {
            byte[] bytes = new byte[3 * count + 2];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (byte) (i / 3);
            }
            int[] seen = new int[count];
            try (TextData data = TextData.of("numbered", bytes)) {
                PermutedWindows windows = new PermutedWindows(data.split().tokens(Split.ALL, ByteTokenizer.ALL), 1, 3);
                int[] inputs = new int[3];
                // Where the prime stands just below their number, the last window is left out.
                int epoch = count == 240 ? 239 : count;
                for (int i = 0; i < epoch; i++) {
                    windows.next(inputs, new int[3]);
                    assertThat(inputs).containsOnly(inputs[0]);
                    seen[inputs[0]]++;
                }
                assertThat(Arrays.copyOf(seen, epoch)).containsOnly(1);
                windows.next(inputs, new int[3]);
                assertThat(seen[inputs[0]]).as("the next epoch").isEqualTo(1);
            }
        }
    }

    /** f = 6 of p = 11 by hand: 6·1, 6·8, 6·27, 6·64 mod 11. */
    @Test
    void theOrderIsThatOfCubes() {
        byte[] bytes = new byte[12];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) i;
        }
        try (TextData data = TextData.of("numbered", bytes)) {
            PermutedWindows windows = new PermutedWindows(data.split().tokens(Split.ALL, ByteTokenizer.ALL), 4, 1);
            int[] inputs = new int[4];
            windows.next(inputs, new int[4]);
            assertThat(inputs).containsExactly(6, 4, 8, 10);
        }
    }

    @Test
    void theSameSeedGivesTheSameWindowsAndASavedPlaceIsGoneOnFrom() {
        try (TextData data = counting(250)) {
            TokenStore tokens = data.split().tokens(Split.ALL, ByteTokenizer.ALL);
            Seeds.forAll(30, (seed, random) -> {
                int batch = Seeds.between(random, 1, 3);
                int time = Seeds.between(random, 1, 30);
                check(random, new RandomWindows(tokens, batch, time, seed),
                        new RandomWindows(tokens, batch, time, seed),
                        new RandomWindows(tokens, batch, time, seed + 1));
                check(random, new PermutedWindows(tokens, batch, time), new PermutedWindows(tokens, batch, time),
                        new PermutedWindows(tokens, batch, time));
                check(random, new StreamWindows(tokens, batch, time), new StreamWindows(tokens, batch, time),
                        new StreamWindows(tokens, batch, time));
            });
        }
    }

    private static void check(RandomGenerator random, Windows one, Windows same, Windows later) {
        int size = one.batch() * one.time();
        int before = random.nextInt(40);
        int[][] a = new int[2][size];
        int[][] b = new int[2][size];
        for (int i = 0; i < before; i++) {
            assertThat(one.next(a[0], a[1])).isEqualTo(same.next(b[0], b[1]));
            assertThat(a).isDeepEqualTo(b);
        }
        later.restore(one.save());
        for (int i = 0; i < 40; i++) {
            assertThat(one.next(a[0], a[1])).isEqualTo(later.next(b[0], b[1]));
            assertThat(a).isDeepEqualTo(b);
        }
    }

    @Test
    void differentSeedsGiveDifferentWindows() {
        try (TextData data = counting(250)) {
            TokenStore tokens = data.split().tokens(Split.ALL, ByteTokenizer.ALL);
            int[][] a = new int[2][40];
            int[][] b = new int[2][40];
            new RandomWindows(tokens, 8, 5, 1).next(a[0], a[1]);
            new RandomWindows(tokens, 8, 5, 2).next(b[0], b[1]);
            assertThat(a[0]).isNotEqualTo(b[0]);
        }
    }

    @Test
    void streamsGoOnWhereTheyEnded() {
        try (TextData data = counting(101)) {
            StreamWindows windows = new StreamWindows(data.split().tokens(Split.ALL, ByteTokenizer.ALL), 2, 8);
            int[] inputs = new int[16];
            int[] targets = new int[16];
            int[] last = new int[2];
            int restarts = 0;
            for (int i = 0; i < 100; i++) {
                boolean goesOn = windows.next(inputs, targets);
                restarts += goesOn ? 0 : 1;
                for (int b = 0; b < 2; b++) {
                    int first = inputs[8 * b];
                    if (goesOn) {
                        assertThat(first).isEqualTo(last[b]);
                    } else {
                        assertThat(first).isEqualTo(50 * b + (restarts - 1) % 8);
                    }
                    assertThat(targets[8 * b + 7]).isBetween(50 * b, 50 * (b + 1));
                    last[b] = targets[8 * b + 7];
                }
            }
            assertThat(restarts).isBetween(16, 20);
        }
    }

    @Test
    void evaluationPredictsEverySymbolButTheFirstOnce() {
        Seeds.forAll(30, (seed, random) -> {
            int size = Seeds.between(random, 2, 250);
            int time = Seeds.between(random, 1, 40);
            try (TextData data = counting(size)) {
                EvaluationWindows windows = new EvaluationWindows(data.split().tokens(Split.ALL, ByteTokenizer.ALL),
                        time);
                assertThat(windows.predictions()).isEqualTo(size - 1);
                int next = 0;
                int[] inputs = new int[time + 2];
                int[] targets = new int[time + 2];
                for (long window = 0; window < windows.count(); window++) {
                    int length = windows.read(window, inputs, targets, 2);
                    assertThat(length).isEqualTo(Math.min(time, size - 1 - next));
                    for (int i = 0; i < length; i++, next++) {
                        assertThat(inputs[2 + i]).isEqualTo(next);
                        assertThat(targets[2 + i]).isEqualTo(next + 1);
                    }
                }
                assertThat(next).isEqualTo(size - 1);
                assertThatThrownBy(() -> windows.read(windows.count(), inputs, targets, 0))
                        .isInstanceOf(IndexOutOfBoundsException.class);
            }
        });
    }

    @Test
    void dataThatIsTooShortSaysWhatItNeeds() {
        try (TextData data = TextData.of("little.txt", new byte[100])) {
            SplitData split = data.split();
            TokenStore validation = split.tokens(Split.VALIDATION, ByteTokenizer.ALL);
            assertThatIllegalArgumentException().isThrownBy(() -> new RandomWindows(validation, 1, 5, 1))
                    .withMessage(
                            "the validation part of little.txt has 5 symbols, but windows of 5 need 6; give more data, a"
                                    + " shorter context or another split");
            assertThat(new RandomWindows(validation, 1, 4, 1).next(new int[4], new int[4])).isFalse();
            assertThatIllegalArgumentException().isThrownBy(() -> new StreamWindows(validation, 2, 3))
                    .withMessageContaining("windows of 3 in 2 streams need 7");
            TokenStore nothing = data.split(SplitRule.parse("100/0/0")).tokens(Split.TEST, ByteTokenizer.ALL);
            assertThatIllegalArgumentException().isThrownBy(() -> new EvaluationWindows(nothing, 3))
                    .withMessage("the test part of little.txt is empty; give more data or another split");
            assertThatIllegalArgumentException().isThrownBy(() -> new RandomWindows(validation, 0, 4, 1))
                    .withMessageContaining("batch 0 and time 4");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new RandomWindows(validation, 1, 4, 1).next(new int[4], new int[3]))
                    .withMessageContaining("4 and 3 entries, expected 4");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new RandomWindows(validation, 1, 4, 1).restore(new long[2]));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new StreamWindows(validation, 1, 4).restore(new long[] {0, 99}));
            assertThatThrownBy(() -> validation.copy(3, new int[5], 0, 3)).isInstanceOf(IndexOutOfBoundsException.class)
                    .hasMessage("symbols 3 to 6 of the validation part of little.txt, which has 5");
        }
    }
}
