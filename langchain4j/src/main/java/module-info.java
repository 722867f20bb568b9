/** Models for LangChain4j that run in the same process. */
module tern.langchain4j {
    requires transitive langchain4j.core;
    requires transitive tern.host;
    requires static transitive org.jspecify;

    exports tern.langchain4j;
}
