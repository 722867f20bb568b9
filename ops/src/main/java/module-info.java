/** The coarse operations that a layer may use; their javadoc holds the mathematics. */
module tern.ops {
    requires transitive tern.tensor;
    requires static org.jspecify;

    exports tern.ops;
}
