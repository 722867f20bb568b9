package tern.host.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChooserTest {
    // Of probability 0.4, 0.3, 0.2 and 0.1, not in that order.
    private static final float[] LOGITS = {(float) Math.log(0.1), (float) Math.log(0.4), (float) Math.log(0.2),
        (float) Math.log(0.3)};

    private static Set<Integer> drawn(int topK, double topP) {
        Chooser chooser = new Chooser(new Choosing(1, topK, topP, 0, 0, Map.of(), -1), 3);
        Set<Integer> drawn = new TreeSet<>();
        for (int i = 0; i < 400; i++) {
            drawn.add(chooser.next(LOGITS, 0, LOGITS.length).token());
        }
        return drawn;
    }

    /** Top-p counts what top-k left: 0.4 of 0.7 is more than half. */
    @ParameterizedTest
    @CsvSource({"0, 1, 0123", "1, 1, 1", "2, 1, 13", "3, 1, 123", "9, 1, 0123", "0, 0.5, 13", "0, 0.35, 1", "2, 0.5, 1",
        "3, 0.7, 13"})
    void onlyTheLikeliestRemain(int topK, double topP, String tokens) {
        assertThat(drawn(topK, topP)).containsExactlyElementsOf(tokens.chars().map(c -> c - '0').boxed().toList());
    }

    @Test
    void whatIsNoNumberIsRefused() {
        Chooser chooser = new Chooser(new Choosing(1, 0, 1, 0, 0, Map.of(), -1), 3);
        assertThat(chooser.next(LOGITS, 1, 1).token()).isZero();
        float[] damaged = {1, Float.NaN, 3};
        assertThatThrownBy(() -> chooser.next(damaged, 0, 3)).isInstanceOf(Refusal.class)
                .hasMessageContaining("not a number after 1 tokens");
        assertThat(chooser.next(damaged, 2, 1).token()).as("another's logits do not matter").isZero();
    }

    @Test
    void aNegativeNumberIsRefused() {
        assertThatThrownBy(() -> new Choosing(1, -1, 1, 0, 0, Map.of(), -1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("top_k is -1");
    }
}
