/** Models on disk: safetensors files, configurations and the tables that map stored names to ours. */
module tern.checkpoint {
    requires transitive tern.model;
    requires tools.jackson.databind;
    requires static org.jspecify;

    exports tern.checkpoint;
    exports tern.checkpoint.naming;
    exports tern.checkpoint.gguf;
}
