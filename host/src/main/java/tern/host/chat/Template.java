package tern.host.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A template in the part of Jinja that chat templates use: text, {@code {{ }}}, {@code {% if %}}, {@code {% for %}} (with a condition),
 * {@code {% set %}}, comments, white-space control, filters, tests and methods of strings. As Hugging Face renders them, a line break
 * after a block and space before it on its line are dropped. Macros, includes and inheritance are refused when it is read.
 * Immutable.
 */
final class Template {
    private static final Pattern TAG = Pattern.compile(
            "\\{\\{(-?)(.*?)(-?)}}|\\{%([-+]?)(.*?)(-?)%}|\\{#(-?)(.*?)(-?)#}",
            Pattern.DOTALL);
    private final List<Node> nodes;

    /** A part that writes text. */
    @FunctionalInterface
    private interface Node {
        void write(Scope scope, StringBuilder out);
    }

    /** Text between tags, or a tag. */
    private record Part(Kind kind, String text) {
        enum Kind {
            TEXT, VALUE, BLOCK
        }
    }

    private Template(List<Node> nodes) {
        this.nodes = nodes;
    }

    static Template parse(String source) {
        Parser parser = new Parser(parts(source));
        List<Node> nodes = parser.nodes();
        parser.finish();
        return new Template(nodes);
    }

    String render(Map<String, Object> values) {
        StringBuilder out = new StringBuilder();
        write(nodes, new Scope(values), out);
        return out.toString();
    }

    private static void write(List<Node> nodes, Scope scope, StringBuilder out) {
        for (Node node : nodes) {
            scope.step(out.length());
            node.write(scope, out);
        }
    }

    private static List<Part> parts(String source) {
        List<Part> parts = new ArrayList<>();
        Matcher tag = TAG.matcher(source);
        int at = 0;
        boolean strip = false;
        boolean dropBreak = false;
        while (tag.find()) {
            boolean block = tag.group(5) != null;
            boolean comment = tag.group(8) != null;
            String left = block ? tag.group(4) : comment ? tag.group(7) : tag.group(1);
            String right = block ? tag.group(6) : comment ? tag.group(9) : tag.group(3);
            boolean lineBegins = at == 0 || dropBreak && source.startsWith("\n", at);
            String text = between(source.substring(at, tag.start()), strip, dropBreak);
            if (left.equals("-")) {
                text = text.stripTrailing();
            } else if ((block || comment) && !left.equals("+")) {
                text = withoutIndent(text, lineBegins);
            }
            parts.add(new Part(Part.Kind.TEXT, text));
            if (!comment) {
                parts.add(block ? new Part(Part.Kind.BLOCK, tag.group(5).strip())
                        : new Part(Part.Kind.VALUE, tag.group(2)));
            }
            strip = right.equals("-");
            dropBreak = block || comment;
            at = tag.end();
        }
        parts.add(new Part(Part.Kind.TEXT, between(source.substring(at), strip, dropBreak)));
        return parts;
    }

    private static String between(String text, boolean strip, boolean dropBreak) {
        return strip ? text.stripLeading() : dropBreak && text.startsWith("\n") ? text.substring(1) : text;
    }

    /** Spaces between the last line break and a block are there to be read by people. */
    private static String withoutIndent(String text, boolean fromBeginning) {
        int line = text.lastIndexOf('\n');
        boolean blank = text.substring(line + 1).isBlank() && (line >= 0 || fromBeginning);
        return blank ? text.substring(0, line + 1) : text;
    }

    /** Puts parts together. Confined to one parse. */
    private static final class Parser {
        private final List<Part> parts;
        private int at;

        Parser(List<Part> parts) {
            this.parts = parts;
        }

        /** Up to a block that ends or divides what surrounds these. */
        List<Node> nodes() {
            List<Node> nodes = new ArrayList<>();
            while (at < parts.size()) {
                Part part = parts.get(at);
                switch (part.kind) {
                    case TEXT -> nodes.add((scope, out) -> out.append(part.text));
                    case VALUE -> {
                        Expression value = whole(part.text);
                        nodes.add((scope, out) -> out.append(Values.text(value.value(scope))));
                    }
                    case BLOCK -> {
                        String word = word(part.text);
                        if (List.of("else", "elif", "endif", "endfor", "endset", "endgeneration").contains(word)) {
                            return nodes;
                        }
                        at++;
                        nodes.add(block(word, part.text.substring(word.length())));
                    }
                }
                at++;
            }
            return nodes;
        }

        void finish() {
            if (at < parts.size()) {
                throw new TemplateException("\"" + parts.get(at).text + "\" has nothing that it belongs to");
            }
        }

        private static Expression whole(String source) {
            ExpressionParser parser = new ExpressionParser(source);
            Expression expression = parser.expression();
            parser.end();
            return expression;
        }

        private static String word(String block) {
            Matcher matcher = Pattern.compile("[a-z_]+").matcher(block);
            return matcher.lookingAt() ? matcher.group() : "";
        }

