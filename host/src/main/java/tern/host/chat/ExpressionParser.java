package tern.host.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads expressions. Confined to one parse. */
final class ExpressionParser {
    private final List<Lexer.Word> words;
    private final String source;
    private int at;

    ExpressionParser(String source) {
        this.words = Lexer.words(source);
        this.source = source.strip();
    }

    private Lexer.Word peek() {
        return words.get(at);
    }

    Lexer.Word next() {
        Lexer.Word word = words.get(at);
        if (word.kind() != Lexer.Kind.END) {
            at++;
        }
        return word;
    }

    boolean take(String sign) {
        if (peek().is(sign)) {
            at++;
            return true;
        }
        return false;
    }

    void expect(String sign) {
        if (!take(sign)) {
            throw new TemplateException("\"" + source + "\": expected " + sign + ", found " + peek().text());
        }
    }

    String name() {
        Lexer.Word word = next();
        if (word.kind() != Lexer.Kind.NAME) {
            throw new TemplateException("\"" + source + "\": expected a name, found " + word.text());
        }
        return word.text();
    }

    void end() {
        if (peek().kind() != Lexer.Kind.END) {
            throw new TemplateException("\"" + source + "\": \"" + peek().text() + "\" was not expected");
        }
    }

    /** a if b else c. */
    Expression expression() {
        Expression value = either();
        if (take("if")) {
            Expression condition = either();
            Expression otherwise = take("else") ? expression() : scope -> Values.UNDEFINED;
            Expression then = value;
            return scope -> Values.truth(condition.value(scope)) ? then.value(scope) : otherwise.value(scope);
        }
        return value;
    }

    private Expression either() {
        Expression left = both();
        while (take("or")) {
            Expression first = left;
            Expression second = both();
            left = scope -> {
                Object value = first.value(scope);
                return Values.truth(value) ? value : second.value(scope);
            };
        }
        return left;
    }

    private Expression both() {
        Expression left = not();
        while (take("and")) {
            Expression first = left;
            Expression second = not();
            left = scope -> {
                Object value = first.value(scope);
                return Values.truth(value) ? second.value(scope) : value;
            };
        }
        return left;
    }

    private Expression not() {
        if (take("not")) {
            Expression value = not();
            return scope -> !Values.truth(value.value(scope));
        }
        return comparison();
    }

    private Expression comparison() {
        Expression left = sum();
        while (true) {
            Expression first = left;
            if (take("==")) {
                Expression second = sum();
                left = scope -> Values.same(first.value(scope), second.value(scope));
            } else if (take("!=")) {
                Expression second = sum();
                left = scope -> !Values.same(first.value(scope), second.value(scope));
            } else if (take("<")) {
                Expression second = sum();
                left = scope -> Values.compare(first.value(scope), second.value(scope)) < 0;
            } else if (take(">")) {
                Expression second = sum();
                left = scope -> Values.compare(first.value(scope), second.value(scope)) > 0;
            } else if (take("<=")) {
                Expression second = sum();
                left = scope -> Values.compare(first.value(scope), second.value(scope)) <= 0;
            } else if (take(">=")) {
                Expression second = sum();
                left = scope -> Values.compare(first.value(scope), second.value(scope)) >= 0;
            } else if (take("in")) {
                Expression second = sum();
                left = scope -> Values.contains(second.value(scope), first.value(scope));
            } else if (peek().is("not") && words.get(at + 1).is("in")) {
                at += 2;
                Expression second = sum();
                left = scope -> !Values.contains(second.value(scope), first.value(scope));
            } else if (take("is")) {
                boolean negated = take("not");
                String test = name();
                left = scope -> Values.test(test, first.value(scope)) != negated;
            } else {
                return left;
            }
        }
    }

    private Expression sum() {
        Expression left = product();
        while (true) {
            Expression first = left;
            if (take("+")) {
                Expression second = product();
                left = scope -> Values.add(first.value(scope), second.value(scope));
            } else if (take("-")) {
                Expression second = product();
                left = scope -> Values.arithmetic("-", first.value(scope), second.value(scope));
            } else if (take("~")) {
                Expression second = product();
                left = scope -> Values.text(first.value(scope)) + Values.text(second.value(scope));
            } else {
                return left;
            }
        }
    }

    private Expression product() {
        Expression left = unary();
        while (peek().is("*") || peek().is("/") || peek().is("//") || peek().is("%")) {
            String sign = next().text();
            Expression first = left;
            Expression second = unary();
            left = scope -> Values.arithmetic(sign, first.value(scope), second.value(scope));
        }
        return left;
    }

