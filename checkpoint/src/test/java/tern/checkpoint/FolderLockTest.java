package tern.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderLockTest {
    @TempDir
    Path folder;

    @Test
    void oneAtATimeAndNothingIsLeft() throws IOException {
        try (FolderLock mine = FolderLock.of(folder)) {
            assertThat(mine).isNotNull();
            assertThatIOException().isThrownBy(() -> FolderLock.of(folder))
                    .withMessage(
                            folder + ": another run is writing there now; wait for its end, or choose another folder");
        }
        assertThat(folder).isEmptyDirectory();
        FolderLock.of(folder).close();
    }

    /** What a process that was killed leaves is the file, but no lock. */
    @Test
    void aFileAloneLocksNothing() throws IOException {
        Files.createFile(folder.resolve(".lock"));
        FolderLock.of(folder).close();
        assertThat(folder).isEmptyDirectory();
    }
}
