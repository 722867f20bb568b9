package tern.checkpoint.pth;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StorageType;
import tern.checkpoint.mapped.ByteCursor;
import tern.checkpoint.mapped.Quoted;
import tern.checkpoint.pth.Pickled.Entries;
import tern.checkpoint.pth.Pickled.Entry;
import tern.checkpoint.pth.Pickled.Items;
import tern.checkpoint.pth.Pickled.Name;
import tern.checkpoint.pth.Pickled.Nothing;
import tern.checkpoint.pth.Pickled.Real;
import tern.checkpoint.pth.Pickled.Storage;
import tern.checkpoint.pth.Pickled.StorageName;
import tern.checkpoint.pth.Pickled.Text;
import tern.checkpoint.pth.Pickled.Truth;
import tern.checkpoint.pth.Pickled.Tuple;
import tern.checkpoint.pth.Pickled.View;
import tern.checkpoint.pth.Pickled.Whole;

/**
 * Carries out a pickle: a stack machine of the few instructions that tensors need. Each instruction makes at most one value,
 * and there is a limit to their number (100,000 tensors stay below it), so memory is bounded. Confined to one thread.
 */
final class Unpickler {
    private static final int HIGHEST_RANK = 64;
    private static final int LONGEST_LINE = 256;
    private static final int NEWEST_PROTOCOL = 5;
    private static final int MOST_INSTRUCTIONS = 4_000_000;

    private final ByteCursor cursor;
    private final Storages storages;
    private final List<Pickled> stack = new ArrayList<>();
    private final List<Integer> marks = new ArrayList<>();
    private final Map<Long, Pickled> memo = new HashMap<>();
    private long at;

    private Unpickler(ByteCursor cursor, Storages storages) {
        this.cursor = cursor;
        this.storages = storages;
    }

    /** Is told about storages. */
    @FunctionalInterface
    interface Storages {
        /**
         * The pickle mentions this one.
         *
         * @throws MalformedFileException if there is none of its name, or it has another size
         */
        void mentioned(Storage storage) throws MalformedFileException;
    }

    /**
     * Carries out the pickle at the cursor, which then stands behind it.
     *
     * @param storages is told about every storage that is mentioned, before anything is made of it
     * @throws MalformedFileException if it is damaged, or asks for anything but plain values and tensors
     */
    static Pickled read(ByteCursor cursor, Storages storages) throws MalformedFileException {
        return new Unpickler(cursor, storages).run();
    }

    private Pickled run() throws MalformedFileException {
        for (int done = 0; done < MOST_INSTRUCTIONS; done++) {
            at = cursor.at();
            if (cursor.remaining() == 0) {
                throw cursor.complaint("the pickle ends without STOP; the file is truncated or damaged");
            }
            int opcode = cursor.u8("an instruction of the pickle");
            if (opcode == '.') {
                Pickled top = pop();
                if (!stack.isEmpty() || !marks.isEmpty()) {
                    throw complaint("the pickle stops with " + stack.size() + " values left over, expected none");
                }
                return top;
            }
            step(opcode);
        }
        throw complaint("the pickle has more than " + MOST_INSTRUCTIONS + " instructions; it is refused");
    }

    private void step(int opcode) throws MalformedFileException {
        switch (opcode) {
            case 0x80 -> protocol();
            case 0x95 -> frame();
            case 'c' -> push(global(line("a module"), line("a name")));
            case 0x93 -> stackGlobal();
            case 'q' -> remember(cursor.u8("a memo slot"));
            case 'r' -> remember(cursor.u32("a memo slot"));
            case 0x94 -> remember(memo.size());
            case 'h' -> recall(cursor.u8("a memo slot"));
            case 'j' -> recall(cursor.u32("a memo slot"));
            case '(' -> marks.add(stack.size());
            case ')' -> push(new Tuple(List.of()));
            case 't' -> push(new Tuple(popToMark()));
            case 0x85 -> push(new Tuple(pop(1)));
            case 0x86 -> push(new Tuple(pop(2)));
            case 0x87 -> push(new Tuple(pop(3)));
            case ']', 0x8F -> push(new Items());
            case 'a' -> append(pop(1));
            case 'e' -> append(popToMark());
            case '}' -> push(new Entries(false));
            case 's' -> setItems(pop(2));
            case 'u' -> setItems(popToMark());
            case 'X' -> push(new Text(cursor.text(cursor.u32("the length of a text"), "a text")));
            case 0x8C -> push(new Text(cursor.text(cursor.u8("the length of a text"), "a text")));
            case 0x8D -> push(new Text(cursor.text(cursor.size("the length of a text"), "a text")));
            case 'J' -> push(Whole.of(cursor.i32("a number")));
            case 'K' -> push(Whole.of(cursor.u8("a number")));
            case 'M' -> push(Whole.of(cursor.u16("a number")));
            case 0x8A -> push(longNumber(cursor.u8("the length of a number")));
            case 'G' -> push(new Real(Double.longBitsToDouble(Long.reverseBytes(cursor.i64("a real number")))));
            case 0x88 -> push(new Truth(true));
            case 0x89 -> push(new Truth(false));
            case 'N' -> push(new Nothing());
            case 'Q' -> push(storage(pop()));
            case 'R' -> reduce();
            case 'b' -> build();
            default -> throw complaint("the pickle has the instruction " + instruction(opcode)
                    + ", which building plain values and tensors does not need; the file is damaged, holds a whole"
                    + " object, or is meant to run code: save model.state_dict() alone");
        }
    }

