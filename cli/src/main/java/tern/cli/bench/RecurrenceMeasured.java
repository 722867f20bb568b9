package tern.cli.bench;

import java.util.OptionalDouble;

/**
 * What a recurrence over matrices took: one line of {@code tern bench recurrence --json}. Immutable.
 *
 * @param recurrence "gated", "scalar", "bonus", "rank one" or "delta"
 * @param pass "forward" or "backward"
 * @param time positions
 * @param heads of one sequence
 * @param width of keys and of values
 * @param threads of the team
 * @param chunkSeconds one call in chunks, the median; likewise the others
 * @param stepSeconds one call position by position; empty for the backward pass, which always goes in chunks
 * @param plainSeconds the plain body, measured on {@code plainTime} positions and scaled to all
 * @param plainTime positions of the plain body's call
 * @param chunkGflops 10⁹ floating-point operations a second of the chunk form, counting the products it makes
 * @param sgemmGflops of a product of 1024 by 1024 matrices on as many threads, measured beside this case
 * @param ofSgemm the first relative to the second
 * @param stepToChunk how many times longer stepping takes
 * @param plainToChunk how many times longer the plain body takes
 * @param chosen the form that the kernel takes by itself: "chunk" or "step"
 */
public record RecurrenceMeasured(String recurrence, String pass, int time, int heads, int width, int threads,
        double chunkSeconds, OptionalDouble stepSeconds, double plainSeconds, int plainTime, double chunkGflops,
        double sgemmGflops, double ofSgemm, OptionalDouble stepToChunk, double plainToChunk, String chosen) {
}
