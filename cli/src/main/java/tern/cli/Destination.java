package tern.cli;

import java.nio.file.Files;
import java.nio.file.Path;

/** Looks at where results are to go before any work is done for them. */
final class Destination {
    private Destination() {
    }

    /**
     * Refuses a name that no file can have.
     *
     * @param option the option that gave it
     * @throws UserError if its folder does not exist or may not be written, or if it is a folder itself
     */
    static void requireFile(String option, Path path) {
        Path parent = path.toAbsolutePath().getParent();
        if (parent == null || !Files.isDirectory(parent)) {
            throw new UserError(option + " " + path + ": " + (parent != null && Files.exists(parent)
                    ? parent + " is not a folder; choose another place"
                    : "there is no folder " + parent + "; create it first"));
        }
        if (Files.isDirectory(path)) {
            throw new UserError(option + " " + path + ": is a folder, expected a file");
        }
        requireWritable(option, path, parent);
    }

    /**
     * Refuses a name that no folder can have.
     *
     * @param option the option that gave it
     * @throws UserError if a part of the path is not a folder or may not be written
     */
    static void requireFolder(String option, Path path) {
        Path existing = path.toAbsolutePath().normalize();
        while (existing.getParent() != null && !Files.exists(existing)) {
            existing = existing.getParent();
        }
        boolean below = !existing.equals(path.toAbsolutePath().normalize());
        if (below && !Files.isDirectory(existing)) {
            throw new UserError(option + " " + path + ": " + existing + " is not a folder; choose another place");
        }
        if (Files.isDirectory(existing)) {
            requireWritable(option, path, existing);
        }
    }

    private static void requireWritable(String option, Path path, Path folder) {
        if (!Files.isWritable(folder)) {
            throw new UserError(option + " " + path + ": the folder " + folder
                    + " may not be written; choose another place or change its permissions");
        }
    }
}
