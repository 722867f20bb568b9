package tern.checkpoint.pth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.tensor.Shape;

/** Pickles put together by hand: what tensors need is done, anything else is refused with its reason. */
class HostilePickleTest {
    private static final String START = "\u0080\u0002";
    private static final String REBUILD = "ctorch._utils\n_rebuild_tensor_v2\n";
    private static final String FOUR_FLOATS = storage("FloatStorage", 4);
    private static final String NO_HOOKS = "\u0089ccollections\nOrderedDict\n)R";

    @TempDir
    private Path folder;

    private static String text(String text) {
        return "X" + (char) text.length() + "\0\0\0" + text;
    }

    private static String number(int value) {
        return "J" + (char) (value & 0xFF) + (char) (value >> 8 & 0xFF) + (char) (value >> 16 & 0xFF)
                + (char) (value >>> 24);
    }

    private static String tuple(int... values) {
        StringBuilder pickle = new StringBuilder("(");
        for (int value : values) {
            pickle.append(number(value));
        }
        return pickle.append('t').toString();
    }

    private static String storage(String type, int elements) {
        return "(" + text("storage") + "ctorch\n" + type + "\n" + text("0") + text("cpu") + number(elements) + "tQ";
    }

    private static String view(String storage, int offset, String shape, String strides) {
        return REBUILD + "(" + storage + number(offset) + shape + strides + NO_HOOKS + "tR";
    }

    private static String one(String value) {
        return START + "}" + text("w") + value + "s.";
    }

    @Test
    void viewsOfEveryKindAreRead() throws IOException {
        read(view(FOUR_FLOATS, 0, tuple(2, 2), tuple(2, 1)), Shape.of(2, 2), 1, 2, 3, 4);
        read(view(FOUR_FLOATS, 0, tuple(2, 2), tuple(1, 2)), Shape.of(2, 2), 1, 3, 2, 4);
        read(view(FOUR_FLOATS, 1, tuple(2, 3), tuple(0, 1)), Shape.of(2, 3), 2, 3, 4, 2, 3, 4);
        read(view(FOUR_FLOATS, 3, tuple(1, 1), tuple(99, 99)), Shape.of(1, 1), 4);
        read(view(FOUR_FLOATS, 4, tuple(0, 7), tuple(7, 1)), Shape.of(0, 7));
        read(view(FOUR_FLOATS, 2, ")", ")"), Shape.of(), 3);
        read("ctorch._utils\n_rebuild_parameter\n(" + view(FOUR_FLOATS, 0, tuple(4), tuple(1)) + NO_HOOKS + "tR",
                Shape.of(4), 1, 2, 3, 4);
    }

    private void read(String value, Shape shape, double... values) throws IOException {
        for (ByteOrder order : new ByteOrder[] {ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN}) {
            try (TensorFile file = TensorFile.open(archive(one(value), order))) {
                assertThat(file.tensor("w").shape()).isEqualTo(shape);
                assertThat(file.tensor("w").toDoubles()).as("%s", order).containsExactly(values);
            }
        }
    }

    @Test
    void viewsThatLeaveTheirStorageAreRefused() throws IOException {
        refused(one(view(FOUR_FLOATS, 1, tuple(4), tuple(1))), "reaches element 4 of its storage, which has 4");
        refused(one(view(FOUR_FLOATS, 5, tuple(0), tuple(1))), "reaches element 5");
        refused(one(view(FOUR_FLOATS, 0, tuple(-1), tuple(1))), "is not a number of 0 or more");
        refused(one(view(FOUR_FLOATS, 0, tuple(4), tuple(-1))), "is not a number of 0 or more");
        refused(one(view(FOUR_FLOATS, 0, tuple(4), tuple(1, 1))), "1 axes but 2 strides");
        int huge = Integer.MAX_VALUE;
        refused(one(view(FOUR_FLOATS, 0, tuple(huge, huge, huge), tuple(0, 0, 0))), "overflows 64 bits");
        refused(one(view(FOUR_FLOATS, 0, tuple(huge, huge / 8), tuple(0, 0))), "repeats or reorders elements, so");
        refused(one(view(FOUR_FLOATS, 0, tuple(1000, 1000), tuple(0, 0))), "a copy would take 4000000 bytes");
        refused(one(view(storage("FloatStorage", 5), 0, tuple(4), tuple(1))), "has 16 bytes, expected 20");
        refused(one(view(storage("DoubleStorage", 4), 0, tuple(4), tuple(1))), "has 16 bytes, expected 32");
    }

    @Test
    void whatTensorsDoNotNeedIsRefused() throws IOException {
        refused(START + "cos\nsystem\n.", "asks for \"os.system\"");
        refused(START + "ctorch\nFloatStorage\n)R.", "calls something that cannot be called");
        refused(START + "}}b.", "gives attributes to what is not an OrderedDict");
        refused(START + "cos\nsystem\n)\u0081.", "asks for \"os.system\"");
        refused(START + ")\u0081.", "the instruction NEWOBJ (81)");
        refused(START + "(i", "the instruction INST (69)");
        refused(START + text("os") + text("system") + "\u0093.", "asks for \"os.system\"");
        refused(START + "N" + text("x") + "\u0093.", "a name is not text");
        refused(START + "c" + "m".repeat(1000) + "\nx\n.", "a module is longer than 256 bytes");
        refused(START + "NQ.", "not a storage of tensors");
        refused("\u0080\u0007N.", "has protocol 7, expected 2 to 5");
    }

