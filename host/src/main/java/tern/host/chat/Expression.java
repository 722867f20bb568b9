package tern.host.chat;

/** Something that has a value in a scope. Values are strings, longs, doubles, booleans, lists, maps and {@link Values#NONE}. */
@FunctionalInterface
interface Expression {
    Object value(Scope scope);
}
