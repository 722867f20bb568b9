package tern.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HexFormat;

import tern.checkpoint.gguf.GgufFile;
import tern.checkpoint.pth.PthFile;
import tern.checkpoint.rwkvcpp.RwkvCppFile;

/** Tells what a path holds and opens it. */
final class FileFormat {
    private static final int LOOKED_AT = 9;
    /** What folders of older models hold, such as those of Mamba as released. */
    private static final String ARCHIVE = "pytorch_model.bin";

    private FileFormat() {
    }

    static TensorFile open(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            return openFolder(path);
        }
        if (path.toString().endsWith(".json")) {
            return SafetensorsShards.open(path);
        }
        byte[] first = first(path);
        // a safetensors header of some 67 million bytes begins like a ZIP archive, but has a brace where that has a zero
        boolean brace = first.length == LOOKED_AT && first[LOOKED_AT - 1] == '{';
        if (brace || path.toString().endsWith(".safetensors") || first.length < 4) {
            return Safetensors.open(path);
        }
        int magic = ByteBuffer.wrap(first).order(ByteOrder.LITTLE_ENDIAN).getInt();
        return switch (magic) {
            case GgufFile.MAGIC -> GgufFile.open(path);
            case RwkvCppFile.MAGIC -> RwkvCppFile.open(path);
            case PthFile.ARCHIVE_MAGIC, PthFile.LEGACY_MAGIC -> PthFile.open(path);
            default -> throw new MalformedFileException(path + ": begins with the bytes "
                    + HexFormat.ofDelimiter(" ").formatHex(first, 0, 4)
                    + ", expected a safetensors, PyTorch, GGUF or rwkv.cpp file; it is damaged or something else");
        };
    }

    private static TensorFile openFolder(Path path) throws IOException {
        Path whole = path.resolve(Safetensors.MODEL_FILE);
        Path index = path.resolve(SafetensorsShards.INDEX_FILE);
        Path archive = path.resolve(ARCHIVE);
        if (Files.exists(whole)) {
            return Safetensors.open(whole);
        }
        if (Files.exists(index)) {
            return SafetensorsShards.open(index);
        }
        if (Files.exists(archive)) {
            return open(archive);
        }
        throw new IOException(path + ": the folder holds neither " + whole.getFileName() + " nor "
                + index.getFileName() + " nor " + ARCHIVE + "; give the folder of a model, or a file of tensors");
    }

    private static byte[] first(Path path) throws IOException {
        try (InputStream file = Files.newInputStream(path)) {
            return file.readNBytes(LOOKED_AT);
        } catch (NoSuchFileException missing) {
            throw new IOException(path + ": no such file; check the name", missing);
        } catch (AccessDeniedException denied) {
            throw new IOException(path + ": permission denied; the file cannot be read", denied);
        }
    }
}
