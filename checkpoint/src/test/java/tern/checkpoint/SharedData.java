package tern.checkpoint;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** Data that lies beside the project and need not be there. */
public final class SharedData {
    private SharedData() {
    }

    /** A file or folder in it; skips the test, saying so, where it is absent. */
    public static Path require(String name) {
        Path path = Path.of(System.getProperty("tern.shared", "../../shared"), "data").resolve(name);
        assumeTrue(Files.exists(path), () -> "skipped: " + path + " is absent; it comes with the shared data");
        return path;
    }
}
