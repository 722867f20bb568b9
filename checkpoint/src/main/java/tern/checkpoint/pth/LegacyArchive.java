package tern.checkpoint.pth;

import java.math.BigInteger;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.mapped.ByteCursor;
import tern.checkpoint.mapped.MappedFile;
import tern.checkpoint.mapped.Quoted;
import tern.checkpoint.pth.Pickled.Entries;
import tern.checkpoint.pth.Pickled.Entry;
import tern.checkpoint.pth.Pickled.Items;
import tern.checkpoint.pth.Pickled.Storage;
import tern.checkpoint.pth.Pickled.Text;
import tern.checkpoint.pth.Pickled.Truth;
import tern.checkpoint.pth.Pickled.Whole;

/**
 * The form from before PyTorch 1.6: five pickles (a magic number, the protocol, facts about the machine, the object, the keys
 * of its storages), then each storage with its number of elements before it.
 *
 * @param object the fourth pickle
 * @param littleEndian how elements are stored
 * @param storages where each lies
 */
record LegacyArchive(Pickled object, boolean littleEndian, Map<String, StorageRange> storages) {
    private static final Whole MAGIC = new Whole(new BigInteger("1950a86a20f9469cfc6c", 16));
    private static final Whole PROTOCOL = Whole.of(1001);

    /** Reads all but the elements. */
    static LegacyArchive read(MappedFile file) throws MalformedFileException {
        ByteCursor cursor = ByteCursor.over(file);
        expect(cursor, MAGIC, "the magic number");
        expect(cursor, PROTOCOL, "the protocol");
        boolean littleEndian = littleEndian(plain(cursor));
        Map<String, Storage> mentioned = new HashMap<>();
        Pickled object = Unpickler.read(cursor, storage -> {
            Storage before = mentioned.putIfAbsent(storage.key(), storage);
            if (before != null && !before.equals(storage)) {
                throw cursor.complaint("storage " + Quoted.name(storage.key()) + " has " + storage.elements()
                        + " elements of " + storage.type() + ", but " + before.elements() + " of " + before.type()
                        + " elsewhere; the file is damaged");
            }
        });
        long at = cursor.at();
        if (!(plain(cursor) instanceof Items keys)) {
            throw cursor.complaintAt(at, "the keys of the storages are not a list; the file is damaged");
        }
        Map<String, StorageRange> ranges = new HashMap<>();
        for (Pickled item : keys.items) {
            long begin = cursor.at();
            if (!(item instanceof Text(String key)) || !mentioned.containsKey(key)) {
                throw cursor.complaintAt(at,
                        "the keys of the storages name one that no tensor uses; the file is damaged");
            }
            Storage storage = mentioned.get(key);
            long elements = cursor.size("the number of elements of storage " + Quoted.name(key));
            if (elements != storage.elements()) {
                throw cursor.complaintAt(begin, "storage " + Quoted.name(key) + " has " + elements
                        + " elements, expected " + storage.elements() + ", as its tensors say");
            }
            long bytes = cursor.tensorBytes(begin, "storage " + Quoted.name(key), storage.type(), List.of(elements));
            long from = cursor.at();
            cursor.take(bytes, "storage " + Quoted.name(key));
            ranges.put(key, new StorageRange(from, bytes));
        }
        if (cursor.remaining() > 0) {
            throw cursor.complaint(cursor.remaining() + " bytes follow the last storage, expected none; the file is"
                    + " damaged");
        }
        return new LegacyArchive(object, littleEndian, ranges);
    }

    /** A pickle that has nothing to do with tensors. */
    private static Pickled plain(ByteCursor cursor) throws MalformedFileException {
        return Unpickler.read(cursor, storage -> {
            throw cursor.complaint("storage " + Quoted.name(storage.key()) + " is mentioned where no tensor belongs;"
                    + " the file is damaged");
        });
    }

    private static void expect(ByteCursor cursor, Whole expected, String what) throws MalformedFileException {
        long at = cursor.at();
        if (!plain(cursor).equals(expected)) {
            throw cursor.complaintAt(at, what + " is not " + expected.value() + "; this is not a PyTorch file");
        }
    }

    private static boolean littleEndian(Pickled facts) {
        if (facts instanceof Entries map) {
            for (Entry entry : map.entries) {
                if (entry.key().equals(new Text("little_endian")) && entry.value() instanceof Truth(boolean little)) {
                    return little;
                }
            }
        }
        return true;
    }
}
