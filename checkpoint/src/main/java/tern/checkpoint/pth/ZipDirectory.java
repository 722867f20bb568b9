package tern.checkpoint.pth;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.mapped.ByteCursor;
import tern.checkpoint.mapped.MappedFile;
import tern.checkpoint.mapped.Quoted;

/**
 * What a ZIP archive of stored entries holds, by its central directory: local headers may say nothing about sizes. Compressed
 * and encrypted entries are refused when they are asked for.
 */
final class ZipDirectory {
    private static final int END_SIGNATURE = 0x06054b50;
    private static final int END_BYTES = 22;
    private static final int LONGEST_COMMENT = 65_535;
    private static final int LOCATOR_SIGNATURE = 0x07064b50;
    private static final int LOCATOR_BYTES = 20;
    private static final int LARGE_END_SIGNATURE = 0x06064b50;
    private static final int ENTRY_SIGNATURE = 0x02014b50;
    private static final int ENTRY_BYTES = 46;
    private static final int LOCAL_SIGNATURE = 0x04034b50;
    private static final int LARGE_FIELD = 1;
    private static final long LARGE = 0xFFFFFFFFL;
    private static final ValueLayout.OfInt SIGNATURE = ValueLayout.JAVA_INT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final long MOST = 1 << 19;

    private final MappedFile file;
    private final Map<String, Entry> entries = new LinkedHashMap<>();

    /** An entry of the central directory. */
    private record Entry(String name, int method, boolean encrypted, long stored, long size, long header) {
    }

    /** Reads the directory of an archive. */
    ZipDirectory(MappedFile file) throws MalformedFileException {
        this.file = file;
        ByteCursor cursor = ByteCursor.over(file);
        long end = end(cursor);
        cursor.moveTo(end + 10);
        long count = cursor.u16("the number of entries");
        long bytes = cursor.u32("the size of the directory");
        long from = cursor.u32("the offset of the directory");
        long directoryEnd = end;
        // PyTorch writes the ZIP64 form beside the other one, whatever the size
        if (end >= LOCATOR_BYTES && file.bytes().get(SIGNATURE, end - LOCATOR_BYTES) == LOCATOR_SIGNATURE) {
            directoryEnd = largeEnd(cursor, end);
            cursor.moveTo(directoryEnd + 32);
            count = cursor.size("the number of entries");
            bytes = cursor.size("the size of the directory");
            from = cursor.size("the offset of the directory");
        }
        if (from > directoryEnd || bytes != directoryEnd - from || count > Math.min(MOST, bytes / ENTRY_BYTES)) {
            throw cursor.complaintAt(end,
                    "the ZIP directory has " + count + " entries in " + bytes + " bytes from byte "
                            + from + ", expected it to end at byte " + directoryEnd + "; the file is damaged");
        }
        ByteCursor directory = new ByteCursor(file.path().toString(), file.bytes(), from, directoryEnd);
        for (long i = 0; i < count; i++) {
            long at = directory.at();
            Entry entry = entry(directory, i);
            if (entries.putIfAbsent(entry.name, entry) != null) {
                throw directory.complaintAt(at, "the ZIP entry " + Quoted.name(entry.name)
                        + " occurs twice, expected once");
            }
        }
        if (directory.remaining() > 0) {
            throw directory.complaint(directory.remaining() + " bytes follow the last entry of the ZIP directory,"
                    + " expected none; the file is damaged");
        }
    }

    private static long end(ByteCursor cursor) throws MalformedFileException {
        long size = cursor.remaining();
        for (long at = size - END_BYTES; at >= Math.max(0, size - END_BYTES - LONGEST_COMMENT); at--) {
            cursor.moveTo(at);
            if (cursor.i32("the end of the ZIP directory") == END_SIGNATURE) {
                cursor.moveTo(at + 20);
                if (cursor.u16("the length of the ZIP comment") == size - at - END_BYTES) {
                    return at;
                }
            }
        }
        throw cursor.complaintAt(size, "the end of the ZIP directory is missing; the file is truncated, get it again");
    }

    private static long largeEnd(ByteCursor cursor, long end) throws MalformedFileException {
        cursor.moveTo(end - LOCATOR_BYTES + 4);
        cursor.i32("the disk of the ZIP64 end");
        long at = cursor.size("the offset of the ZIP64 end");
        cursor.moveTo(at);
        int signature = cursor.i32("the ZIP64 end");
        if (signature != LARGE_END_SIGNATURE || at > end - LOCATOR_BYTES) {
            throw cursor.complaintAt(at, "the ZIP64 end begins with " + Integer.toHexString(signature) + ", expected "
                    + Integer.toHexString(LARGE_END_SIGNATURE));
        }
        return at;
    }

