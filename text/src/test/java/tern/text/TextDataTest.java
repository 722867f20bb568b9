package tern.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.zip.GZIPOutputStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.testkit.Seeds;

class TextDataTest {
    @TempDir
    Path folder;

    @Test
    void filesAndFoldersFollowOneAnotherAsGiven() throws IOException {
        Path last = write("z.txt", "last");
        Path first = write("dir/b/first", "FIRST");
        Path second = write("dir/c", "SECOND");
        write("dir/.hidden", "no");
        write("dir/.git/config", "no");
        write("dir/empty", "");
        try (TextData data = TextData.open(folder.resolve("dir"), last)) {
            assertThat(text(data)).isEqualTo("FIRSTSECONDlast");
            assertThat(data.sources()).containsExactly(new TextData.Source(first.toString(), 0, 5),
                    new TextData.Source(second.toString(), 5, 11),
                    new TextData.Source(folder.resolve("dir/empty").toString(), 11, 11),
                    new TextData.Source(last.toString(), 11, 15));
            assertThat(data.split().tokens(Split.ALL, ByteTokenizer.ALL).boundaries()).containsExactly(5, 11);
            assertThat(data.name()).isEqualTo(first + " and 3 more");
        }
    }

    @Test
    void whatCannotBeReadIsNamed() throws IOException {
        assertThatThrownBy(() -> TextData.open(Path.of(""))).isInstanceOf(IOException.class)
                .hasMessageContaining("is empty");
        Path absent = folder.resolve("absent.txt");
        assertThatThrownBy(() -> TextData.open(absent)).isInstanceOf(IOException.class)
                .hasMessage(absent + ": no such file or folder; check the name");
        Path empty = write("empty.txt", "");
        assertThatThrownBy(() -> TextData.open(empty)).isInstanceOf(IOException.class)
                .hasMessage(empty + ": the file is empty; expected text or other bytes");
        Path hollow = Files.createDirectory(folder.resolve("hollow"));
        assertThatThrownBy(() -> TextData.open(hollow)).isInstanceOf(IOException.class)
                .hasMessageStartingWith(hollow + ": the folder holds no data");
        assertThatIllegalArgumentException().isThrownBy(() -> TextData.open(List.of()))
                .withMessageContaining("no file given");
        Path cut = Files.write(folder.resolve("cut.gz"), new byte[] {0x1F, (byte) 0x8B, 8, 0, 0});
        assertThatThrownBy(() -> TextData.open(cut)).isInstanceOf(IOException.class)
                .hasMessageStartingWith(cut + ": the gzip data ends at byte 5");
    }

