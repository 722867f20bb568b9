/** The same operations, recorded on a tape, so that gradients can be taken. */
module tern.autograd {
    requires transitive tern.kernels;
    requires static org.jspecify;

    exports tern.autograd;
}
