package tern.host.chat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Filters, methods of strings and mappings, and functions. Stateless. */
final class Calls {
    private static final int LONGEST_RANGE = 10_000;

    private Calls() {
    }

    static Object filter(String name, Object value, List<Object> arguments) {
        return switch (name) {
            case "trim" -> Values.text(value).strip();
            case "length", "count" ->
                (long) (value instanceof String text ? text.length() : value instanceof Map<?, ?> map
                        ? map.size() : Values.list(value).size());
            case "upper" -> Values.text(value).toUpperCase(Locale.ROOT);
            case "lower" -> Values.text(value).toLowerCase(Locale.ROOT);
            case "capitalize" -> capitalized(Values.text(value));
            case "string" -> Values.text(value);
            case "safe", "list" -> name.equals("safe") ? value : new ArrayList<>(Values.list(value));
            case "int" -> value instanceof Number number ? number.longValue()
                    : Values.text(value).matches("-?[0-9]{1,18}") ? Long.parseLong(Values.text(value)) : 0L;
            case "tojson" -> Values.json(value);
            case "join" ->
                Values.joined(Values.list(value), arguments.isEmpty() ? "" : Values.text(arguments.getFirst()));
            case "first" -> Values.list(value).isEmpty() ? Values.UNDEFINED : Values.list(value).getFirst();
            case "last" -> Values.list(value).isEmpty() ? Values.UNDEFINED : Values.list(value).getLast();
            case "reverse" -> Values.slice(value, Values.NONE, Values.NONE, -1L);
            case "items" -> items(value);
            case "replace" -> method(value, "replace", arguments);
            case "default", "d" -> {
                boolean empty = value == Values.UNDEFINED
                        || arguments.size() > 1 && Values.truth(arguments.get(1)) && !Values.truth(value);
                yield empty ? argument("default", arguments, 0) : value;
            }
            default -> throw new TemplateException("the filter \"" + name + "\" is not one of those offered");
        };
    }

    private static String capitalized(String text) {
        return text.isEmpty() ? text
                : text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1).toLowerCase(Locale.ROOT);
    }

    private static Object argument(String name, List<Object> arguments, int index) {
        if (index >= arguments.size()) {
            throw new TemplateException(name + " takes more arguments than it was given");
        }
        return arguments.get(index);
    }

    private static List<Object> items(Object value) {
        if (!(value instanceof Map<?, ?> map)) {
            throw new TemplateException("items() belongs to mappings, found " + Values.kind(value));
        }
        List<Object> items = new ArrayList<>();
        map.forEach((key, each) -> items.add(List.of(key, each)));
        return items;
    }

    static Object method(Object of, String name, List<Object> arguments) {
        if (of instanceof Map<?, ?> map) {
            return switch (name) {
                case "items" -> items(of);
                case "keys" -> new ArrayList<Object>(map.keySet());
                case "values" -> new ArrayList<Object>(map.values());
                case "get" -> {
                    Object found = map.get(argument(name, arguments, 0));
                    yield found != null ? found : arguments.size() > 1 ? arguments.get(1) : Values.NONE;
                }
                default -> throw unknown(name);
            };
        }
        if (!(of instanceof String text)) {
            throw new TemplateException("\"" + name + "\" was called on " + Values.kind(of));
        }
        String first = arguments.isEmpty() ? "" : Values.text(arguments.getFirst());
        return switch (name) {
            case "strip" -> Values.strip(text, first, true, true);
            case "lstrip" -> Values.strip(text, first, true, false);
            case "rstrip" -> Values.strip(text, first, false, true);
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "capitalize" -> capitalized(text);
            case "title" -> capitalized(text);
            case "startswith" -> text.startsWith(Values.text(argument(name, arguments, 0)));
            case "endswith" -> text.endsWith(Values.text(argument(name, arguments, 0)));
            case "replace" -> text.replace(first, Values.text(argument(name, arguments, 1)));
            case "split" -> split(text, first);
            default -> throw unknown(name);
        };
    }

    private static List<Object> split(String text, String at) {
        return at.isEmpty() ? new ArrayList<>(Arrays.asList((Object[]) text.strip().split("\\s+")))
                : new ArrayList<>(Arrays.asList((Object[]) text.split(java.util.regex.Pattern.quote(at), -1)));
    }

    private static TemplateException unknown(String name) {
        return new TemplateException("\"" + name + "()\" is not one of those offered");
    }

    static Object function(String name, List<Object> arguments, Map<String, Object> named) {
        return switch (name) {
            case "raise_exception" -> throw new TemplateException(Values.text(argument(name, arguments, 0)));
            case "namespace", "dict" -> new LinkedHashMap<>(named);
            case "range" -> range(arguments);
            case "strftime_now" -> "";
            default -> throw unknown(name);
        };
    }

    private static List<Object> range(List<Object> arguments) {
        long from = arguments.size() > 1 ? (Long) arguments.get(0) : 0;
        long to = (Long) argument("range", arguments, arguments.size() > 1 ? 1 : 0);
        if (to - from > LONGEST_RANGE) {
            throw new TemplateException("range: more than " + LONGEST_RANGE + " numbers");
        }
        List<Object> numbers = new ArrayList<>();
        for (long i = from; i < to; i++) {
            numbers.add(i);
        }
        return numbers;
    }
}
