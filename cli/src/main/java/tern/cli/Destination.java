package tern.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

import tern.checkpoint.AtomicFiles;

/** Looks at where results are to go before any work is done for them. */
final class Destination {
    /** What opening a model's folder reads. */
    private static final Pattern OF_A_MODEL = Pattern
            .compile("(?i)model.*\\.safetensors|pytorch_model.*|.*\\.(json|jsonl|txt|gguf|pth|bin)");

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
        // A device or pipe is written to where it stands.
        if (!AtomicFiles.isDevice(path)) {
            requireWritable(option, path, parent);
        } else if (!Files.isWritable(path)) {
            throw new UserError(option + " " + path + ": may not be written; choose another place");
        }
    }

    /**
     * Refuses a name that no folder can have.
     *
     * @param option the option that gave it
     * @throws UserError if a part of the path is not a folder or may not be written
     */
    static void requireFolder(String option, Path path) {
        // What a variable of a shell becomes that was never set.
        if (path.toString().isEmpty()) {
            throw new UserError(option + " is empty, expected a folder; . is this one");
        }
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

    /**
     * Refuses a file that the model itself is read from: what is written would take its place.
     *
     * @param option the option that gave it
     * @param model a model's file or folder
     * @throws UserError if it is the model's file, or one of those that belong to a model in its folder
     */
    static void requireApart(String option, Path path, Path model) throws IOException {
        // A device is no part of a model, and the end of a pipe has no path of its own.
        if (!Files.exists(path) || !Files.exists(model) || AtomicFiles.isDevice(path)) {
            return;
        }
        // The files of an index lie beside it.
        Path folder = Files.isDirectory(model) ? model
                : model.toString().endsWith(".index.json") ? model.toAbsolutePath().getParent() : null;
        Path target = path.toRealPath();
        Path parent = target.getParent();
        boolean within = folder != null && parent != null && Files.isSameFile(parent, folder)
                && OF_A_MODEL.matcher(String.valueOf(target.getFileName())).matches();
        if (within || Files.isSameFile(path, model)) {
            throw new UserError(
                    option + " " + path + ": is " + (within ? "a part of the model " + model : "the model itself")
                            + ", which would be lost; choose another name");
        }
    }

    /**
     * Refuses a file that something else is read from or written to.
     *
     * @param option the option that gave it
     * @param what what the other one is, such as "the prompt"
     */
    static void requireOther(String option, Path path, String what, Path other) throws IOException {
        boolean same = Files.exists(path) && Files.exists(other) ? Files.isSameFile(path, other)
                : path.toAbsolutePath().normalize().equals(other.toAbsolutePath().normalize());
        if (same && !AtomicFiles.isDevice(path)) {
            throw new UserError(
                    option + " " + path + ": is " + what + " too, which would be lost; choose another name");
        }
    }

    /**
     * Refuses a file that takes the place of a part of the model that goes into a folder first.
     *
     * @param option the option that gave it
     * @param model where a model is to go: a folder, or a file
     */
    static void requireBesides(String option, Path path, Path model) {
        Path parent = path.toAbsolutePath().normalize().getParent();
        if (model.toAbsolutePath().normalize().equals(parent)
                && OF_A_MODEL.matcher(String.valueOf(path.getFileName())).matches()) {
            throw new UserError(option + " " + path + ": is the name of a part of the model that goes into " + model
                    + ", which would be lost; choose another name");
        }
    }

    /**
     * Refuses a file that data are read from.
     *
     * @param option the option that gave it
     * @param data files and folders
     */
    static void requireUnread(String option, Path path, List<Path> data) throws IOException {
        if (!Files.exists(path) || AtomicFiles.isDevice(path)) {
            return;
        }
        for (Path read : data) {
            if (Files.exists(read) && path.toRealPath().startsWith(read.toRealPath())) {
                throw new UserError(option + " " + path + ": is " + (Files.isDirectory(read) ? "a part of " : "")
                        + "the data" + (Files.isDirectory(read) ? " in " + read : "")
                        + ", which would be lost; choose another name");
            }
        }
    }

    private static void requireWritable(String option, Path path, Path folder) {
        if (!Files.isWritable(folder)) {
            throw new UserError(option + " " + path + ": the folder " + folder
                    + " may not be written; choose another place or change its permissions");
        }
    }
}
