package tern.tasks;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** Data that lies beside the project and need not be there. */
public final class SharedData {
    private SharedData() {
    }

    /** The folder of all data sets, if it holds this one; skips the test, saying so, where it does not. */
    public static Path folderWith(String name) {
        Path folder = Path.of(System.getProperty("tern.shared", "../../shared"), "data");
        assumeTrue(Files.exists(folder.resolve(name)),
                () -> "skipped: " + folder.resolve(name) + " is absent; it comes with the shared data");
        return folder;
    }
}
