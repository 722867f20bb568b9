/** What a sequence mixer is: its forms, its state, its parameters and how it is configured. */
module tern.sequence {
    requires transitive tern.ops;
    requires static org.jspecify;

    exports tern.sequence;
}
