package tern.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;

import tern.checkpoint.mapped.Quoted;

/**
 * The description at the beginning of a safetensors file, read and checked: the tensors lie one behind the other and fill
 * the file exactly. Whatever the bytes, reading ends with a header or a {@link MalformedFileException}, and takes memory in
 * proportion to the bytes that are there.
 *
 * @param metadata text beside the tensors, in the order of the file
 * @param tensors in the order of their data
 */
record SafetensorsHeader(Map<String, String> metadata, List<StoredTensor> tensors) {
    static final String METADATA = "__metadata__";
    static final long LONGEST = Json.LARGEST;
    static final int LENGTH_BYTES = 8;

    private static final int HIGHEST_RANK = 64;

    SafetensorsHeader {
        metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
        tensors = List.copyOf(tensors);
    }

    /**
     * Reads a header.
     *
     * @param file for messages
     * @param bytes the JSON text
     * @param dataBytes number of bytes behind it
     */
    static SafetensorsHeader read(Path file, MemorySegment bytes, long dataBytes) throws MalformedFileException {
        if (bytes.byteSize() == 0 || bytes.get(ValueLayout.JAVA_BYTE, 0) != '{') {
            throw new MalformedFileException(
                    file + ": the header does not begin with '{'; this is not a safetensors file");
        }
        Reading reading = new Reading(file, LENGTH_BYTES + bytes.byteSize());
        try (JsonParser json = Json.STREAMING.createParser(ObjectReadContext.empty(), Json.reader(bytes))) {
            reading.header(json);
        } catch (JacksonException bad) {
            throw new MalformedFileException(file + ": the header " + Json.complaint(bad), bad);
        }
        List<StoredTensor> tensors = reading.tensors;
        tensors.sort(Comparator.comparingLong(StoredTensor::offset).thenComparingLong(StoredTensor::bytes));
        reading.checkTiling(dataBytes);
        return new SafetensorsHeader(reading.metadata, tensors);
    }

    private static final class Reading {
        private final Path file;
        private final long dataStart;
        private final Map<String, String> metadata = new LinkedHashMap<>();
        private final List<StoredTensor> tensors = new ArrayList<>();

        Reading(Path file, long dataStart) {
            this.file = file;
            this.dataStart = dataStart;
        }

        void header(JsonParser json) throws MalformedFileException {
            json.nextToken();
            while (json.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = checkedText(json.currentName());
                if (name.equals(METADATA)) {
                    readMetadata(json);
                } else {
                    readTensor(json, name);
                }
            }
            if (json.nextToken() != null) {
                throw new MalformedFileException(file + ": the header goes on behind its end");
            }
        }

        private void readMetadata(JsonParser json) throws MalformedFileException {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw new MalformedFileException(
                        file + ": " + METADATA + " is " + found(json) + ", expected an object");
            }
            while (json.nextToken() == JsonToken.PROPERTY_NAME) {
                String key = checkedText(json.currentName());
                if (json.nextToken() != JsonToken.VALUE_STRING) {
                    throw new MalformedFileException(
                            file + ": " + METADATA + ": " + Quoted.name(key) + " is " + found(json)
                                    + ", expected text");
                }
                metadata.put(key, checkedText(json.getString()));
            }
        }

