/** Data and who owns it: shapes, element types, tensors in native memory and the workspaces they are cut from; no arithmetic. */
module tern.tensor {
    requires static org.jspecify;

    exports tern.tensor;
}