    private static String instruction(int opcode) {
        return Optional.ofNullable(Map.of((int) 'i', "INST", (int) 'o', "OBJ", 0x81, "NEWOBJ", 0x92, "NEWOBJ_EX",
                (int) 'P', "PERSID", 0x82, "EXT1", 0x83, "EXT2", 0x84, "EXT4").get(opcode))
                .map(name -> name + " (" + Integer.toHexString(opcode) + ")").orElse(Integer.toHexString(opcode));
    }

    private void protocol() throws MalformedFileException {
        int protocol = cursor.u8("the protocol");
        if (protocol < 2 || protocol > NEWEST_PROTOCOL) {
            throw complaint("the pickle has protocol " + protocol + ", expected 2 to " + NEWEST_PROTOCOL);
        }
    }

    private void frame() throws MalformedFileException {
        long length = cursor.size("the length of a frame");
        if (length > cursor.remaining()) {
            throw complaint("a frame of the pickle has " + length + " bytes, but " + cursor.remaining() + " remain");
        }
    }

    private String line(String what) throws MalformedFileException {
        long from = cursor.at();
        while (cursor.u8(what) != '\n') {
            if (cursor.at() - from > LONGEST_LINE) {
                throw complaint(what + " is longer than " + LONGEST_LINE + " bytes; the file is damaged");
            }
        }
        long length = cursor.at() - from - 1;
        cursor.moveTo(from);
        String line = cursor.text(length, what);
        cursor.moveTo(from + length + 1);
        return line;
    }

    private void stackGlobal() throws MalformedFileException {
        List<Pickled> names = pop(2);
        if (!(names.get(0) instanceof Text(String module)) || !(names.get(1) instanceof Text(String name))) {
            throw complaint("a name is not text; the file is damaged");
        }
        push(global(module, name));
    }

    /** The only names that a pickle may mention; none of them is looked up. */
    private Pickled global(String module, String name) throws MalformedFileException {
        return switch (module + " " + name) {
            case "collections OrderedDict" -> Name.ORDERED_DICT;
            case "torch._utils _rebuild_tensor_v2" -> Name.REBUILD_TENSOR;
            case "torch._utils _rebuild_parameter" -> Name.REBUILD_PARAMETER;
            case "torch Size" -> Name.SIZE;
            case "torch FloatStorage" -> new StorageName(StorageType.F32);
            case "torch DoubleStorage" -> new StorageName(StorageType.F64);
            case "torch HalfStorage" -> new StorageName(StorageType.F16);
            case "torch BFloat16Storage" -> new StorageName(StorageType.BF16);
            case "torch LongStorage" -> new StorageName(StorageType.I64);
            case "torch IntStorage" -> new StorageName(StorageType.I32);
            case "torch ShortStorage" -> new StorageName(StorageType.I16);
            case "torch CharStorage" -> new StorageName(StorageType.I8);
            case "torch ByteStorage" -> new StorageName(StorageType.U8);
            case "torch BoolStorage" -> new StorageName(StorageType.BOOL);
            default -> throw complaint("the pickle asks for " + Quoted.name(module + "." + name)
                    + ", which is not one of the names that tensors need; it is refused, nothing was run: save"
                    + " model.state_dict() alone");
        };
    }

    private void push(Pickled value) {
        stack.add(value);
    }

    private Pickled pop() throws MalformedFileException {
        int floor = marks.isEmpty() ? 0 : marks.getLast();
        if (stack.size() <= floor) {
            throw complaint("the pickle takes a value from an empty stack; the file is damaged");
        }
        return stack.removeLast();
    }