    @Test
    void missingRightsAreNamed() throws IOException {
        Path closed = write("closed.txt", "x");
        Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("---------"));
        assumeTrue(!Files.isReadable(closed), "skipped: this user may read every file");
        assertThatThrownBy(() -> TextData.open(closed)).isInstanceOf(IOException.class)
                .hasMessage(closed + ": permission denied; the file cannot be read");
    }

    @Test
    void packedDataThatDoesNotFitSaysHowMuchItNeeds() throws IOException {
        Path packed = folder.resolve("big.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
            out.write(new byte[5 << 20]);
        }
        assertThatThrownBy(() -> TextData.open(List.of(packed), 3 << 20)).isInstanceOf(IOException.class).message()
                .startsWith(packed + ": the data needs ").contains("MiB of memory once unpacked, 4 MiB are available")
                .containsPattern("needs [67] MiB");
        try (TextData data = TextData.open(List.of(packed), 100 << 20)) {
            assertThat(data.size()).isEqualTo(5 << 20);
        }
    }

    @Test
    void aHundredMegabytesAreMappedNotRead() throws IOException {
        Path large = folder.resolve("large.bin");
        long size = 100_000_003;
        try (RandomAccessFile file = new RandomAccessFile(large.toFile(), "rw")) {
            file.setLength(size);
            file.seek(size - 3);
            file.write(new byte[] {1, 2, 3});
        }
        try (TextData data = TextData.open(List.of(large), 0)) {
            SplitData split = data.split();
            TokenStore test = split.tokens(Split.TEST, ByteTokenizer.ALL);
            assertThat(test.size()).isEqualTo(size - split.validationEnd());
            assertThat(test.get(test.size() - 1)).isEqualTo(3);
            RandomWindows windows = new RandomWindows(split.tokens(Split.ALL, ByteTokenizer.ALL), 4, 1000, 1);
            windows.next(new int[4000], new int[4000]);
        }
    }

    @Test
    void largeAndSmallFilesJoin() throws IOException {
        byte[] noise = new byte[3 << 20];
        Seeds.random(1).nextBytes(noise);
        Path large = Files.write(folder.resolve("large"), noise);
        Path small = write("small", "small");
        try (TextData data = TextData.open(small, large, small)) {
            assertThat(data.bytes(0, 5)).isEqualTo(data.bytes(data.size() - 5, 5)).isEqualTo("small".getBytes(
                    StandardCharsets.UTF_8));
            assertThat(data.bytes(5, noise.length)).isEqualTo(noise);
            Seeds.forAll(30, (seed, random) -> {
                int from = random.nextInt((int) data.size());
                int count = random.nextInt((int) data.size() - from + 1);
                byte[] range = data.bytes(from, count);
                int[] ids = new int[count];
                data.split().tokens(Split.ALL, ByteTokenizer.ALL).copy(from, ids, 0, count);
                for (int i = 0; i < count; i += 1 + count / 100) {
                    assertThat(ids[i]).isEqualTo(range[i] & 0xFF).isEqualTo(data.pieces().get(from + i));
                }
            });
            assertThatThrownBy(() -> data.bytes(data.size() - 2, 3)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void closedDataCannotBeRead() {
        TextData data = TextData.of("x", new byte[100]);
        TokenStore tokens = data.split().tokens(Split.ALL, ByteTokenizer.ALL);
        data.close();
        data.close();
        assertThatThrownBy(() -> tokens.get(0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void theSampleIsTheOneInItsReadme() throws IOException {
        try (TextData sample = SampleText.open()) {
            assertThat(sample.size()).isEqualTo(1_115_394);
            assertThat(sample.sha256()).isEqualTo("86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed");
            assertThat(sample.split().describe()).containsExactly("train            1,003,854 bytes  [0, 1003854)",
                    "validation          55,770 bytes  [1003854, 1059624)",
                    "test                55,770 bytes  [1059624, 1115394)");
        }
    }

    @Test
    void partsTileTheDataAndShareNothing() {
        Seeds.forAll(100, (seed, random) -> {
            byte[] bytes = new byte[Seeds.between(random, 0, 400)];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (byte) (random.nextInt(8) == 0 ? '\n' : 'a');
            }
            double train = random.nextInt(101);
            double validation = random.nextInt(101 - (int) train);
            SplitRule rule = new SplitRule.Fractions(train, validation, 100 - train - validation, random.nextBoolean());
            assertThat(SplitRule.parse(rule.toString())).isEqualTo(rule);
            try (TextData data = TextData.of("x", bytes)) {
                SplitData split = data.split(rule);
                assertThat(split.from(Split.TRAIN)).isZero();
                assertThat(split.to(Split.TRAIN)).isEqualTo(split.from(Split.VALIDATION));
                assertThat(split.to(Split.VALIDATION)).isEqualTo(split.from(Split.TEST)).isBetween(split.trainEnd(),
                        data.size());
                assertThat(split.to(Split.TEST)).isEqualTo(split.to(Split.ALL)).isEqualTo(bytes.length);
                SplitRule positions = new SplitRule.Positions(split.trainEnd(), split.validationEnd());
                assertThat(data.split(SplitRule.parse(positions.toString())).validationEnd())
                        .isEqualTo(split.validationEnd());
                if (((SplitRule.Fractions) rule).atLineEnds() && split.trainEnd() > 0
                        && split.trainEnd() < bytes.length) {
                    assertThat(bytes[(int) split.trainEnd() - 1]).isEqualTo((byte) '\n');
                }
            }
        });
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"10; 9; 9", "100; 90; 95", "4000000; 3600000; 3800000", "1; 0; 0",
        "20; 18; 19"})
    void cutsAreExact(int size, int trainEnd, int validationEnd) {
        try (TextData data = TextData.of("x", new byte[size])) {
            assertThat(data.split().trainEnd()).isEqualTo(trainEnd);
            assertThat(data.split().validationEnd()).isEqualTo(validationEnd);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "90", "90/5", "90/5/6", "-10/100/10", "a/b/c", "@", "@1", "@5,3", "@-1,3",
        "90/5/5,words",
        "NaN/0/0"})
    void divisionsThatAreNoneAreRefused(String text) {
        assertThatIllegalArgumentException().isThrownBy(() -> SplitRule.parse(text)).withMessageStartingWith("split")
                .withMessageContaining("expected");
    }

    @Test
    void positionsBeyondTheDataAreRefused() {
        try (TextData data = TextData.of("x.txt", new byte[10])) {
            assertThatIllegalArgumentException().isThrownBy(() -> data.split(SplitRule.parse("@5,11")))
                    .withMessage("split @5,11 cuts at bytes 5 and 11, but x.txt has 10 bytes");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> Split.parse("tset"))
                .withMessage("split \"tset\" is unknown, expected train, validation, test, all");
        assertThat(Split.parse("Validation")).isEqualTo(Split.VALIDATION);
    }

    @Test
    void dataIsCutAsItWasBefore() {
        try (TextData data = TextData.of("ten", new byte[10]); TextData other = TextData.of("more", new byte[20])) {
            String cut = data.split(SplitRule.parse("50/30/20")).cut();
            SplitData again = data.splitAs(Optional.of(cut));
            assertThat(List.of(again.trainEnd(), again.validationEnd())).containsExactly(5L, 8L);
            assertThat(again.cut()).isEqualTo(cut);
            for (Optional<String> none : List.of(Optional.of("@5,8 of 9"), Optional.of("nonsense"),
                    Optional.<String>empty())) {
                assertThat(data.splitAs(none)).isEqualTo(data.split());
            }
            assertThat(other.splitAs(Optional.of(cut))).isEqualTo(other.split());
            assertThatIllegalArgumentException().isThrownBy(() -> data.splitAs(Optional.of("@5,11 of 10")));
        }
    }

    @Test
    void knownLogsAreCutAsPublished() throws IOException {
        Path logs = SharedData.require("logs");
        for (String name : List.of("Apache_2k.log", "HDFS_2k.log", "Linux_2k.log")) {
            try (TextData data = TextData.open(logs.resolve(name))) {
                SplitData split = data.split();
                assertThat(split.rule()).as(name).isEqualTo(SplitRule.parse("80/10/10,lines"));
                assertThat(data.bytes(split.trainEnd() - 1, 1)).containsExactly('\n');
                assertThat(data.bytes(split.validationEnd() - 1, 1)).containsExactly('\n');
                assertThat(split.trainEnd()).isBetween(data.size() * 80 / 100, data.size() * 80 / 100 + 500);
            }
        }
    }

    @Test
    void enwik8IsCutAsPublished() throws IOException {
        Path enwik8 = SharedData.require("enwik8-head-4000000.gz");
        try (TextData data = TextData.open(enwik8)) {
            assertThat(data.sha256()).isEqualTo("9f9ca3a41e2b87a0268d00380577e2c308e07959b22a94c8d7b1e8901bdefc37");
            assertThat(data.split().trainEnd()).isEqualTo(3_600_000);
            assertThat(data.split().validationEnd()).isEqualTo(3_800_000);
        }
    }

    /** One symbol for each pair of letters, 65,536 and some, so that symbols do not fit into two bytes. */
    private record Pairs(int vocabulary) implements Tokenizer {
        @Override
        public int[] encode(byte[] bytes) {
            int[] ids = new int[(bytes.length + 1) / 2];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = (bytes[2 * i] & 0xFF) + (2 * i + 1 < bytes.length ? (bytes[2 * i + 1] & 0xFF) << 8 : 0);
            }
            return ids;
        }

        @Override
        public byte[] symbol(int id) {
            return new byte[] {(byte) id, (byte) (id >> 8)};
        }

        @Override
        public String name() {
            return "pairs";
        }

        @Override
        public OptionalInt id(byte[] symbol) {
            return symbol.length == 2 ? OptionalInt.of(encode(symbol)[0]) : OptionalInt.empty();
        }

        @Override
        public OptionalInt endOfText() {
            return OptionalInt.empty();
        }

        @Override
        public Map<String, String> descriptor() {
            return Map.of("kind", "pairs");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1 << 16, 1 << 20})
    void otherTokenizersAreEncodedSourceBySource(int vocabulary) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 300_000; i++) {
            lines.append((char) ('a' + i % 26)).append(i % 11 == 0 ? "b\n" : "c");
        }
        Path one = write("one", "abc");
        Path two = write("two", lines.toString());
        try (TextData data = TextData.open(one, two)) {
            TokenStore tokens = data.split().tokens(Split.ALL, new Pairs(vocabulary));
            assertThat(tokens.boundaries()).containsExactly(2);
            assertThat(tokens.vocabulary()).isEqualTo(vocabulary);
            int[] ids = new int[(int) tokens.size()];
            tokens.copy(0, ids, 0, ids.length);
            StringBuilder back = new StringBuilder();
            for (int id : ids) {
                back.append((char) (id & 0xFF));
                if (id >> 8 != 0) {
                    back.append((char) (id >> 8));
                }
            }
            assertThat(back.toString()).isEqualTo("abc" + lines);
            assertThat(tokens.get(1)).isEqualTo('c');
        }
    }

    @Test
    void longDataIsEncodedAsIfAtOnce() throws IOException {
        Tokenizer neox = Tokenizer.open(SharedData.require("tokenizers/20B_tokenizer.json").toString());
        Path enwik8 = SharedData.require("enwik8-head-4000000.gz");
        try (TextData data = TextData.open(enwik8)) {
            TokenStore tokens = data.split().tokens(Split.ALL, neox);
            int[] ids = new int[(int) tokens.size()];
            tokens.copy(0, ids, 0, ids.length);
            assertThat(ids).isEqualTo(neox.encode(data.bytes(0, (int) data.size())));
        }
    }

    @Test
    void aLongLineIsNotCutWithinACharacter() {
        String line = "é".repeat(1 << 20);
        try (TextData data = TextData.of("x", line.getBytes(StandardCharsets.UTF_8))) {
            TokenStore tokens = data.split().tokens(Split.ALL, WorldTokenizer.shipped());
            int[] ids = new int[(int) tokens.size()];
            tokens.copy(0, ids, 0, ids.length);
            assertThat(ids).doesNotContain(0xC3 + 1, 0xA9 + 1);
            assertThat(WorldTokenizer.shipped().text(ids)).isEqualTo(line);
        }
    }

    @Test
    void bytesOutsideTheAlphabetAreFoundAtOnce() {
        try (TextData data = TextData.of("x", "GATTAXA".getBytes(StandardCharsets.US_ASCII))) {
            ByteTokenizer bases = ByteTokenizer.over("ACGT".getBytes(StandardCharsets.US_ASCII));
            assertThatIllegalArgumentException().isThrownBy(() -> data.split().tokens(Split.ALL, bases))
                    .withMessageContaining("byte 0x58 ('X') at offset 5");
            TokenStore start = data.split(SplitRule.parse("@5,5")).tokens(Split.TRAIN, bases);
            int[] ids = new int[5];
            start.copy(0, ids, 0, 5);
            assertThat(ids).containsExactly(2, 0, 3, 3, 0);
        }
    }

    private Path write(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text);
    }

    private static String text(TextData data) {
        return new String(data.bytes(0, (int) data.size()), StandardCharsets.UTF_8);
    }
}
