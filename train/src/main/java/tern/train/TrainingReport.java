package tern.train;

import java.io.IOException;
import java.nio.file.Path;

final class TrainingReport {
    private TrainingReport() {
    }

    static void write(Path folder) throws IOException {
    }
}
