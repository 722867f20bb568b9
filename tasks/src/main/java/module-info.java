/** Tasks that sequence models are judged by: generators, data sets, scored positions and trivial baselines. */
module tern.tasks {
    requires transitive tern.text;
    requires static org.jspecify;

    exports tern.tasks;
    exports tern.tasks.data;
    exports tern.tasks.synthetic;
}
