package tern.host.chat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

import tools.jackson.databind.json.JsonMapper;

/** What values are and do. Stateless. */
final class Values {
    /** Python's None. */
    static final Object NONE = new Object() {
        @Override
        public String toString() {
            return "None";
        }
    };
    /** What a name stands for that nobody set. */
    static final Object UNDEFINED = new Object() {
        @Override
        public String toString() {
            return "";
        }
    };
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private Values() {
    }

    static boolean truth(Object value) {
        return switch (value) {
            case Boolean flag -> flag;
            case String text -> !text.isEmpty();
            case Long number -> number != 0;
            case Double number -> number != 0;
            case List<?> list -> !list.isEmpty();
            case Map<?, ?> map -> !map.isEmpty();
            default -> value != NONE && value != UNDEFINED;
        };
    }

    static String text(Object value) {
        return switch (value) {
            case Boolean flag -> flag ? "True" : "False";
            default -> value.toString();
        };
    }

    static boolean same(Object a, Object b) {
        if (a instanceof Number left && b instanceof Number right) {
            return left.doubleValue() == right.doubleValue();
        }
        return Objects.equals(a, b);
    }

    static int compare(Object a, Object b) {
        if (a instanceof Number left && b instanceof Number right) {
            return Double.compare(left.doubleValue(), right.doubleValue());
        }
        if (a instanceof String left && b instanceof String right) {
            return left.compareTo(right);
        }
        throw new TemplateException("two values of different kinds cannot be compared");
    }

    static boolean contains(Object whole, Object part) {
        return switch (whole) {
            case String text -> text.contains(text(part));
            case List<?> list -> list.stream().anyMatch(each -> same(each, part));
            case Map<?, ?> map -> map.containsKey(part);
            default -> false;
        };
    }

    static Object add(Object a, Object b) {
        if (a instanceof Long left && b instanceof Long right) {
            return left + right;
        }
        if (a instanceof Number left && b instanceof Number right) {
            return left.doubleValue() + right.doubleValue();
        }
        if (a instanceof List<?> left && b instanceof List<?> right) {
            List<Object> both = new ArrayList<>(left);
            both.addAll(right);
            return both;
        }
        if (a instanceof String left && b instanceof String right) {
            return left + right;
        }
        throw new TemplateException("these two values cannot be added: " + kind(a) + " and " + kind(b));
    }

    static Object arithmetic(String sign, Object a, Object b) {
        if (a instanceof Long left && b instanceof Long right && !sign.equals("/")) {
            if (right == 0 && !sign.equals("*") && !sign.equals("-")) {
                throw new TemplateException("a number is divided by 0");
            }
            return switch (sign) {
                case "-" -> left - right;
                case "*" -> left * right;
                case "//" -> Math.floorDiv(left, right);
                default -> Math.floorMod(left, right);
            };
        }
        if (a instanceof Number left && b instanceof Number right) {
            double x = left.doubleValue();
            double y = right.doubleValue();
            return switch (sign) {
                case "-" -> x - y;
                case "*" -> x * y;
                case "/" -> x / y;
                case "//" -> Math.floor(x / y);
                default -> x - y * Math.floor(x / y);
            };
        }
        throw new TemplateException("\"" + sign + "\" takes numbers, found " + kind(a) + " and " + kind(b));
    }

    static String kind(Object value) {
        return switch (value) {
            case String ignored -> "a text";
            case Boolean ignored -> "a flag";
            case Number ignored -> "a number";
            case List<?> ignored -> "a list";
            case Map<?, ?> ignored -> "a mapping";
            default -> value == NONE ? "none" : "something undefined";
        };
    }

    static Object attribute(Object of, Object name) {
        return switch (of) {
            case Map<?, ?> map -> {
                Object found = map.get(name);
                yield found == null ? UNDEFINED : found;
            }
            case List<?> list when name instanceof Long index -> {
                long at = index < 0 ? index + list.size() : index;
                yield at >= 0 && at < list.size() ? list.get((int) at) : UNDEFINED;
            }
            case String text when name instanceof Long index -> {
                long at = index < 0 ? index + text.length() : index;
                yield at >= 0 && at < text.length() ? text.substring((int) at, (int) at + 1) : UNDEFINED;
            }
            default -> UNDEFINED;
        };
    }

    static Object slice(Object of, Object from, Object to, Object step) {
        boolean isText = of instanceof String;
        List<Object> items = new ArrayList<>(list(of));
        if (step instanceof Long by && by == -1) {
            Collections.reverse(items);
            return isText ? joined(items, "") : items;
        }
        if (step != NONE && !same(step, 1L)) {
            throw new TemplateException("slices step by 1 or -1");
        }
        int size = items.size();
        List<Object> part = List.copyOf(items.subList(Math.min(bound(from, 0, size), bound(to, size, size)),
                bound(to, size, size)));
        return isText ? joined(part, "") : part;
    }

    private static int bound(Object value, int otherwise, int size) {
        if (!(value instanceof Long at)) {
            return otherwise;
        }
        return Math.clamp(at < 0 ? at + size : at, 0, size);
    }

    /** What a loop goes over. */
    static List<?> list(Object value) {
        return switch (value) {
            case List<?> list -> list;
            case Map<?, ?> map -> List.copyOf(map.keySet());
            case String text -> text.codePoints().mapToObj(Character::toString).toList();
            default -> {
                if (value == UNDEFINED) {
                    yield List.of();
                }
                throw new TemplateException("a loop goes over a list, found " + kind(value));
            }
        };
    }

    static String joined(List<?> items, String between) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < items.size(); i++) {
            text.append(i == 0 ? "" : between).append(text(items.get(i)));
        }
        return text.toString();
    }

    static String json(Object value) {
        return JSON.writeValueAsString(value == NONE || value == UNDEFINED ? JSON.nullNode() : value);
    }

    static String strip(String text, String characters, boolean left, boolean right) {
        int from = 0;
        int to = text.length();
        while (left && from < to && isStripped(text.charAt(from), characters)) {
            from++;
        }
        while (right && to > from && isStripped(text.charAt(to - 1), characters)) {
            to--;
        }
        return text.substring(from, to);
    }

    private static boolean isStripped(char c, String characters) {
        return characters.isEmpty() ? Character.isWhitespace(c) : characters.indexOf(c) >= 0;
    }

    static boolean test(String name, Object value) {
        return switch (name) {
            case "defined" -> value != UNDEFINED;
            case "undefined" -> value == UNDEFINED;
            case "none" -> value == NONE;
            case "string" -> value instanceof String;
            case "mapping" -> value instanceof Map;
            case "iterable", "sequence" -> value instanceof List || value instanceof Map || value instanceof String;
            case "number" -> value instanceof Number;
            case "boolean" -> value instanceof Boolean;
            case "true" -> value.equals(true);
            case "false" -> value.equals(false);
            default -> throw new TemplateException("the test \"is " + name.toLowerCase(Locale.ROOT)
                    + "\" is not one of those offered");
        };
    }
}
