package tern.cli.bench;

import java.util.OptionalDouble;

/**
 * What a layer of a recurrent network took: one line of {@code tern bench rnn --json}. Immutable.
 *
 * @param cell "lstm", "gru" …
 * @param pass "forward", of inference; or "training": forward, keeping what backward needs, and backward
 * @param batch sequences
 * @param time positions of each
 * @param units inputs of the layer and its outputs
 * @param heads of units that read each other
 * @param threads of the team
 * @param seconds one pass, the median
 * @param tokens positions a second, of all sequences
 * @param gflops 10⁹ floating-point operations a second in matrix products
 * @param sgemmGflops of a product of 1024 by 1024 matrices on as many threads, measured beside this case
 * @param plainSeconds the plain bodies, measured on {@code plainTime} positions and scaled to all; empty if not asked for
 * @param plainTime positions of the plain bodies' pass
 * @param plainToVector how many times longer the plain bodies take
 */
public record CellMeasured(String cell, String pass, int batch, int time, int units, int heads, int threads,
        double seconds, double tokens, double gflops, double sgemmGflops, OptionalDouble plainSeconds, int plainTime,
        OptionalDouble plainToVector) {
}
