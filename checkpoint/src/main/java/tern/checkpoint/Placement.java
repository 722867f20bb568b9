package tern.checkpoint;

/** Where the matrices of an opened model lie. */
public enum Placement {
    /** In the mapped file: nothing is copied, processes share them, and the system reads what is touched. */
    MAPPED,
    /**
     * In memory of the process's own, one block advised for pages of 2 MiB: copied once when the model is opened, and then read
     * faster where translating addresses holds the reading back.
     */
    COPIED
}
