package tern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import tern.testkit.Seeds;

/** Packed data is what went in, or a complaint that says where it is damaged; never anything else. */
class PackedTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"high", "unchecked", "mixed", "frames", "streamed", "narrow"})
    void zstdGivesBackWhatWentIn(String name) throws IOException {
        assertThat(unpack(zstd(name), 1 << 16)).isEqualTo(expected(name));
        assertThat(unpack(zstd(name), 37)).isEqualTo(expected(name));
    }

    private static byte[] expected(String name) throws IOException {
        try (TextData text = SampleText.open()) {
            return switch (name) {
                case "high" -> text.bytes(0, 30_000);
                case "unchecked" -> text.bytes(0, 300);
                case "frames" -> text.bytes(0, 1_500);
                case "streamed" -> text.bytes(0, 140_000);
                case "narrow" -> text.bytes(0, 60_000);
                default -> {
                    byte[] mixed = new byte[308_000];
                    SplitMix64 noise = new SplitMix64(5);
                    for (int i = 300_000; i < 303_000; i++) {
                        mixed[i] = (byte) noise.nextLong();
                    }
                    System.arraycopy(text.bytes(0, 5_000), 0, mixed, 303_000, 5_000);
                    yield mixed;
                }
            };
        }
    }

    @Test
    void gzipGivesBackWhatWentIn() {
        Seeds.forAll(20, (seed, random) -> {
            byte[] data = new byte[Seeds.between(random, 0, 200_000)];
            for (int i = 0; i < data.length; i++) {
                data[i] = (byte) random.nextInt(1 + random.nextInt(20));
            }
            assertThat(unpacked(gzip(data), Seeds.between(random, 1, 70_000))).isEqualTo(data);
        });
    }

    @Test
    void gzipReadsMembersOneAfterAnotherAndPadding() throws IOException {
        byte[] two = joined(gzip(bytes("one ")), gzip(new byte[0]), gzip(bytes("two")), new byte[512]);
        assertThat(unpack(two, 100)).isEqualTo(bytes("one two"));
    }

    @Test
    void gzipHeadersMayCarryNames() throws IOException {
        byte[] plain = gzip(bytes("text"));
        byte[] header = {0x1F, (byte) 0x8B, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3, 2, 0, 9, 9, 'n', 0, 'c', 0, 7, 7};
        assertThat(unpack(joined(header, Arrays.copyOfRange(plain, 10, plain.length)), 100)).isEqualTo(bytes("text"));
    }

    @Test
    void truncatedArchivesSayWhere() throws IOException {
        for (byte[] whole : new byte[][] {zstd("high"), zstd("unchecked"), gzip(expected("frames"))}) {
            for (int length = 4; length < whole.length; length += length < 100 ? 1 : 97) {
                refusesAsTruncated(Arrays.copyOf(whole, length));
            }
            refusesAsTruncated(joined(whole, Arrays.copyOf(whole, 2)));
        }
    }

    private static void refusesAsTruncated(byte[] part) {
        assertThatThrownBy(() -> unpack(part, 1000)).as(part.length + " bytes").isInstanceOf(IOException.class)
                .message()
                .startsWith("x: the ").contains(" data ends at byte " + part.length
                        + " in the middle of the archive; the file is truncated");
    }

    @ParameterizedTest
    @ValueSource(strings = {"high", "frames", "mixed", "narrow", "unchecked", "gzip"})
    void damagedArchivesAreRefused(String name) throws IOException {
        byte[] good = name.equals("gzip") ? gzip(expected("frames")) : zstd(name);
        byte[] expected = expected(name.equals("gzip") ? "frames" : name);
        int[] refused = new int[1];
        Seeds.forAll(300, (seed, random) -> {
            byte[] damaged = good.clone();
            for (int i = Seeds.between(random, 1, 3); i > 0; i--) {
                damaged[4 + random.nextInt(damaged.length - 4)] ^= (byte) (1 << random.nextInt(8));
            }
            try {
                byte[] found = unpack(damaged, 10_000);
                boolean checked = !name.equals("unchecked");
                assertThat(!checked || Arrays.equals(found, expected)).as("damage that shows in the data").isTrue();
            } catch (IOException told) {
                assertThat(told.getMessage()).startsWith("x: the ").contains(" data ").doesNotContain("\n");
                refused[0]++;
            }
        });
        assertThat(refused[0]).isGreaterThan(name.equals("unchecked") ? 100 : 280);
    }

    @Test
    void hostileZstdTakesNoMemoryOnItsSaySo() {
        byte[] hugeWindow = {0x28, (byte) 0xB5, 0x2F, (byte) 0xFD, 0, (byte) 0xF8, 1, 0, 0};
        assertThatThrownBy(() -> unpack(hugeWindow, 10)).isInstanceOf(IOException.class)
                .hasMessageContaining(
                        "needs a window of 2097152 MiB, at most 128 MiB are allowed; unpack it first");
        byte[] hugeContent = {0x28, (byte) 0xB5, 0x2F, (byte) 0xFD, (byte) 0xE0, -1, -1, -1, -1, -1, -1, -1, 127, 1, 0,
            0};
        assertThatThrownBy(() -> unpack(hugeContent, 10)).isInstanceOf(IOException.class)
                .hasMessageContaining("needs a window of");
        byte[] dictionary = {0x28, (byte) 0xB5, 0x2F, (byte) 0xFD, 0x21, 7, 0, 1, 0, 0};
        assertThatThrownBy(() -> unpack(dictionary, 10)).isInstanceOf(IOException.class)
                .hasMessageContaining("is packed with a dictionary");
    }

    @Test
    void theNameOfAFileDoesNotMatter() throws IOException {
        Path packedAsText = Files.write(folder.resolve("a.txt"), zstd("frames"));
        Path textAsPacked = Files.write(folder.resolve("b.gz"), bytes("plain"));
        try (TextData data = TextData.open(packedAsText, textAsPacked)) {
            assertThat(data.size()).isEqualTo(1_505);
            assertThat(data.bytes(1_500, 5)).isEqualTo(bytes("plain"));
        }
    }

    @Test
    void theChecksumIsXxh64() {
        XxHash64 hash = new XxHash64();
        assertThat(hash.digest()).isEqualTo(0xEF46DB3751D8E999L);
        hash.update(bytes("abc"), 0, 3);
        assertThat(hash.digest()).isEqualTo(0x44BC2CF5AD770999L);
        XxHash64 pieces = new XxHash64();
        XxHash64 whole = new XxHash64();
        byte[] data = new byte[1000];
        new java.util.Random(3).nextBytes(data);
        whole.update(data, 0, 1000);
        for (int at = 0; at < 1000; at += 37) {
            pieces.update(data, at, Math.min(37, 1000 - at));
        }
        assertThat(pieces.digest()).isEqualTo(whole.digest());
    }

    private static byte[] unpacked(byte[] packed, int step) {
        try {
            return unpack(packed, step);
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }

    private static byte[] unpack(byte[] packed, int step) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (InputStream in = Packing.of(packed, packed.length).open("x", new ByteArrayInputStream(packed))) {
            byte[] buffer = new byte[step];
            for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
                assertThat(got).isPositive();
                all.write(buffer, 0, got);
            }
        }
        return all.toByteArray();
    }

    private static byte[] gzip(byte[] data) {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
            out.write(data);
        } catch (IOException impossible) {
            throw new AssertionError(impossible);
        }
        return packed.toByteArray();
    }

    private static byte[] joined(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] zstd(String name) throws IOException {
        try (InputStream in = PackedTest.class.getResourceAsStream("zstd/" + name + ".zst")) {
            assertThat(in).as(name).isNotNull();
            return in.readAllBytes();
        }
    }
}
