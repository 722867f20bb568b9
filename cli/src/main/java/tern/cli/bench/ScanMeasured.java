package tern.cli.bench;

/**
 * What a scan over channels took: one line of {@code tern bench scan --json}. Immutable.
 *
 * @param scan "affine", "selective", "memory", "para-gru-newton" …
 * @param pass "forward" or "backward"
 * @param time positions
 * @param width channels
 * @param states of a channel
 * @param threads of the team
 * @param seconds one call, the median
 * @param plainSeconds the plain body, measured on {@code plainTime} positions and scaled to all
 * @param plainTime positions of the plain body's call
 * @param plainToVector how many times longer the plain body takes
 * @param gigabytesPerSecond inputs and outputs of a call by its time
 * @param bandwidthGigabytesPerSecond read from memory on as many threads, measured beside this case
 * @param ofBandwidth the first relative to the second
 * @param gigaExponentialsPerSecond exponentials that a call needs by its time; 0 for an affine scan
 * @param exponentialsAloneGigaPerSecond of a loop of exponentials in cache, as often as there are threads
 * @param ofExponentials the first relative to the second: near 1 where exponentials are the limit
 * @param iterations that Newton's method took; 0 where it is not used
 * @param residual what it left
 * @param fromSteps the largest difference of what it gave from what steps give
 */
public record ScanMeasured(String scan, String pass, int time, int width, int states, int threads, double seconds,
        double plainSeconds, int plainTime, double plainToVector, double gigabytesPerSecond,
        double bandwidthGigabytesPerSecond, double ofBandwidth, double gigaExponentialsPerSecond,
        double exponentialsAloneGigaPerSecond, double ofExponentials, int iterations, double residual,
        double fromSteps) {
}
