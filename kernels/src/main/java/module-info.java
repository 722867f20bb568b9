/** Carries out the operations: a plain reference body and a vector body for each kernel family, forward and backward. */
module tern.kernels {
    requires transitive tern.ops;
    requires jdk.incubator.vector;
    requires static org.jspecify;

    exports tern.kernels;
    exports tern.kernels.attention;
    exports tern.kernels.cells;
    exports tern.kernels.channels;
    exports tern.kernels.convolution;
    exports tern.kernels.elementwise;
    exports tern.kernels.embedding;
    exports tern.kernels.history;
    exports tern.kernels.loss;
    exports tern.kernels.machine;
    exports tern.kernels.matmul;
    exports tern.kernels.maximum;
    exports tern.kernels.memory;
    exports tern.kernels.modal;
    exports tern.kernels.norm;
    exports tern.kernels.optimise;
    exports tern.kernels.recurrence;
    exports tern.kernels.steady;
    exports tern.kernels.stored;
}
