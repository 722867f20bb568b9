package tern.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.attention.AttentionConfig;
import tern.model.NormKind;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;

class GenerateBenchTest {
    /** A table that is embedding and head at once is met once when generating, and not at all when reading. */
    @Test
    void aTiedTableIsCountedOnce() {
        for (boolean tied : new boolean[] {false, true}) {
            StackConfig config = new StackConfig(1000, 8, 16, NormKind.LAYER, 1e-5, tied,
                    List.of(AttentionConfig.of(2)));
            Stack network = new Stack(config, Parameters.Source.shapesOnly());
            long layers = network.parameters().count() - (tied ? 8000 : 16000);
            assertThat(layers).isBetween(4 * 64L, 600L);
            assertThat(GenerateBench.weightsMet(network, false)).isEqualTo(layers);
            assertThat(GenerateBench.weightsMet(network, true)).isEqualTo(layers + 8000);
        }
    }
}
