package tern.checkpoint;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

import tern.checkpoint.mapped.Quoted;
import tern.mixers.MixerCatalog;
import tern.mixers.NearestName;
import tern.sequence.MixerConfig;

/**
 * Records as JSON and back, strictly: every component by its name, nothing else, and the record's own check has the last
 * word. Components may be numbers, booleans, text, enums, records, mixer configs (told apart by their "kind"), optionals,
 * lists and maps of these. Every complaint is an {@link IllegalArgumentException} that names the place, such as
 * {@code branches[2].filter.features}. Stateless; safe for use by several threads.
 */
public final class RecordJson {
    private static final String KIND = "kind";
    private static final String NOTHING = "null";

    private RecordJson() {
    }

    /** A record as indented JSON; the same record always makes the same text. */
    public static String write(Record value) {
        return tree(value).toPrettyString();
    }

    /** A record as JSON on one line. */
    public static String line(Record value) {
        return tree(value).toString();
    }

    /**
     * The record that a JSON text describes.
     *
     * @param where what the text is called in messages, such as a file's name
     * @throws IllegalArgumentException if the text is not JSON, has a key that is unknown (the nearest known one is named),
     *             lacks one, or if the record refuses a value
     */
    public static <R extends Record> R read(Class<R> type, String json, String where) {
        return read(type, parse(json, where), where);
    }

    static <R extends Record> R read(Class<R> type, JsonNode tree, String where) {
        return type.cast(new Reader(where).value(type, tree, ""));
    }

    /** A tree of a text, which must be one JSON object. */
    static JsonNode parse(String json, String where) {
        JsonNode tree;
        try {
            tree = Json.TREES.readTree(json);
        } catch (JacksonException bad) {
            throw new IllegalArgumentException(where + " " + Quoted.oneLine(Json.complaint(bad)), bad);
        }
        if (!tree.isObject()) {
            throw new IllegalArgumentException(where + " is not a JSON object");
        }
        return tree;
    }

    /**
     * A record with some values changed.
     *
     * @param settings {@code key=value} each; dots lead into inner records, numbers into lists, {@code *} to all entries of
     *            a list that know the key: {@code width=128}, {@code branches.0.heads=4}, {@code branches.*.filter.width=16}.
     *            Values are words or JSON; {@code null} takes away what may be absent. What two settings say together counts,
     *            in whatever order they stand
     * @throws IllegalArgumentException if a key is unknown (the nearest known one is named) or a value impossible; names
     *             the setting
     */
    public static <R extends Record> R with(R record, List<String> settings) {
        @SuppressWarnings("unchecked")
        Class<R> type = (Class<R>) record.getClass();
        R changed = record;
        ObjectNode tree = tree(record);
        List<Refused> refused = new ArrayList<>();
        for (String setting : settings) {
            int equals = setting.indexOf('=');
            if (equals < 1) {
                throw new IllegalArgumentException("setting \"" + setting + "\" is not understood, expected key=value");
            }
            String key = setting.substring(0, equals).strip();
            String value = setting.substring(equals + 1).strip();
            String where = "setting " + key + "=" + value;
            List<String> path = List.of(key.split("\\.", -1));
            if (set(type, tree, path, value, where, false) == 0) {
                throw new IllegalArgumentException(where + ": no entry has this key" + nearest(tree, path));
            }
            try {
                changed = read(type, tree, where);
                tree = tree(changed);
                refused.clear();
            } catch (IllegalArgumentException impossible) {
                refused.add(new Refused(where, impossible));
            }
        }
        if (!refused.isEmpty()) {
            String left = refused.getLast().complaint();
            throw refused.stream().filter(one -> one.complaint().equals(left)).findFirst().orElseThrow().why;
        }
        return changed;
    }

    /** A setting that makes no record of what it changes: a later one may. */
    private record Refused(String setting, IllegalArgumentException why) {
        String complaint() {
            return String.valueOf(why.getMessage()).substring(setting.length());
        }
    }

    /** The key of any entry that the last part of a path was meant to be. */
    private static String nearest(JsonNode tree, List<String> path) {
        Set<String> keys = new LinkedHashSet<>();
        collect(tree.path(path.getFirst()), keys);
        if (keys.contains(path.getLast())) {
            return ", it lies deeper; did you mean \"" + path.getFirst() + "."
                    + within(tree.path(path.getFirst()), path.getLast()).orElseThrow() + "\"?";
        }
        return NearestName.of(path.getLast(), keys).map(key -> "; did you mean \"" + key + "\"?")
                .orElse("; known are " + String.join(", ", keys));
    }

