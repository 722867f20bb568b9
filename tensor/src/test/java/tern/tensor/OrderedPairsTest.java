package tern.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Comparator;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

import org.junit.jupiter.api.Test;

/** Pairs in arrays answer as the library's ordered map does. */
class OrderedPairsTest {
    private record Pair(long first, long second) {
    }

    @Test
    void asTheLibrarysMap() {
        long seed = 20_261_122;
        SplittableRandom random = new SplittableRandom(seed);
        OrderedPairs pairs = new OrderedPairs();
        TreeMap<Pair, Integer> map = new TreeMap<>(
                Comparator.comparingLong(Pair::first).thenComparingLong(Pair::second));
        for (int round = 0; round < 40_000; round++) {
            // Grows for the first half and shrinks in the second; few different first numbers, so that seconds decide.
            boolean adding = random.nextInt(10) < (round < 20_000 ? 6 : 3);
            Pair pair = new Pair(64L * random.nextInt(300), 64L * random.nextInt(50));
            if (adding && !map.containsKey(pair)) {
                int node = pairs.insert(pair.first, pair.second);
                assertThat(pairs.count(node)).isZero();
                pairs.count(node, round);
                map.put(pair, round);
            } else if (!adding && map.containsKey(pair)) {
                pairs.remove(pair.first, pair.second);
                map.remove(pair);
            }
            long asked = 32L * random.nextInt(610) - 64;
            same(pairs, pairs.floor(asked), map.floorEntry(new Pair(asked, Long.MAX_VALUE)), seed, round);
            same(pairs, pairs.ceiling(asked), map.ceilingEntry(new Pair(asked, Long.MIN_VALUE)), seed, round);
        }
        assertThat(map).isNotEmpty();
        pairs.clear();
        assertThat(pairs.ceiling(Long.MIN_VALUE)).isEqualTo(OrderedPairs.NONE);
    }

    private static void same(OrderedPairs pairs, int node, Map.Entry<Pair, Integer> expected, long seed, int round) {
        if (expected == null) {
            assertThat(node).as("seed %d, round %d", seed, round).isEqualTo(OrderedPairs.NONE);
            return;
        }
        assertThat(new Pair(pairs.first(node), pairs.second(node))).as("seed %d, round %d", seed, round)
                .isEqualTo(expected.getKey());
        assertThat(pairs.count(node)).isEqualTo(expected.getValue());
    }
}