    private Expression unary() {
        if (take("-")) {
            Expression value = unary();
            return scope -> Values.arithmetic("-", 0L, value.value(scope));
        }
        return filtered(postfix(primary()));
    }

    private Expression filtered(Expression start) {
        Expression value = start;
        while (take("|")) {
            String name = name();
            List<Expression> arguments = take("(") ? arguments(new LinkedHashMap<>()) : List.of();
            Expression input = value;
            value = scope -> Calls.filter(name, input.value(scope), values(arguments, scope));
        }
        return value;
    }

    private Expression postfix(Expression start) {
        Expression value = start;
        while (true) {
            Expression of = value;
            if (take(".")) {
                String name = name();
                if (take("(")) {
                    List<Expression> arguments = arguments(new LinkedHashMap<>());
                    value = scope -> Calls.method(of.value(scope), name, values(arguments, scope));
                } else {
                    value = scope -> Values.attribute(of.value(scope), name);
                }
            } else if (take("[")) {
                value = subscript(of);
            } else {
                return value;
            }
        }
    }

    private Expression subscript(Expression of) {
        Expression none = scope -> Values.NONE;
        Expression from = peek().is(":") ? none : expression();
        if (take("]")) {
            return scope -> Values.attribute(of.value(scope), from.value(scope));
        }
        expect(":");
        Expression to = peek().is(":") || peek().is("]") ? none : expression();
        Expression step = take(":") && !peek().is("]") ? expression() : none;
        expect("]");
        return scope -> Values.slice(of.value(scope), from.value(scope), to.value(scope), step.value(scope));
    }

    private List<Expression> arguments(Map<String, Expression> named) {
        List<Expression> arguments = new ArrayList<>();
        while (!take(")")) {
            if (peek().kind() == Lexer.Kind.NAME && words.get(at + 1).is("=")) {
                String name = name();
                expect("=");
                named.put(name, expression());
            } else {
                arguments.add(expression());
            }
            if (!peek().is(")")) {
                expect(",");
            }
        }
        return arguments;
    }

    private static List<Object> values(List<Expression> expressions, Scope scope) {
        List<Object> values = new ArrayList<>();
        expressions.forEach(each -> values.add(each.value(scope)));
        return values;
    }

    private Expression primary() {
        Lexer.Word word = next();
        return switch (word.kind()) {
            case TEXT -> {
                StringBuilder text = new StringBuilder(word.text());
                while (peek().kind() == Lexer.Kind.TEXT) {
                    text.append(next().text());
                }
                String whole = text.toString();
                yield scope -> whole;
            }
            case NUMBER -> {
                Object number = word.text().contains(".") ? (Object) Double.valueOf(word.text())
                        : (Object) Long.valueOf(word.text());
                yield scope -> number;
            }
            case NAME -> named(word.text());
            case SIGN -> bracketed(word);
            case END -> throw new TemplateException("\"" + source + "\" ends too early");
        };
    }

    private Expression named(String name) {
        switch (name) {
            case "true", "True" -> {
                return scope -> true;
            }
            case "false", "False" -> {
                return scope -> false;
            }
            case "none", "None" -> {
                return scope -> Values.NONE;
            }
            default -> {
                if (take("(")) {
                    Map<String, Expression> named = new LinkedHashMap<>();
                    List<Expression> arguments = arguments(named);
                    return scope -> {
                        Map<String, Object> given = new LinkedHashMap<>();
                        named.forEach((key, value) -> given.put(key, value.value(scope)));
                        return Calls.function(name, values(arguments, scope), given);
                    };
                }
                return scope -> scope.get(name);
            }
        }
    }

    private Expression bracketed(Lexer.Word word) {
        if (word.is("(")) {
            Expression inner = expression();
            expect(")");
            return inner;
        }
        if (word.is("[")) {
            List<Expression> items = new ArrayList<>();
            while (!take("]")) {
                items.add(expression());
                if (!peek().is("]")) {
                    expect(",");
                }
            }
            return scope -> values(items, scope);
        }
        if (word.is("{")) {
            Map<String, Expression> items = new LinkedHashMap<>();
            while (!take("}")) {
                String key = next().text();
                expect(":");
                items.put(key, expression());
                if (!peek().is("}")) {
                    expect(",");
                }
            }
            return scope -> {
                Map<String, Object> map = new LinkedHashMap<>();
                items.forEach((key, value) -> map.put(key, value.value(scope)));
                return map;
            };
        }
        throw new TemplateException("\"" + source + "\": \"" + word.text() + "\" was not expected");
    }
}