    private List<Pickled> pop(int count) throws MalformedFileException {
        List<Pickled> values = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            values.add(pop());
        }
        Collections.reverse(values);
        return values;
    }

    private List<Pickled> popToMark() throws MalformedFileException {
        if (marks.isEmpty()) {
            throw complaint("the pickle goes back to a mark that was not set; the file is damaged");
        }
        List<Pickled> above = stack.subList(marks.removeLast(), stack.size());
        List<Pickled> values = List.copyOf(above);
        above.clear();
        return values;
    }

    private Pickled top() throws MalformedFileException {
        Pickled value = pop();
        push(value);
        return value;
    }

    private void remember(long slot) throws MalformedFileException {
        memo.put(slot, top());
    }

    private void recall(long slot) throws MalformedFileException {
        Pickled value = memo.get(slot);
        if (value == null) {
            throw complaint("the pickle recalls memo slot " + slot + ", which was never set; the file is damaged");
        }
        push(value);
    }

    private void append(List<Pickled> values) throws MalformedFileException {
        if (!(top() instanceof Items list)) {
            throw complaint("the pickle appends to what is not a list; the file is damaged");
        }
        list.items.addAll(values);
    }

    private void setItems(List<Pickled> pairs) throws MalformedFileException {
        if (!(top() instanceof Entries map) || pairs.size() % 2 != 0) {
            throw complaint("the pickle sets entries of what is not a map, or half an entry; the file is damaged");
        }
        for (int i = 0; i < pairs.size(); i += 2) {
            map.entries.add(new Entry(pairs.get(i), pairs.get(i + 1)));
        }
    }

    private Whole longNumber(int bytes) throws MalformedFileException {
        byte[] number = new byte[bytes];
        for (int i = bytes - 1; i >= 0; i--) {
            number[i] = (byte) cursor.u8("a number");
        }
        return new Whole(bytes == 0 ? BigInteger.ZERO : new BigInteger(number));
    }

    private Storage storage(Pickled id) throws MalformedFileException {
        boolean fits = id instanceof Tuple(List<Pickled> items) && (items.size() == 5 || items.size() == 6)
                && items.getFirst().equals(new Text("storage"));
        List<Pickled> items = fits ? ((Tuple) id).items() : List.of();
        if (!fits || !(items.get(1) instanceof StorageName(StorageType type))
                || !(items.get(2) instanceof Text(String key))) {
            throw complaint("the pickle refers to something that is not a storage of tensors; it is damaged");
        }
        if (items.size() == 6 && !(items.get(5) instanceof Nothing)) {
            throw complaint("storage " + Quoted.name(key) + " is part of another one, which PyTorch no longer writes;"
                    + " save the model again with torch.save");
        }
        long elements = number(items.get(4), "the number of elements of storage " + Quoted.name(key));
        Storage storage = new Storage(key, type, elements);
        storages.mentioned(storage);
        return storage;
    }

    private long number(Pickled value, String what) throws MalformedFileException {
        if (!(value instanceof Whole(BigInteger number)) || number.signum() < 0 || number.bitLength() > 63) {
            throw complaint(what + " is not a number of 0 or more that 64 bits hold; the file is damaged");
        }
        return number.longValue();
    }

    private void reduce() throws MalformedFileException {
        Pickled arguments = pop();
        Pickled callable = pop();
        if (!(arguments instanceof Tuple(List<Pickled> given)) || !(callable instanceof Name name)) {
            throw complaint("the pickle calls something that cannot be called; it is refused, nothing was run");
        }
        push(switch (name) {
            case ORDERED_DICT -> emptyMap(given);
            case REBUILD_TENSOR -> view(given);
            case REBUILD_PARAMETER -> parameter(given);
            case SIZE -> size(given);
        });
    }

    private Entries emptyMap(List<Pickled> given) throws MalformedFileException {
        if (!given.isEmpty()) {
            throw complaint("a map is made with " + given.size() + " arguments, expected none");
        }
        return new Entries(true);
    }

    private View view(List<Pickled> given) throws MalformedFileException {
        if (given.size() < 6 || given.size() > 7 || !(given.get(0) instanceof Storage storage)) {
            throw complaint("a tensor is made with " + given.size() + " arguments, expected a storage and 5 or 6 more");
        }
        long offset = number(given.get(1), "the offset of a tensor");
        List<Long> shape = numbers(given.get(2), "the shape of a tensor");
        List<Long> strides = numbers(given.get(3), "the strides of a tensor");
        if (shape.size() != strides.size()) {
            throw complaint("a tensor has " + shape.size() + " axes but " + strides.size() + " strides");
        }
        return new View(storage, offset, shape, strides);
    }

    private List<Long> numbers(Pickled values, String what) throws MalformedFileException {
        if (!(values instanceof Tuple(List<Pickled> items)) || items.size() > HIGHEST_RANK) {
            throw complaint(what + " is not a tuple of at most " + HIGHEST_RANK + " numbers");
        }
        List<Long> numbers = new ArrayList<>(items.size());
        for (Pickled item : items) {
            numbers.add(number(item, what));
        }
        return numbers;
    }

    private View parameter(List<Pickled> given) throws MalformedFileException {
        if (given.size() != 3 || !(given.getFirst() instanceof View view)) {
            throw complaint("a parameter is made with " + given.size() + " arguments, expected a tensor and 2 more");
        }
        return view;
    }

    private Tuple size(List<Pickled> given) throws MalformedFileException {
        if (given.size() != 1 || !(given.getFirst() instanceof Tuple sizes)) {
            throw complaint("a size is made with " + given.size() + " arguments, expected one tuple");
        }
        return sizes;
    }

    /** Attributes of an OrderedDict say nothing about tensors; nothing else may be given any. */
    private void build() throws MalformedFileException {
        pop();
        if (!(top() instanceof Entries map) || !map.ordered) {
            throw complaint("the pickle gives attributes to what is not an OrderedDict; it is refused");
        }
    }

    private MalformedFileException complaint(String what) {
        return cursor.complaintAt(at, what);
    }
}
