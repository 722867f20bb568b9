package tern.tasks.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import tern.text.TextData;

/** Files that tasks read, plain or packed. */
final class DataFiles {
    private static final int SHOWN = 8;

    private DataFiles() {
    }

    /**
     * Where a file is: as it was named, else in the folder of data sets.
     *
     * @param key the task's key that names the file, which is said if it is not there
     */
    static Path find(Path data, String key, String file) throws IOException {
        Path inFolder = data.resolve(file);
        if (!Files.exists(inFolder)) {
            throw new IOException(inFolder + ": no such file; give the folder that holds it by --data, or its path by"
                    + " --set task." + key + "=PATH");
        }
        return inFolder;
    }

    /** All bytes, unpacked. */
    static byte[] read(Path data, String key, String file) throws IOException {
        try (TextData text = TextData.open(find(data, key, file))) {
            requireReadable(text);
            return text.bytes(0, (int) text.size());
        }
    }

    /** Refuses what an array cannot hold. */
    static void requireReadable(TextData text) throws IOException {
        if (text.size() > Integer.MAX_VALUE - SHOWN) {
            throw new IOException(text.name() + ": has " + text.size() + " bytes, at most "
                    + (Integer.MAX_VALUE - SHOWN) + " can be read");
        }
    }

    /** What a file begins with, for people: letters as they are, other bytes as numbers. */
    static String beginning(byte... bytes) {
        StringBuilder text = new StringBuilder("it begins with");
        StringBuilder letters = new StringBuilder();
        boolean printable = true;
        for (int i = 0; i < Math.min(SHOWN, bytes.length); i++) {
            text.append(String.format(java.util.Locale.ROOT, " %02x", bytes[i]));
            printable &= bytes[i] >= ' ' && bytes[i] < 127;
            letters.append((char) bytes[i]);
        }
        return bytes.length == 0 ? "it is empty"
                : text + (printable ? " (\"" + letters + "\")" : bytes[0] == '<' || bytes[0] == '{' ? " (text)" : "");
    }
}
