package tern.tasks.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * A file in the format of MNIST: a big-endian number 0x0000 08 and the number of axes, the length of each axis, then bytes.
 *
 * @param lengths of the axes
 * @param bytes all of them, without the head
 */
record IdxFile(String name, int[] lengths, byte[] bytes) {
    private static final int BYTES = 0x0800;

    /**
     * Reads a file.
     *
     * @param key the task's key that names the file
     * @param axes expected: 3 for images, 1 for labels
     */
    static IdxFile read(Path data, String key, String file, int axes) throws IOException {
        String name = DataFiles.find(data, key, file).toString();
        byte[] all = DataFiles.read(data, key, file);
        ByteBuffer head = ByteBuffer.wrap(all);
        int wanted = BYTES + axes;
        if (all.length < 4 + 4 * axes || head.getInt() != wanted) {
            throw new IOException(name + ": is not an idx file of " + (axes == 1 ? "labels" : "images") + ": "
                    + DataFiles.beginning(all) + ", expected 00 00 08 0" + axes);
        }
        int[] lengths = new int[axes];
        long size = 1;
        for (int axis = 0; axis < axes; axis++) {
            lengths[axis] = head.getInt();
            size = lengths[axis] < 0 || size < 0 ? -1 : Math.min(Integer.MAX_VALUE, size * lengths[axis]);
        }
        if (size != head.remaining()) {
            throw new IOException(
                    name + ": says that it holds " + java.util.Arrays.toString(lengths) + " bytes, but has "
                            + head.remaining() + "; it is damaged, get it again");
        }
        byte[] bytes = new byte[head.remaining()];
        head.get(bytes);
        return new IdxFile(name, lengths, bytes);
    }

    int count() {
        return lengths[0];
    }

    /** Height and width of images, for people. */
    String edges() {
        return lengths[1] + "×" + lengths[2];
    }

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }
}