    /** The path to the first of what is called so, {@code *} for every entry of a list. */
    private static Optional<String> within(JsonNode node, String key) {
        if (node.has(key)) {
            return Optional.of(key);
        }
        if (node.isArray()) {
            return node.values().stream().map(inner -> within(inner, key)).flatMap(Optional::stream).findFirst()
                    .map(found -> "*." + found);
        }
        return node.properties().stream()
                .map(inner -> within(inner.getValue(), key).map(found -> inner.getKey() + "." + found))
                .flatMap(Optional::stream).findFirst();
    }

    private static void collect(JsonNode node, Set<String> keys) {
        node.propertyNames().stream().filter(key -> !key.equals(KIND)).forEach(keys::add);
        node.values().forEach(inner -> collect(inner, keys));
    }

    /** Whether a record has a component of this name, the first part of a setting's key. */
    public static boolean knows(Class<? extends Record> type, String key) {
        String first = key.split("[.=]", 2)[0];
        return Arrays.stream(type.getRecordComponents()).anyMatch(component -> component.getName().equals(first));
    }

    /** Sets one value below a node; gives back how many entries it was set in. */
    private static int set(Type type, JsonNode node, List<String> path, String value, String where, boolean optional) {
        String key = path.getFirst();
        List<String> rest = path.subList(1, path.size());
        if (node instanceof ArrayNode list) {
            return setInList(elementType(type), list, key, rest, value, where);
        }
        if (!(node instanceof ObjectNode object)) {
            throw new IllegalArgumentException(
                    where + ": there is nothing called \"" + key + "\" inside a single value");
        }
        Type inner;
        if (rawType(type) == Map.class) {
            inner = ((ParameterizedType) type).getActualTypeArguments()[1];
        } else {
            Class<?> record = recordType(rawType(type), object, where);
            Optional<RecordComponent> component = Arrays.stream(record.getRecordComponents())
                    .filter(one -> one.getName().equals(key)).findFirst();
            if (component.isEmpty() && key.equals(KIND) && MixerConfig.class.isAssignableFrom(record)) {
                throw new IllegalArgumentException(where + ": of another kind everything else is other, too; set the"
                        + " whole, such as …={\"kind\":\"" + value + "\", …}");
            }
            if (component.isEmpty() && optional) {
                return 0;
            }
            inner = component.orElseThrow(() -> new IllegalArgumentException(where + ": unknown key \"" + key + "\"; "
                    + NearestName.advice(key, names(record)))).getGenericType();
        }
        if (rest.isEmpty() && rawType(inner) == Optional.class && value.equals(NOTHING)) {
            object.remove(key);
            return 1;
        }
        if (rest.isEmpty()) {
            object.set(key, word(inner, value));
            return 1;
        }
        JsonNode next = object.get(key);
        if (next == null) {
            throw new IllegalArgumentException(where + ": " + key + " is absent; set it as a whole"
                    + example(inner).map(whole -> ", " + key + "=" + whole).orElse(""));
        }
        return set(inner, next, rest, value, where, false);
    }

    /** How an absent record is written, with dots for its values. */
    private static Optional<String> example(Type type) {
        Class<?> raw = rawType(type);
        if (raw == Optional.class) {
            return example(((ParameterizedType) type).getActualTypeArguments()[0]);
        }
        return raw.isRecord() ? Optional.of(names(raw).stream().map(name -> "\"" + name + "\":…")
                .collect(Collectors.joining(",", "{", "}"))) : Optional.empty();
    }

    private static int setInList(Type element, ArrayNode list, String key, List<String> rest, String value,
            String where) {
        if (key.equals("*")) {
            int count = 0;
            for (int i = 0; i < list.size(); i++) {
                if (rest.isEmpty()) {
                    list.set(i, word(element, value));
                    count++;
                } else {
                    count += set(element, list.get(i), rest, value, where, true);
                }
            }
            return count;
        }
        int index;
        try {
            index = Integer.parseInt(key);
        } catch (NumberFormatException notANumber) {
            throw new IllegalArgumentException(where + ": \"" + key + "\" is not an entry of a list, expected 0 to "
                    + (list.size() - 1) + " or *", notANumber);
        }
        if (index < 0 || index >= list.size()) {
            throw new IllegalArgumentException(
                    where + ": there is no entry " + index + ", expected 0 to " + (list.size() - 1)
                            + " or *");
        }
        if (rest.isEmpty()) {
            list.set(index, word(element, value));
            return 1;
        }
        return set(element, list.get(index), rest, value, where, false);
    }