    @Test
    void programsThatGoWrongAreRefused() throws IOException {
        refused(START + "NN.", "stops with 1 values left over");
        refused(START + "(N.", "stops with 0 values left over");
        refused(START + "t.", "goes back to a mark that was not set");
        refused(START + "(a.", "takes a value from an empty stack");
        refused(START + "}(Nu.", "half an entry");
        refused(START + "NNa.", "appends to what is not a list");
        refused(START + "j\1\0\0\0.", "recalls memo slot 1");
        refused(START + "X\u00ff\u00ff\u00ff\u00ff", "a text takes 4294967295 bytes");
        refused(START + "\u0095\u00ff\0\0\0\0\0\0\0N.", "a frame of the pickle has 255 bytes");
        refused(START + "N.N", "1 bytes follow the pickle");
        refused(START + "N.", "holds no tensors by name");
        refused(one("N"), "holds no tensors by name");
        String tensor = text("w") + view(FOUR_FLOATS, 0, tuple(4), tuple(1)) + "s";
        refused(START + "}" + tensor + tensor + ".", "tensor \"w\" occurs twice");
        refused(START + "}N" + view(FOUR_FLOATS, 0, tuple(4), tuple(1)) + "s.", "has a key that is not text");
    }

    /** Neither many instructions nor deep or circular nesting take more than a moment. */
    @Test
    void floodsAreRefused() throws IOException {
        refused(START + "N".repeat(4_000_001), "more than 4000000 instructions");
        refused(START + "]".repeat(1_000_000) + "a".repeat(999_999) + ".", "holds no tensors by name");
        refused(START + "(".repeat(1_000_000) + ".", "takes a value from an empty stack");
        refused(START + "}q\0" + text("state_dict") + "h\0s.", "holds no tensors by name");
        refused(START + ")" + "q\0h\0\u0086".repeat(100_000) + ".", "holds no tensors by name");
    }

    @Test
    void archivesThatAreNotPyTorchsAreRefused() throws IOException {
        Path compressed = folder.resolve("compressed.pth");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(compressed))) {
            zip.putNextEntry(new ZipEntry("archive/data.pkl"));
            zip.write(one("N").getBytes(StandardCharsets.ISO_8859_1));
        }
        assertThatThrownBy(() -> TensorFile.open(compressed)).isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("\"archive/data.pkl\" is compressed (method 8");
        Path other = folder.resolve("other.pth");
        zip(other, Map.of("readme.txt", new byte[3], "a/b/data.pkl", new byte[3]));
        assertThatThrownBy(() -> TensorFile.open(other)).hasMessageContaining("holds 2 entries, but no data.pkl");
        Path order = folder.resolve("order.pth");
        zip(order, Map.of("a/data.pkl", (START + "N.").getBytes(StandardCharsets.ISO_8859_1), "a/byteorder",
                "middle".getBytes(StandardCharsets.UTF_8)));
        assertThatThrownBy(() -> TensorFile.open(order)).hasMessageContaining("the order of bytes is \"middle\"");
    }

    private void refused(String pickle, String reason) throws IOException {
        Path file = archive(pickle, ByteOrder.LITTLE_ENDIAN);
        assertThatThrownBy(() -> TensorFile.open(file)).isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith(file.toString()).hasMessageContaining(reason);
    }

    /** An archive of a pickle and four floats, 1 to 4. */
    private Path archive(String pickle, ByteOrder order) throws IOException {
        Map<String, byte[]> entries = new LinkedHashMap<>();
        entries.put("archive/data.pkl", pickle.getBytes(StandardCharsets.ISO_8859_1));
        entries.put("archive/byteorder", (order == ByteOrder.BIG_ENDIAN ? "big" : "little").getBytes(
                StandardCharsets.UTF_8));
        entries.put("archive/data/0", ByteBuffer.allocate(16).order(order).putFloat(1).putFloat(2).putFloat(3)
                .putFloat(4).array());
        Path file = folder.resolve("made.pth");
        zip(file, entries);
        return file;
    }

    private static void zip(Path file, Map<String, byte[]> entries) throws IOException {
        try (OutputStream out = Files.newOutputStream(file); ZipOutputStream zip = new ZipOutputStream(out)) {
            zip.setMethod(ZipOutputStream.STORED);
            for (Map.Entry<String, byte[]> content : entries.entrySet()) {
                ZipEntry entry = new ZipEntry(content.getKey());
                CRC32 sum = new CRC32();
                sum.update(content.getValue());
                entry.setSize(content.getValue().length);
                entry.setCrc(sum.getValue());
                zip.putNextEntry(entry);
                zip.write(content.getValue());
                zip.closeEntry();
            }
        }
    }
}
