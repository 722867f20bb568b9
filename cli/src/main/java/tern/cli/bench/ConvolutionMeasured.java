package tern.cli.bench;

import java.util.OptionalDouble;

/**
 * What an operator over time took: one line of {@code tern bench convolution --json}. Immutable.
 *
 * @param name such as "dilated-k17-f8-n4"
 * @param pass "forward" or "backward"
 * @param length positions of the one sequence
 * @param width channels
 * @param threads of the team
 * @param median seconds of one call; likewise {@code min} and {@code max}
 * @param bytes that at least have to be read or written: input, output and what comes with them, each once
 * @param flops floating-point operations, a multiply–add counting as two, activations not counted
 * @param bandwidth bytes a second at the median
 * @param ofBandwidth the same relative to what as many threads read from memory
 * @param arithmetic operations a second at the median
 * @param ofArithmetic the same relative to multiply–adds on registers
 * @param toFft how many times longer the moving average by FFT takes, its taps made anew; empty for itself
 * @param toConvolution how many times longer its FFT alone takes; empty for itself
 */
public record ConvolutionMeasured(String name, String pass, int length, int width, int threads, double median,
        double min, double max, double bytes, double flops, double bandwidth, double ofBandwidth, double arithmetic,
        double ofArithmetic, OptionalDouble toFft, OptionalDouble toConvolution) {
}
