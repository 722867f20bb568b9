/** Conversion of one mixer into another, stage by stage, with the error of each stage measured. */
module tern.distil {
    requires transitive tern.train;
    requires tools.jackson.databind;
    requires static org.jspecify;

    exports tern.distil;

    exports tern.distil.filter;
}