        private Node block(String word, String rest) {
            return switch (word) {
                case "if" -> condition(rest);
                case "for" -> loop(rest);
                case "set" -> assignment(rest);
                case "generation" -> {
                    List<Node> body = nodes();
                    closing("endgeneration");
                    yield (scope, out) -> Template.write(body, scope, out);
                }
                default -> throw new TemplateException("the block {% " + word + " %} is not one of those offered");
            };
        }

        private String here() {
            if (at >= parts.size()) {
                throw new TemplateException("a block is not ended");
            }
            return parts.get(at).text;
        }

        private void closing(String word) {
            if (!word(here()).equals(word)) {
                throw new TemplateException("expected {% " + word + " %}, found {% " + here() + " %}");
            }
        }

        private Node condition(String rest) {
            Expression test = whole(rest);
            List<Node> then = nodes();
            List<Node> otherwise = List.of();
            String word = word(here());
            if (word.equals("elif")) {
                String more = here().substring("elif".length());
                at++;
                // What follows is a condition of its own, up to the same end.
                Node chained = condition(more);
                return (scope, out) -> {
                    if (Values.truth(test.value(scope))) {
                        Template.write(then, scope, out);
                    } else {
                        chained.write(scope, out);
                    }
                };
            }
            if (word.equals("else")) {
                at++;
                otherwise = nodes();
            }
            closing("endif");
            List<Node> last = otherwise;
            return (scope, out) -> Template.write(Values.truth(test.value(scope)) ? then : last, scope, out);
        }

        private Node loop(String rest) {
            // Without its condition the list would be read as a choice: a if b else c.
            int condition = rest.indexOf(" if ");
            ExpressionParser parser = new ExpressionParser(condition < 0 ? rest : rest.substring(0, condition));
            List<String> names = new ArrayList<>(List.of(parser.name()));
            while (parser.take(",")) {
                names.add(parser.name());
            }
            parser.expect("in");
            Expression over = parser.expression();
            parser.end();
            Optional<Expression> only = condition < 0 ? Optional.empty()
                    : Optional.of(whole(rest.substring(condition + 4)));
            List<Node> body = nodes();
            List<Node> otherwise = List.of();
            if (word(here()).equals("else")) {
                at++;
                otherwise = nodes();
            }
            closing("endfor");
            List<Node> none = otherwise;
            return (scope, out) -> run(names, Values.list(over.value(scope)), only, body, none, scope, out);
        }

        private static void run(List<String> names, List<?> items, Optional<Expression> only, List<Node> body,
                List<Node> none, Scope outer, StringBuilder out) {
            List<Scope> scopes = new ArrayList<>();
            for (Object item : items) {
                outer.step(out.length());
                Scope scope = new Scope(outer);
                for (int i = 0; i < names.size(); i++) {
                    scope.set(names.get(i), names.size() == 1 ? item : Values.attribute(item, (long) i));
                }
                if (only.isEmpty() || Values.truth(only.get().value(scope))) {
                    scopes.add(scope);
                }
            }
            for (int i = 0; i < scopes.size(); i++) {
                Map<String, Object> loop = new LinkedHashMap<>();
                loop.put("index", i + 1L);
                loop.put("index0", (long) i);
                loop.put("first", i == 0);
                loop.put("last", i == scopes.size() - 1);
                loop.put("length", (long) scopes.size());
                loop.put("revindex", (long) scopes.size() - i);
                loop.put("revindex0", (long) scopes.size() - i - 1);
                if (i > 0) {
                    loop.put("previtem", scopes.get(i - 1).get(names.getFirst()));
                }
                if (i + 1 < scopes.size()) {
                    loop.put("nextitem", scopes.get(i + 1).get(names.getFirst()));
                }
                scopes.get(i).set("loop", loop);
                Template.write(body, scopes.get(i), out);
            }
            if (scopes.isEmpty()) {
                Template.write(none, outer, out);
            }
        }

        private Node assignment(String rest) {
            int equals = rest.indexOf('=');
            if (equals < 0) {
                String name = rest.strip();
                List<Node> body = nodes();
                closing("endset");
                return (scope, out) -> {
                    StringBuilder text = new StringBuilder();
                    Template.write(body, scope, text);
                    scope.set(name, text.toString());
                };
            }
            String target = rest.substring(0, equals).strip();
            Expression value = whole(rest.substring(equals + 1));
            // A set block without a body is over with itself.
            at--;
            int dot = target.indexOf('.');
            if (dot < 0) {
                return (scope, out) -> scope.set(target, value.value(scope));
            }
            String name = target.substring(0, dot);
            String field = target.substring(dot + 1);
            return (scope, out) -> {
                if (!(scope.get(name) instanceof Map<?, ?> map)) {
                    throw new TemplateException("\"" + name + "\" is no namespace");
                }
                @SuppressWarnings("unchecked")
                Map<String, Object> space = (Map<String, Object>) map;
                space.put(field, value.value(scope));
            };
        }
    }
}
