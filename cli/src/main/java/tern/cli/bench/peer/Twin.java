package tern.cli.bench.peer;

/** The work of a case in numbers, for a peer to do the same. Immutable. */
public sealed interface Twin {

    /** C ← op(A)·op(B) of row-major single-precision matrices: op(A) is [m,k], op(B) is [k,n]. */
    record Product(int m, int n, int k, boolean transposeA, boolean transposeB) implements Twin {
    }

    /** Causal convolution of each channel with taps of its own, as long as time, through real transforms of 2·time points. */
    record LongConvolution(int time, int channels) implements Twin {
    }
}
