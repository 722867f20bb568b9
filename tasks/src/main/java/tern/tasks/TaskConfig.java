package tern.tasks;

import java.io.IOException;
import java.nio.file.Path;

/** A task as data: a record that checks itself. Immutable. */
public interface TaskConfig {
    /** What is to be done, in one line. */
    String description();

    /**
     * The task, ready to hand out sequences.
     *
     * @param name what it is called
     * @param data folder in which files are looked for that the task reads
     * @throws IOException if a file is missing or not what was expected; the message names it
     */
    Task open(String name, Path data) throws IOException;
}
