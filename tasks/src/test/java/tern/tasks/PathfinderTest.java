package tern.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.tasks.synthetic.Pathfinder;

/** Images as the published process draws them. */
class PathfinderTest {
    @Test
    void imagesAreBalancedBrightAndTheSameForASeed() {
        Pathfinder task = Pathfinder.published();
        int ones = 0;
        int images = 60;
        for (int seed = 0; seed < images; seed++) {
            Example example = task.draw(new Draws(seed), 1024, false);
            assertThat(example.values()).hasSize(1024);
            assertThat(example).isEqualTo(task.draw(new Draws(seed), 1024, false));
            float most = -2;
            int lit = 0;
            for (float value : example.values()) {
                assertThat(value).isBetween(-1f, 1f);
                most = Math.max(most, value);
                lit += value > -0.8f ? 1 : 0;
            }
            assertThat(most).isEqualTo(1f);
            // 28 dashes of the two curves, up to 20 of the others, two discs.
            assertThat(lit).as("seed %d", seed).isBetween(60, 400);
            ones += example.labels()[0];
        }
        assertThat(ones).isBetween(18, 42);
    }

    /** Most of the five shorter curves find room, and are there with all their four dashes: 20 dashes of some three pixels in all. */
    @Test
    void shorterCurvesAreWhole() {
        Pathfinder without = new Pathfinder(32, 2, true, List.of(1), 2, 0.5, 14, 7, 1.0, 1.5, 4, 0, 2, 0.75, 0);
        double more = 0;
        int images = 100;
        for (int seed = 0; seed < images; seed++) {
            more += lit(Pathfinder.published().image(new Draws(seed), true))
                    - lit(without.image(new Draws(seed), true));
        }
        assertThat(more / images).isBetween(38.0, 60.0);
    }

    private static int lit(byte... pixels) {
        int lit = 0;
        for (byte pixel : pixels) {
            lit += (pixel & 0xFF) > 40 ? 1 : 0;
        }
        return lit;
    }

    /** Discs are whole, and the image's edge stays dark. */
    @Test
    void theBorderIsFreeAndDiscsAreThere() {
        for (int seed = 0; seed < 20; seed++) {
            byte[] pixels = Pathfinder.published().image(new Draws(seed), seed % 2 == 0);
            int bright = 0;
            for (int i = 0; i < pixels.length; i++) {
                bright += (pixels[i] & 0xFF) > 250 ? 1 : 0;
            }
            assertThat(bright).as("seed %d: pixels of two discs of radius 1.5", seed).isBetween(5, 20);
        }
    }

    @Test
    void smallImagesAreDrawnToo() {
        Pathfinder task = Pathfinder.small();
        assertThat(task.length()).isEqualTo(256);
        assertThat(task.causal()).isFalse();
        for (int seed = 0; seed < 20; seed++) {
            assertThat(task.draw(new Draws(seed), 256, true).values()).hasSize(256);
        }
    }

    @Test
    void curvesThatFindNoRoomAreRefused() {
        Pathfinder crowded = new Pathfinder(12, 2, false, List.of(2), 5, 0.5, 20, 4, 1.0, 1.5, 2, 2, 2, 0.75, 0);
        assertThatIllegalArgumentException().isThrownBy(() -> crowded.image(new Draws(1), true))
                .withMessageContaining("two curves of 20 dashes found no room in 12×12 pixels");
    }
}
