package tern.tensor;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Data that lies beside the project and need not be there. */
final class SharedData {
    private SharedData() {
    }

    /** A file in it; skips the test, saying so, where it is absent. */
    static byte[] bytes(String name) throws IOException {
        Path path = Path.of(System.getProperty("tern.shared", "../../shared"), "data").resolve(name);
        assumeTrue(Files.exists(path), () -> "skipped: " + path + " is absent; it comes with the shared data");
        return Files.readAllBytes(path);
    }

    /** A file of little-endian floats. */
    static float[] floats(String name) throws IOException {
        byte[] bytes = bytes(name);
        float[] floats = new float[bytes.length / 4];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
        return floats;
    }
}
