package tern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;

class SplitMix64Test {
    /** First numbers for seed 1234567, as published with other implementations. */
    @Test
    void numbersAreThoseOfTheAlgorithm() {
        SplitMix64 random = new SplitMix64(1234567);
        for (String expected : new String[] {"6457827717110365317", "3203168211198807973", "9817491932198370423",
            "4593380528125082431", "16408922859458223821"}) {
            assertThat(Long.toUnsignedString(random.nextLong())).isEqualTo(expected);
        }
        SplittableRandom same = new SplittableRandom(-42);
        SplitMix64 mine = new SplitMix64(-42);
        for (int i = 0; i < 1000; i++) {
            assertThat(mine.nextLong()).isEqualTo(same.nextLong());
        }
    }

    @Test
    void goesOnFromASavedState() {
        SplitMix64 random = new SplitMix64(9);
        random.nextLong();
        long state = random.state();
        long[] expected = {random.nextLong(), random.nextLong(100), random.nextLong()};
        SplitMix64 later = new SplitMix64(1);
        later.restore(state);
        assertThat(new long[] {later.nextLong(), later.nextLong(100), later.nextLong()}).isEqualTo(expected);
    }

    @Test
    void boundedNumbersAreEquallyLikely() {
        SplitMix64 random = new SplitMix64(7);
        int[] counts = new int[7];
        for (int i = 0; i < 70_000; i++) {
            counts[(int) random.nextLong(7)]++;
        }
        for (int count : counts) {
            assertThat(count).isBetween(9_700, 10_300);
        }
        long third = Long.MAX_VALUE / 3 * 2;
        for (int i = 0; i < 1000; i++) {
            assertThat(random.nextLong(third)).isBetween(0L, third - 1);
        }
        assertThat(random.nextLong(1)).isZero();
        assertThatIllegalArgumentException().isThrownBy(() -> random.nextLong(0)).withMessageContaining("bound is 0");
    }
}
