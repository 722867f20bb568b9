package tern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

class ColumnsTest {
    private static final Columns TWO = new Columns(List.of("load", "oil temperature"), List.of(1.0 / 3, -2e-7),
            List.of(0.1, 1e9), 336, 24, true);

    @Test
    void whatIsToldIsMeant() {
        float[] told = TWO.told(0.5, 1e9);
        assertThat(told[0]).isCloseTo(10f / 6, within(1e-6f));
        assertThat(told[1]).isCloseTo(1f, within(1e-6f));
        assertThat(TWO.meant(told[0], told[1], 0, 0)).containsExactly(new double[] {0.5, 1e9, 1.0 / 3, -2e-7},
                within(100.0));
        assertThat(TWO.meant(told[0])[0]).isCloseTo(0.5, within(1e-7));
    }

    @Test
    void notesBringThemBackToTheBit() {
        assertThat(Columns.from(TWO.notes())).contains(TWO);
        assertThat(Columns.from(Map.of("task", "ett"))).isEmpty();
    }

    @Test
    void damageIsTold() {
        for (String key : TWO.notes().keySet()) {
            Map<String, String> notes = new HashMap<>(TWO.notes());
            notes.put(key, "a,b,c");
            if (!key.endsWith("relative")) {
                assertThatIllegalArgumentException().as(key).isThrownBy(() -> Columns.from(notes));
            }
            notes.remove(key);
            if (!key.equals("columns")) {
                assertThatIllegalArgumentException().isThrownBy(() -> Columns.from(notes)).withMessageContaining(key);
            }
        }
        assertThatIllegalArgumentException().isThrownBy(() -> TWO.told(1)).withMessageContaining("expected 2: load");
        assertThatIllegalArgumentException().isThrownBy(() -> TWO.told(1, Double.NaN))
                .withMessageContaining("oil temperature holds NaN");
    }
}
