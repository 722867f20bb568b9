package tern.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;

import tern.checkpoint.mapped.MappedFile;
import tern.model.SequenceModel;
import tern.model.StackConfig;
import tern.tensor.Tensor;

/**
 * What tells one model from every other: SHA-256 over its configuration and the names, types, shapes and bytes of its
 * parameters, as 64 hexadecimal digits. Names of parameters, tokenizer and notes do not change what a state means, so only
 * what is computed with counts.
 */
public final class Fingerprint {
    private static final long AT_ONCE = 1L << 24;
    private static final long SAMPLE = 1L << 12;

    private Fingerprint() {
    }

    /** The fingerprint of a model as its parameters are now; reads all of them. */
    public static String of(SequenceModel model) {
        return of(model.config(), model.parameters().tensors());
    }

    static String of(StackConfig config, Map<String, Tensor> tensors) {
        return of(config, tensors, Fingerprint::addData);
    }

    /** Of the beginning and the end of every tensor alone: tells models apart, not damage, and takes no time. */
    static String ofSamples(StackConfig config, Map<String, Tensor> tensors) {
        return of(config, tensors, (digest, tensor) -> {
            long length = Math.min(SAMPLE, tensor.bytes());
            addData(digest, tensor.data().asSlice(0, length));
            addData(digest, tensor.data().asSlice(tensor.bytes() - length, length));
        });
    }

    private static String of(StackConfig config, Map<String, Tensor> tensors,
            BiConsumer<MessageDigest, Tensor> addData) {
        MessageDigest digest = sha256();
        add(digest, RecordJson.line(config));
        new TreeMap<>(tensors).forEach((name, tensor) -> {
            add(digest, name);
            add(digest, tensor.toString());
            addData.accept(digest, tensor);
        });
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError("every Java platform has SHA-256", impossible);
        }
    }

    private static void add(MessageDigest digest, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        digest.update(ByteBuffer.allocate(4).putInt(bytes.length).flip());
        digest.update(bytes);
    }

    private static void addData(MessageDigest digest, Tensor tensor) {
        if (ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN && !tensor.dtype().isBlocked()) {
            try (Arena scratch = Arena.ofConfined()) {
                MemorySegment copy = scratch.allocate(Math.max(1, tensor.bytes()), 8).asSlice(0, tensor.bytes())
                        .copyFrom(tensor.data());
                MappedFile.reverseElements(copy, tensor.dtype().bytes());
                addData(digest, copy);
            }
        } else {
            addData(digest, tensor.data());
        }
    }

    private static void addData(MessageDigest digest, MemorySegment data) {
        for (long at = 0; at < data.byteSize(); at += AT_ONCE) {
            digest.update(data.asSlice(at, Math.min(AT_ONCE, data.byteSize() - at)).asByteBuffer());
        }
    }
}