    /** A value as users write it: JSON where it is, else a word. */
    private static JsonNode word(Type type, String value) {
        Class<?> raw = rawType(type);
        if (raw == Optional.class) {
            return word(((ParameterizedType) type).getActualTypeArguments()[0], value);
        }
        if (raw == String.class || raw.isEnum()) {
            return JsonNodeFactory.instance.stringNode(value);
        }
        try {
            return Json.TREES.readTree(value);
        } catch (JacksonException notJson) {
            return JsonNodeFactory.instance.stringNode(value);
        }
    }

    static ObjectNode tree(Record value) {
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        if (value instanceof MixerConfig mixer) {
            object.put(KIND, MixerCatalog.kind(mixer));
        }
        for (RecordComponent component : value.getClass().getRecordComponents()) {
            Object part = get(component, value);
            if (!(part instanceof Optional<?> optional)) {
                object.set(component.getName(), node(part));
            } else if (optional.isPresent()) {
                object.set(component.getName(), node(optional.get()));
            }
        }
        return object;
    }

    private static JsonNode node(Object value) {
        JsonNodeFactory nodes = JsonNodeFactory.instance;
        return switch (value) {
            case Record record -> tree(record);
            case Integer number -> nodes.numberNode(number);
            case Long number -> nodes.numberNode(number);
            case Float number -> nodes.numberNode(finite(number));
            case Double number -> nodes.numberNode(finite(number));
            case Boolean truth -> nodes.booleanNode(truth);
            case String text -> nodes.stringNode(text);
            case Enum<?> constant -> nodes.stringNode(word(constant));
            case List<?> list -> {
                ArrayNode array = nodes.arrayNode();
                list.forEach(element -> array.add(node(element)));
                yield array;
            }
            case Map<?, ?> map -> {
                ObjectNode object = nodes.objectNode();
                map.forEach((key, element) -> object.set((String) key, node(element)));
                yield object;
            }
            default -> throw new IllegalArgumentException(value.getClass().getName() + " cannot be written as JSON");
        };
    }

    private static <N extends Number> N finite(N number) {
        if (!Double.isFinite(number.doubleValue())) {
            throw new IllegalArgumentException(number + " cannot be written as JSON");
        }
        return number;
    }

