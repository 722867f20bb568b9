/** The command line: the one place that wires the rooms together. */
module tern.cli {
    requires tern.tensor;
    requires tern.ops;
    requires tern.sequence;
    requires tern.kernels;
    requires tern.mixers;
    requires tern.model;
    requires tern.checkpoint;
    requires tern.text;
    requires tern.tasks;
    requires tern.inference;
    requires tern.autograd;
    requires tern.train;
    requires tern.distil;
    requires tern.host;
    requires tern.serve;
    requires info.picocli;
    requires jdk.management;
    requires org.jline;
    requires tools.jackson.databind;
    requires static org.jspecify;

    // Commands are filled in, and results written as JSON, through reflection.
    opens tern.cli to info.picocli, tools.jackson.databind;
    opens tern.cli.bench to tools.jackson.databind;
    opens tern.cli.compare to tools.jackson.databind;
    opens tern.cli.load to tools.jackson.databind;

    // Plans are kept as JSON.
    exports tern.cli.compare to tern.checkpoint;
}
