package tern.checkpoint.pth;

/**
 * Where the elements of a storage lie.
 *
 * @param from first byte, counted from the beginning of the file
 * @param bytes number of bytes
 */
record StorageRange(long from, long bytes) {
}
