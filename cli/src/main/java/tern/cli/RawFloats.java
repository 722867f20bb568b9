package tern.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;

/** Writes floats as they are, little-endian. Confined to one thread. */
final class RawFloats {
    private final WritableByteChannel channel;

    RawFloats(WritableByteChannel channel) {
        this.channel = channel;
    }

    void write(float[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        write(bytes);
    }

    /** Floats in native memory, in the machine's byte order. */
    void write(MemorySegment values) {
        write(values.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED));
    }

    private void write(ByteBuffer bytes) {
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
