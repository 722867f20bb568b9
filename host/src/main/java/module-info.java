/** Models that a program runs for many callers at once: batches, states kept by the tokens that led to them, chat templates. */
module tern.host {
    requires transitive tern.inference;
    requires tools.jackson.databind;
    requires static org.jspecify;

    exports tern.host.chat;
    exports tern.host.engine;
    exports tern.host.local;
}
