/** Serving models over HTTP: OpenAI's API, sessions, a page. */
module tern.serve {
    requires transitive tern.host;
    requires java.logging;
    requires micrometer.core;
    requires micrometer.registry.prometheus;
    requires org.eclipse.jetty.http;
    requires org.eclipse.jetty.io;
    requires org.eclipse.jetty.server;
    requires org.eclipse.jetty.util;
    requires tools.jackson.databind;
    requires static org.jspecify;

    exports tern.serve;
    exports tern.serve.http;
    exports tern.serve.sessions;

    // Resources of the page, and records written as JSON.
    opens tern.serve.http to tools.jackson.databind;
}
