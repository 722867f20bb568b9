package tern.distil;

/** Hears how far a distillation is. Called by the thread that asked for the distillation, never by several at once. */
@FunctionalInterface
public interface FitProgress {
    /** Nobody listens. */
    FitProgress SILENT = (doing, done, total) -> {
    };

    /**
     * So much is done.
     *
     * @param doing what is being done, in a word or two
     * @param done filters finished
     * @param total filters in all
     */
    void at(String doing, int done, int total);
}
