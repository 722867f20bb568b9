package tern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TrainingConfigTest {
    private static final TrainingConfig USUAL = TrainingConfig.usual(1_000_000, 256);

    @Test
    void theUsualNumbers() {
        assertThat(USUAL.learningRate()).isEqualTo(2.5e-3);
        assertThat(USUAL.weightDecay()).isEqualTo(0.1);
        assertThat(USUAL.clip()).isEqualTo(1);
        assertThat(USUAL.time()).isEqualTo(256);
        assertThat(USUAL.tokensPerStep()).isEqualTo(8 * 256);
        assertThat(TrainingConfig.usual(100_000_000, 256).learningRate()).isBetween(5e-4, 7e-4);
        assertThat(TrainingConfig.usual(1000, 256).learningRate()).isEqualTo(4e-3);
    }

    @Test
    void valuesAreSetByName() {
        TrainingConfig changed = USUAL.with("windows", "contiguous").with("recompute", "true").with("accumulation", "3")
                .with("seed", "12345678901").with("noise", "0.3");
        assertThat(changed.windows()).isEqualTo(WindowOrder.CONTIGUOUS);
        assertThat(changed.recompute()).isTrue();
        assertThat(changed.seed()).isEqualTo(12345678901L);
        assertThat(changed.tokensPerStep()).isEqualTo(3 * 8 * 256);
    }

    @Test
    void impossibleValuesAreRefusedByName() {
        assertThatThrownBy(() -> USUAL.with("batch", "0")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("batch is 0, expected 1 or more sequences");
        assertThatThrownBy(() -> USUAL.with("batch", "many")).hasMessageContaining("batch");
        assertThatThrownBy(() -> USUAL.with("recompute", "yes")).hasMessageContaining("recompute");
        assertThatThrownBy(() -> USUAL.with("windows", "all")).hasMessageContaining("contiguous");
        assertThatThrownBy(() -> USUAL.with("beta2", "1")).hasMessageContaining("beta2 is 1.0");
        assertThatThrownBy(() -> USUAL.with("learningRate", "NaN")).hasMessageContaining("learningRate");
        assertThatThrownBy(() -> USUAL.with("clip", "-1")).hasMessageContaining("clip is -1.0");
        assertThatThrownBy(() -> USUAL.with("noise", "-1")).hasMessageContaining("eta is -1.0");
        assertThatThrownBy(() -> USUAL.with("filterRate", "0")).hasMessageContaining("filterRate is 0.0, expected");
        assertThatThrownBy(() -> USUAL.with("l2Wrap", "-1e-4")).hasMessageContaining("l2Wrap is -1.0E-4, expected");
        assertThatThrownBy(() -> USUAL.with("l2Wrap", "NaN")).hasMessageContaining("l2Wrap");
        assertThatThrownBy(() -> USUAL.with("warmpu", "1")).hasMessageContaining("did you mean \"warmup\"");
    }
}
