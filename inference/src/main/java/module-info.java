/** Running a trained model: live sequences, snapshots, generation and sampling. */
module tern.inference {
    requires transitive tern.checkpoint;
    requires transitive tern.kernels;
    requires transitive tern.text;
    requires static org.jspecify;

    exports tern.inference;
}
