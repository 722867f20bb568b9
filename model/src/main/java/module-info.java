/** What an architecture is, as data: a stack of residual branches, its configuration and its presets. */
module tern.model {
    requires transitive tern.mixers;
    requires static org.jspecify;

    exports tern.model;
}
