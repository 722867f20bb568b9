/** Models for Spring AI that run in the same process. */
module tern.springai {
    requires transitive reactor.core;
    requires transitive spring.ai.commons;
    requires transitive spring.ai.model;
    requires transitive tern.host;
    requires static spring.boot;
    requires static spring.boot.autoconfigure;
    requires static spring.context;
    requires static spring.core;
    requires static transitive org.jspecify;

    exports tern.springai;
    exports tern.springai.autoconfigure;

    opens tern.springai.autoconfigure;
}
