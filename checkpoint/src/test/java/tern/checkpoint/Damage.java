package tern.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import tern.tensor.Tensor;

/**
 * The law of damaged files: whatever one byte of a header turns into, and wherever the file ends, reading gives a refusal in
 * one line that names the file, or a file that is consistent and can be read to its last element.
 *
 * @param refused how many variants were refused
 * @param accepted how many were not
 */
public record Damage(int refused, int accepted) {
    private static final int THOROUGH_BYTES = 600;

    /** Opens a file. */
    @FunctionalInterface
    public interface Opener {
        /** Opens it. */
        TensorFile open(Path path) throws IOException;
    }

    /**
     * Damages each of the bytes from one to another: every bit turned and some values (of a long header one bit), missing, and
     * one more; and every length that ends there.
     */
    public static Damage check(byte[] good, int from, int to, Path file, Opener opener) throws IOException {
        int refused = 0;
        int accepted = 0;
        try (FileChannel content = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            for (int at = from; at < to; at++) {
                for (byte[] variant : variants(good, at, to - from <= THOROUGH_BYTES)) {
                    // emptying the file first would be many times slower
                    content.write(ByteBuffer.wrap(variant), 0);
                    content.truncate(variant.length);
                    try (TensorFile opened = opener.open(file)) {
                        readAll(opened);
                        accepted++;
                    } catch (MalformedFileException refusal) {
                        assertThat(refusal.getMessage()).startsWith(file.toString()).doesNotContain("\n")
                                .hasSizeLessThan(700);
                        refused++;
                    } catch (RuntimeException escaped) {
                        throw new AssertionError("damage at byte " + at + " escaped as " + escaped, escaped);
                    }
                }
            }
        }
        return new Damage(refused, accepted);
    }

    private static List<byte[]> variants(byte[] good, int at, boolean thorough) {
        List<byte[]> variants = new ArrayList<>();
        for (int bit = 0; bit < 8; bit++) {
            byte[] flipped = good.clone();
            flipped[at] ^= (byte) (1 << bit);
            variants.add(flipped);
        }
        for (byte value : new byte[] {0, -1, 0x7F}) {
            byte[] changed = good.clone();
            changed[at] = value;
            variants.add(changed);
        }
        if (!thorough) {
            variants.subList(at % 8 + 1, variants.size()).clear();
            variants.subList(0, at % 8).clear();
        }
        byte[] missing = new byte[good.length - 1];
        System.arraycopy(good, 0, missing, 0, at);
        System.arraycopy(good, at + 1, missing, at, missing.length - at);
        variants.add(missing);
        byte[] added = new byte[good.length + 1];
        System.arraycopy(good, 0, added, 0, at);
        System.arraycopy(good, at, added, at + 1, good.length - at);
        variants.add(added);
        variants.add(Arrays.copyOf(good, at));
        return variants;
    }

    private static void readAll(TensorFile opened) throws MalformedFileException {
        for (StoredTensor stored : opened.tensors()) {
            if (stored.type().dtype().isPresent()) {
                Tensor tensor = opened.tensor(stored.name());
                assertThat(tensor.bytes()).isEqualTo(stored.bytes());
                assertThat(tensor.toFloats()).hasSize((int) stored.elements());
            }
        }
        opened.metadata().forEach((key, value) -> assertThat(value.summary()).isNotEmpty());
    }
}
