/** Carries out the operations: a plain reference body and a vector body for each kernel family, forward and backward. */
module tern.kernels {
    requires transitive tern.ops;
    requires jdk.incubator.vector;
    requires static org.jspecify;
}
