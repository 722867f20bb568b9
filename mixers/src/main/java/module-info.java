/** The sequence mixers and channel mixers, a package per family, and their catalogue. */
module tern.mixers {
    requires transitive tern.sequence;
    requires static org.jspecify;
}