        private void readTensor(JsonParser json, String name) throws MalformedFileException {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw complaint(name, "is " + found(json) + ", expected an object");
            }
            Optional<StorageType> type = Optional.empty();
            Optional<List<Long>> shape = Optional.empty();
            Optional<List<Long>> offsets = Optional.empty();
            while (json.nextToken() == JsonToken.PROPERTY_NAME) {
                String key = json.currentName();
                json.nextToken();
                switch (key) {
                    case "dtype" -> type = Optional.of(type(json, name));
                    case "shape" -> shape = Optional.of(numbers(json, name, "shape", HIGHEST_RANK));
                    case "data_offsets" -> offsets = Optional.of(numbers(json, name, "data_offsets", 2));
                    default -> throw complaint(name, "has the unknown member " + Quoted.name(key)
                            + ", expected dtype, shape and data_offsets");
                }
            }
            if (type.isEmpty() || shape.isEmpty() || offsets.isEmpty()) {
                throw complaint(name,
                        "lacks " + (type.isEmpty() ? "dtype" : shape.isEmpty() ? "shape" : "data_offsets"));
            }
            if (offsets.get().size() != 2) {
                throw complaint(name, "data_offsets has " + offsets.get().size() + " numbers, expected 2");
            }
            long begin = offsets.get().getFirst();
            long end = offsets.get().getLast();
            if (begin > end) {
                throw complaint(name, "data_offsets begin at " + begin + " and end before that, at " + end);
            }
            long bytes = bytes(name, type.get(), shape.get());
            if (end - begin != bytes) {
                throw complaint(name,
                        type.get() + "" + shape.get() + " takes " + bytes + " bytes, but data_offsets [" + begin
                                + ", " + end + "] hold " + (end - begin));
            }
            if (begin > Long.MAX_VALUE - dataStart) {
                throw complaint(name, "data_offsets begin at " + begin + ", beyond any file");
            }
            tensors.add(new StoredTensor(name, type.get(), shape.get(), dataStart + begin, bytes));
        }

        private StorageType type(JsonParser json, String name) throws MalformedFileException {
            if (json.currentToken() != JsonToken.VALUE_STRING) {
                throw complaint(name, "dtype is " + found(json) + ", expected text");
            }
            String type = json.getString();
            return StorageType.inSafetensors(type).orElseThrow(() -> complaint(name, "dtype " + Quoted.name(type)
                    + " is unknown, expected one such as F32, BF16 or I64"));
        }

        private List<Long> numbers(JsonParser json, String name, String member, int most)
                throws MalformedFileException {
            if (json.currentToken() != JsonToken.START_ARRAY) {
                throw complaint(name, member + " is " + found(json) + ", expected a list of whole numbers");
            }
            List<Long> numbers = new ArrayList<>();
            while (json.nextToken() != JsonToken.END_ARRAY) {
                boolean whole = json.currentToken() == JsonToken.VALUE_NUMBER_INT && !json.getString().startsWith("-");
                if (!whole) {
                    throw complaint(name, member + " holds " + found(json) + ", expected whole numbers of 0 or more");
                }
                if (json.getNumberType() == JsonParser.NumberType.BIG_INTEGER) {
                    throw complaint(name, member + " holds " + json.getString() + ", beyond any file");
                }
                if (numbers.size() == most) {
                    throw complaint(name, member + " holds more than " + most + " numbers");
                }
                numbers.add(json.getLongValue());
            }
            return numbers;
        }

        private long bytes(String name, StorageType type, List<Long> shape) throws MalformedFileException {
            try {
                long elements = 1;
                for (long length : shape) {
                    elements = Math.multiplyExact(elements, length);
                }
                if (elements % type.blockLength() != 0) {
                    throw complaint(name, type + "" + shape + " does not fill whole bytes");
                }
                return Math.multiplyExact(elements / type.blockLength(), (long) type.blockBytes());
            } catch (ArithmeticException overflow) {
                throw (MalformedFileException) complaint(name,
                        "the number of elements in " + shape + " overflows 64 bits")
                        .initCause(overflow);
            }
        }

        /** The tensors, sorted, must begin at 0, follow one another, and end with the file. */
        void checkTiling(long dataBytes) throws MalformedFileException {
            long at = 0;
            String before = "";
            for (StoredTensor tensor : tensors) {
                long begin = tensor.offset() - dataStart;
                if (begin != at) {
                    throw complaint(tensor.name(), "begins at data byte " + begin + (before.isEmpty() ? ", expected 0"
                            : ", but the tensor before it, " + Quoted.name(before) + ", ends at " + at)
                            + (begin < at
                                    ? ": they overlap"
                                    : ": a hole"));
                }
                at = begin + tensor.bytes();
                if (at > dataBytes) {
                    throw complaint(tensor.name(), "ends at data byte " + at + ", but the file holds only " + dataBytes
                            + " bytes of data; it is truncated, get it again");
                }
                before = tensor.name();
            }
            if (at != dataBytes) {
                throw new MalformedFileException(
                        file + ": " + (dataBytes - at) + " bytes follow the last tensor, expected"
                                + " none; the file is damaged or its header belongs to another one");
            }
        }

        private MalformedFileException complaint(String name, String what) {
            return new MalformedFileException(file + ": tensor " + Quoted.name(name) + ": " + what);
        }

        /** Half a surrogate pair cannot be written in UTF-8. */
        private String checkedText(String text) throws MalformedFileException {
            for (int i = 0; i < text.length(); i++) {
                if (Character.isHighSurrogate(text.charAt(i)) && i + 1 < text.length()
                        && Character.isLowSurrogate(text.charAt(i + 1))) {
                    i++;
                } else if (Character.isSurrogate(text.charAt(i))) {
                    throw new MalformedFileException(file + ": the header holds text that is not Unicode");
                }
            }
            return text;
        }

        private static String found(JsonParser json) {
            JsonToken token = json.currentToken();
            if (token == null) {
                return "nothing";
            }
            return switch (token) {
                case START_OBJECT -> "an object";
                case START_ARRAY -> "a list";
                case VALUE_STRING -> "text";
                case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> json.getString();
                default -> String.valueOf(token.asString());
            };
        }
    }
}
