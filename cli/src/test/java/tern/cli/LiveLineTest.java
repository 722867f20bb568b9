package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

import org.junit.jupiter.api.Test;

class LiveLineTest {
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final PrintStream err = new PrintStream(written, true, StandardCharsets.UTF_8);

    @Test
    void isCutToTheWidthAndErasesTheRest() {
        LiveLine line = new LiveLine(err, 10, false);
        line.show("step 1, loss 4.0");
        line.show("done");
        line.end();
        line.end();
        assertThat(written.toString(StandardCharsets.UTF_8))
                .isEqualTo("\rstep 1, l\033[K\rdone\033[K" + System.lineSeparator());
    }

    @Test
    void aDumbTerminalGetsNoControlSequences() {
        LiveLine line = new LiveLine(err, 80, true);
        line.show("step 10");
        line.show("done");
        assertThat(written.toString(StandardCharsets.UTF_8)).isEqualTo("\rstep 10\rdone   ");
    }
}