    private static String word(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    private static Object get(RecordComponent component, Record value) {
        try {
            return component.getAccessor().invoke(value);
        } catch (ReflectiveOperationException hidden) {
            throw new IllegalArgumentException(
                    value.getClass().getName() + " must be a public record in an exported package",
                    hidden);
        }
    }

    private static Class<?> rawType(Type type) {
        return (Class<?>) (type instanceof ParameterizedType parameterized ? parameterized.getRawType() : type);
    }

    private static Type elementType(Type list) {
        return ((ParameterizedType) list).getActualTypeArguments()[0];
    }

    private static List<String> names(Class<?> record) {
        List<String> names = new ArrayList<>();
        if (MixerConfig.class.isAssignableFrom(record)) {
            names.add(KIND);
        }
        Arrays.stream(record.getRecordComponents()).map(RecordComponent::getName).forEach(names::add);
        return names;
    }

    /** The record that an object stands for: the declared one, or the kind of mixer that it names. */
    private static Class<?> recordType(Class<?> declared, ObjectNode object, String place) {
        if (declared != MixerConfig.class) {
            return declared;
        }
        JsonNode kind = object.get(KIND);
        if (kind == null || !kind.isString()) {
            throw new IllegalArgumentException(place + ": \"" + KIND + "\" is missing, expected one of "
                    + MixerCatalog.kinds());
        }
        try {
            return MixerCatalog.config(kind.asString());
        } catch (IllegalArgumentException unknown) {
            throw new IllegalArgumentException(place + ": " + Quoted.oneLine(String.valueOf(unknown.getMessage())),
                    unknown);
        }
    }

    private record Reader(String where) {

        Object value(Type type, JsonNode node, String path) {
            Class<?> raw = rawType(type);
            if (raw == int.class || raw == Integer.class) {
                require(node.isIntegralNumber() && node.canConvertToInt(), node, path, "a whole number");
                return node.intValue();
            }
            if (raw == long.class || raw == Long.class) {
                require(node.isIntegralNumber() && node.canConvertToLong(), node, path, "a whole number");
                return node.longValue();
            }
            if (raw == double.class || raw == Double.class) {
                require(node.isNumber() && Double.isFinite(node.doubleValue()), node, path, "a number");
                return node.doubleValue();
            }
            if (raw == float.class || raw == Float.class) {
                require(node.isNumber() && Float.isFinite(node.floatValue()), node, path, "a number");
                return node.floatValue();
            }
            if (raw == boolean.class || raw == Boolean.class) {
                require(node.isBoolean(), node, path, "true or false");
                return node.booleanValue();
            }
            if (raw == String.class) {
                require(node.isString(), node, path, "text");
                return node.stringValue();
            }
            if (raw.isEnum()) {
                return constant(raw, node, path);
            }
            if (raw == List.class) {
                return list(elementType(type), node, path);
            }
            if (raw == Map.class) {
                return map(((ParameterizedType) type).getActualTypeArguments()[1], node, path);
            }
            if (raw == Optional.class) {
                return Optional.of(value(elementType(type), node, path));
            }
            return record(raw, node, path);
        }

        private Object constant(Class<?> type, JsonNode node, String path) {
            List<String> words = Arrays.stream(type.getEnumConstants()).map(constant -> word((Enum<?>) constant))
                    .toList();
            require(node.isString(), node, path, "one of " + words);
            String found = node.stringValue().toLowerCase(Locale.ROOT);
            int index = words.indexOf(found);
            if (index < 0) {
                throw complaint(path, "unknown value " + Quoted.name(node.stringValue()) + "; "
                        + NearestName.advice(found, words));
            }
            return type.getEnumConstants()[index];
        }

        private List<Object> list(Type element, JsonNode node, String path) {
            require(node.isArray(), node, path, "a list");
            List<Object> list = new ArrayList<>();
            for (int i = 0; i < node.size(); i++) {
                list.add(value(element, node.get(i), path + "[" + i + "]"));
            }
            return list;
        }

        private Map<String, Object> map(Type element, JsonNode node, String path) {
            require(node.isObject(), node, path, "an object");
            Map<String, Object> map = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> entry : node.properties()) {
                map.put(entry.getKey(), value(element, entry.getValue(), inside(path, entry.getKey())));
            }
            return map;
        }

        private Object record(Class<?> declared, JsonNode node, String path) {
            if (!(node instanceof ObjectNode object)) {
                throw complaint(path, "expected an object, found " + shown(node));
            }
            Class<?> type = recordType(declared, object, place(path));
            List<String> names = names(type);
            for (String key : object.propertyNames()) {
                if (!names.contains(key)) {
                    throw complaint(path, "unknown key " + Quoted.name(key) + "; " + NearestName.advice(key, names));
                }
            }
            RecordComponent[] components = type.getRecordComponents();
            Object[] values = new Object[components.length];
            for (int i = 0; i < values.length; i++) {
                JsonNode part = object.get(components[i].getName());
                if (part != null) {
                    values[i] = value(components[i].getGenericType(), part, inside(path, components[i].getName()));
                } else if (components[i].getType() == Optional.class) {
                    values[i] = Optional.empty();
                } else {
                    throw complaint(path, "\"" + components[i].getName() + "\" is missing");
                }
            }
            return build(type, components, values, path);
        }

        private Object build(Class<?> type, RecordComponent[] components, @Nullable Object[] values, String path) {
            Class<?>[] types = Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
            try {
                Constructor<?> constructor = type.getConstructor(types);
                return constructor.newInstance(values);
            } catch (InvocationTargetException refused) {
                if (refused.getCause() instanceof IllegalArgumentException told) {
                    throw new IllegalArgumentException(place(path) + ": " + told.getMessage(), told);
                }
                throw new IllegalStateException(type.getName() + " failed to check itself", refused);
            } catch (ReflectiveOperationException hidden) {
                throw new IllegalArgumentException(type.getName() + " must be a public record in an exported package",
                        hidden);
            }
        }

        private void require(boolean fits, JsonNode node, String path, String expected) {
            if (!fits) {
                throw complaint(path, "expected " + expected + ", found " + shown(node));
            }
        }

        private static String shown(JsonNode node) {
            String text = node.isString() ? Quoted.name(node.stringValue()) : Quoted.oneLine(node.toString());
            return text.length() > 60 ? text.substring(0, 60) + "…" : text;
        }

        private static String inside(String path, String key) {
            return path.isEmpty() ? key : path + "." + key;
        }

        private String place(String path) {
            return path.isEmpty() ? where : where + ": " + path;
        }

        private IllegalArgumentException complaint(String path, String what) {
            return new IllegalArgumentException(place(path) + ": " + what);
        }
    }
}
