package tern.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.tasks.synthetic.ListOps;

/** Long Range Arena's generator, against what was measured on it elsewhere. */
class ListOpsTest {
    private static List<Example> drawn(ListOps task, int count) {
        List<Example> examples = new ArrayList<>();
        for (int seed = 0; seed < count; seed++) {
            examples.add(task.draw(new Draws(seed), task.length(), false));
        }
        return examples;
    }

    /** 4,000 sequences: three standard deviations of a share of 0.37 are 0.023. */
    @Test
    void thePublishedOnesHaveTheirKnownStatistics() {
        ListOps task = ListOps.published();
        List<Example> examples = drawn(task, 4000);
        double[] labels = new double[10];
        int[] roots = new int[5];
        double sum = 0;
        int deepest = Integer.MAX_VALUE;
        for (Example example : examples) {
            labels[example.labels()[0]] += 1.0 / examples.size();
            roots[example.ids()[0]]++;
            sum += example.ids().length;
            assertThat(example.ids().length).isGreaterThan(500).isLessThan(2000);
            assertThat(ListOps.value(example.ids())).isEqualTo(example.labels()[0]);
            deepest = Math.min(deepest, depth(example.ids()));
        }
        assertThat(sum / examples.size()).isCloseTo(1038, within(20.0));
        assertThat(deepest).as("every tree reaches the deepest level").isEqualTo(10);
        assertThat(labels[0]).isCloseTo(0.175, within(0.02));
        assertThat(labels[9]).isCloseTo(0.163, within(0.02));
        assertThat(Arrays.stream(labels, 1, 9).allMatch(share -> share > 0.055 && share < 0.105)).isTrue();
        assertThat(Arrays.stream(roots, 1, 5).allMatch(count -> count > 900 && count < 1100)).isTrue();
        List<Baseline> baselines = task.baselines(examples);
        assertThat(baselines.get(0).value()).as("majority").isCloseTo(0.175, within(0.02));
        assertThat(baselines.get(1).value()).as("root operator").isCloseTo(0.371, within(0.025));
    }

    private static int depth(int... ids) {
        int depth = 1;
        int deepest = 1;
        for (int id : ids) {
            depth += id >= 1 && id <= 4 ? 1 : id == 15 ? -1 : 0;
            deepest = Math.max(deepest, depth);
        }
        return deepest;
    }

    @ParameterizedTest
    @CsvSource({"4, 10, 60, 20, .120, .239", "5, 20, 120, 33, .121, .248", "6, 20, 200, 40, .118, .241"})
    void theSmallOnesToo(int depth, int shortest, int longest, double mean, double majority, double root) {
        ListOps task = new ListOps(depth, 5, shortest, longest, 20_000);
        List<Example> examples = drawn(task, 4000);
        double length = examples.stream().mapToInt(example -> example.ids().length).average().orElseThrow();
        assertThat(length).isCloseTo(mean, within(1.5));
        assertThat(task.baselines(examples).get(0).value()).isCloseTo(majority, within(0.02));
        assertThat(task.baselines(examples).get(1).value()).isCloseTo(root, within(0.025));
    }

    @ParameterizedTest
    @CsvSource({"[MAX 2 9 [MIN 4 7 ] 0 ], 9", "[MED 1 2 8 9 ], 5", "[MED 1 2 2 9 3], 2", "[SM 5 6 7 ], 8", "7, 7",
        "( ( ( [MIN 4 ) 3 ) X ), 3"})
    void textIsParsedAndEvaluated(String text, int value) {
        assertThat(ListOps.value(ListOps.parse(text))).isEqualTo(value);
    }

    @Test
    void whatIsNoListIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> ListOps.parse("[MAX 2 [FIRST 3 ] ]"))
                .withMessageContaining("\"[FIRST\" at word 3 is not known");
        assertThatIllegalArgumentException().isThrownBy(() -> ListOps.value(ListOps.parse("[MAX 2 3")))
                .withMessageContaining("not closed after 3 tokens");
        assertThatIllegalArgumentException().isThrownBy(() -> ListOps.value(ListOps.parse("2 3")))
                .withMessageContaining("ends at token 1 of 2");
        assertThatIllegalArgumentException().isThrownBy(() -> ListOps.value(ListOps.parse("[MAX ]")))
                .withMessageContaining("is empty");
    }

    /** Two levels of two arguments make four symbols at most, twenty of twenty mostly far too many. */
    @ParameterizedTest
    @CsvSource({"2, 2, 10, 60", "20, 20, 10, 12"})
    void lengthsThatNoListHasAreToldInsteadOfDrawnForEver(int depth, int args, int shortest, int longest) {
        ListOps task = new ListOps(depth, args, shortest, longest, 0);
        assertThatIllegalArgumentException().isThrownBy(() -> {
            for (int seed = 0; seed < 100; seed++) {
                task.draw(new Draws(seed), longest, false);
            }
        }).withMessageContaining("no list of " + (shortest + 1) + " to " + (longest - 1) + " symbols came up")
                .withMessageContaining("maxDepth " + depth + " and maxArgs " + args);
    }
}