    private static Entry entry(ByteCursor cursor, long index) throws MalformedFileException {
        String what = "ZIP entry " + index;
        long at = cursor.at();
        int signature = cursor.i32(what);
        if (signature != ENTRY_SIGNATURE) {
            throw cursor.complaintAt(at, what + " begins with " + Integer.toHexString(signature) + ", expected "
                    + Integer.toHexString(ENTRY_SIGNATURE));
        }
        cursor.take(4, what);
        int flags = cursor.u16(what);
        int method = cursor.u16(what);
        cursor.take(8, what);
        long stored = cursor.u32(what);
        long size = cursor.u32(what);
        int nameBytes = cursor.u16(what);
        int extraBytes = cursor.u16(what);
        int commentBytes = cursor.u16(what);
        cursor.take(8, what);
        long header = cursor.u32(what);
        String name = cursor.text(nameBytes, "the name of " + what);
        long extraEnd = cursor.at() + extraBytes;
        while (cursor.at() < extraEnd) {
            int field = cursor.u16(what);
            int fieldBytes = cursor.u16(what);
            long next = cursor.at() + fieldBytes;
            if (field == LARGE_FIELD) {
                size = size == LARGE ? cursor.size("the size of " + what) : size;
                stored = stored == LARGE ? cursor.size("the stored size of " + what) : stored;
                header = header == LARGE ? cursor.size("the offset of " + what) : header;
            }
            if (cursor.at() > next || next > extraEnd) {
                throw cursor.complaint("the extra fields of " + what + " do not fit into " + extraBytes + " bytes");
            }
            cursor.moveTo(next);
        }
        cursor.take(commentBytes, "the comment of " + what);
        return new Entry(name, method, (flags & 1) != 0, stored, size, header);
    }

    /** The folder that holds everything: that of the one entry called {@code data.pkl}. */
    String folder() throws MalformedFileException {
        for (String name : entries.keySet()) {
            if (name.endsWith("/data.pkl") && name.indexOf('/') == name.length() - "/data.pkl".length()) {
                return name.substring(0, name.indexOf('/') + 1);
            }
        }
        throw new MalformedFileException(file.path() + ": the ZIP archive holds " + entries.size()
                + " entries, but no data.pkl in a folder at its top; this is not a PyTorch archive");
    }

    /** Whether there is an entry of this name. */
    boolean has(String name) {
        return entries.containsKey(name);
    }

    /**
     * Where an entry's data lies.
     *
     * @throws MalformedFileException if there is no such entry, it is compressed, or it lies beyond the file
     */
    StorageRange find(String name) throws MalformedFileException {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new MalformedFileException(file.path() + ": the ZIP archive lacks the entry " + Quoted.name(name)
                    + "; the file is damaged");
        }
        if (entry.method != 0 || entry.encrypted || entry.stored != entry.size) {
            throw new MalformedFileException(file.path() + ": the ZIP entry " + Quoted.name(name)
                    + (entry.encrypted ? " is encrypted"
                            : " is compressed (method " + entry.method + ", " + entry.stored
                                    + " of " + entry.size + " bytes)")
                    + ", expected it to be stored; save the model again with torch.save");
        }
        ByteCursor cursor = ByteCursor.over(file);
        cursor.moveTo(entry.header);
        String what = "the local header of ZIP entry " + Quoted.name(name);
        int signature = cursor.i32(what);
        if (signature != LOCAL_SIGNATURE) {
            throw cursor.complaintAt(entry.header, what + " begins with " + Integer.toHexString(signature)
                    + ", expected " + Integer.toHexString(LOCAL_SIGNATURE));
        }
        cursor.take(22, what);
        int nameBytes = cursor.u16(what);
        int extraBytes = cursor.u16(what);
        if (nameBytes != name.getBytes(StandardCharsets.UTF_8).length
                || !cursor.text(nameBytes, what).equals(name)) {
            throw cursor.complaintAt(entry.header + 26, what + " bears another name; the file is damaged");
        }
        cursor.take(extraBytes, what);
        long from = cursor.at();
        cursor.take(entry.size, "the ZIP entry " + Quoted.name(name));
        return new StorageRange(from, entry.size);
    }
}
