package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

import org.junit.jupiter.api.Test;

class KernelBenchCommandTest {

    @Test
    void aLibraryThatIsNotThereIsNamed() {
        ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream();
        for (String option : List.of("--openblas", "--fftw", "--jtransforms")) {
            err.reset();
            int status = Tern.run(new PrintStream(out, true, StandardCharsets.UTF_8),
                    new PrintStream(err, true, StandardCharsets.UTF_8), "bench", "kernels", "--only", "sgemm NT 256",
                    option, "nowhere/lib.so");
            assertThat(status).isEqualTo(2);
            assertThat(err.toString(StandardCharsets.UTF_8).lines()).hasSize(1).first().asString()
                    .contains("no file", "lib.so", "library to measure against");
        }
        assertThat(out.size()).isZero();
    }
}
