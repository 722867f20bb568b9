/** Training: data and batches, losses, optimisers and the loop that ties them. */
module tern.train {
    requires transitive tern.autograd;
    requires transitive tern.checkpoint;
    requires transitive tern.tasks;
    requires transitive tern.text;
    requires java.management;
    requires jdk.management;
    requires tools.jackson.databind;
    requires static org.jspecify;

    exports tern.train;
    opens tern.train to tools.jackson.databind;
}
