/** The sequence mixers and channel mixers, a package per family, and their catalogue. */
module tern.mixers {
    requires transitive tern.sequence;
    requires static org.jspecify;

    exports tern.mixers;
    exports tern.mixers.attention;
    exports tern.mixers.bidirectional;
    exports tern.mixers.blockrecurrent;
    exports tern.mixers.channel;
    exports tern.mixers.delta;
    exports tern.mixers.experts;
    exports tern.mixers.fourier;
    exports tern.mixers.gla;
    exports tern.mixers.goldfinch;
    exports tern.mixers.griffin;
    exports tern.mixers.hyena;
    exports tern.mixers.linear;
    exports tern.mixers.longconv;
    exports tern.mixers.mamba;
    exports tern.mixers.mega;
    exports tern.mixers.minimal;
    exports tern.mixers.mlstm;
    exports tern.mixers.modal;
    exports tern.mixers.parallel;
    exports tern.mixers.parts;
    exports tern.mixers.recurrent;
    exports tern.mixers.retention;
    exports tern.mixers.rwkv;
    exports tern.mixers.shortconv;
    exports tern.mixers.statespace;
    exports tern.mixers.tcn;
    exports tern.mixers.titans;
    exports tern.mixers.universal;
}
