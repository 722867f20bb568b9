package tern.cli.bench;

import static tern.cli.bench.MatmulCases.gaussian;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import tern.cli.bench.KernelCase.Compared;
import tern.cli.bench.KernelCase.Unit;
import tern.kernels.modal.Poles;
import tern.ops.Activation;
import tern.ops.Modes;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Elementwise functions, norms, attention and modal recurrences. Attention counts the two products of the causal half,
 * 4 operations for each pair of positions and channel, 10 backward; a modal scan 12 operations for each pair of poles and
 * position (and entry of a head's matrix), 36 backward; a step the bytes of states, poles and residues.
 */
final class RowCases {
    private RowCases() {
    }

    static List<Compared> all() {
        List<Compared> cases = new ArrayList<>();
        cases.add(new Compared(add(4096, 768), add(256, 256)));
        for (Activation f : List.of(Activation.GELU, Activation.SILU)) {
            cases.add(new Compared(activation(f, 4096, 768), activation(f, 256, 256)));
            cases.add(new Compared(activationBackward(f, 4096, 768), activationBackward(f, 256, 256)));
        }
        cases.add(new Compared(gate(4096, 768), gate(256, 256)));
        for (boolean backward : new boolean[] {false, true}) {
            cases.add(new Compared(layerNorm(4096, 768, backward), layerNorm(256, 256, backward)));
            cases.add(new Compared(rmsNorm(4096, 768, backward), rmsNorm(256, 256, backward)));
        }
        for (int time : new int[] {1024, 2048, 4096}) {
            cases.add(new Compared(attention(time, 12, 64, false), attention(64, 1, 64, false)));
            cases.add(new Compared(attention(time, 12, 64, true), attention(64, 1, 64, true)));
        }
        cases.add(new Compared(attentionStep(8192, 12, 64), attentionStep(512, 1, 64)));
        cases.add(new Compared(rotary(2048, 12, 64), rotary(256, 2, 64)));
        for (boolean backward : new boolean[] {false, true}) {
            cases.add(new Compared(modal(1024, 768, 16, backward), modal(128, 16, 16, backward)));
            cases.add(new Compared(modalHeads(1024, 32, 8, 16, backward), modalHeads(64, 2, 8, 16, backward)));
        }
        cases.add(new Compared(modalStep(1, 768, 16), modalStep(1, 32, 16)));
        cases.add(new Compared(modalStep(64, 768, 16), modalStep(1, 32, 16)));
        cases.add(new Compared(modalHeadsStep(1, 96, 8, 16), modalHeadsStep(1, 4, 8, 16)));
        cases.add(new Compared(modalHeadsStep(64, 96, 8, 16), modalHeadsStep(1, 4, 8, 16)));
        return cases;
    }

    // ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────

    private static KernelCase add(int rows, int width) {
        return new KernelCase("add", rows + "x" + width, Unit.GB_PER_S, 12.0 * rows * width,
                (kernels, team, memory) -> {
                    Tensor a = gaussian(memory, rows, width), b = gaussian(memory, rows, width);
                    Tensor y = memory.zeros(DType.F32, rows, width);
                    return () -> kernels.elementwise().add(team, a, b, y);
                });
    }

    private static KernelCase activation(Activation f, int rows, int width) {
        return new KernelCase(name(f), rows + "x" + width, Unit.GB_PER_S, 8.0 * rows * width,
                (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, rows, width), y = memory.zeros(DType.F32, rows, width);
                    return () -> kernels.elementwise().activate(team, x, f, y);
                });
    }

    private static KernelCase activationBackward(Activation f, int rows, int width) {
        return new KernelCase(name(f) + " backward", rows + "x" + width, Unit.GB_PER_S, 12.0 * rows * width,
                (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, rows, width), dy = gaussian(memory, rows, width);
                    Tensor dx = memory.zeros(DType.F32, rows, width);
                    return () -> kernels.elementwise().activateBackward(team, x, f, dy, dx);
                });
    }

    private static String name(Activation f) {
        return f.name().toLowerCase(Locale.ROOT);
    }

    private static KernelCase gate(int rows, int width) {
        return new KernelCase("swiglu", rows + "x" + width, Unit.GB_PER_S, 12.0 * rows * width,
                (kernels, team, memory) -> {
                    Tensor gate = gaussian(memory, rows, width), value = gaussian(memory, rows, width);
                    Tensor y = memory.zeros(DType.F32, rows, width);
                    return () -> kernels.elementwise().gate(team, gate, value, Activation.SILU, y);
                });
    }

    private static KernelCase layerNorm(int rows, int width, boolean backward) {
        return new KernelCase(backward ? "layer norm backward" : "layer norm", rows + "x" + width, Unit.GB_PER_S,
                (backward ? 12.0 : 8.0) * rows * width, (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, rows, width), dy = gaussian(memory, rows, width);
                    Tensor gain = gaussian(memory, width), bias = gaussian(memory, width);
                    Tensor y = memory.zeros(DType.F32, rows, width);
                    Tensor dGain = memory.zeros(DType.F32, width), dBias = memory.zeros(DType.F32, width);
                    return backward ? () -> kernels.norm().layerBackward(team, x, gain, 1e-5, dy, y, dGain, dBias)
                            : () -> kernels.norm().layer(team, x, gain, bias, 1e-5, y);
                });
    }

    private static KernelCase rmsNorm(int rows, int width, boolean backward) {
        return new KernelCase(backward ? "rms norm backward" : "rms norm", rows + "x" + width, Unit.GB_PER_S,
                (backward ? 12.0 : 8.0) * rows * width, (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, rows, width), dy = gaussian(memory, rows, width);
                    Tensor gain = gaussian(memory, width), dGain = memory.zeros(DType.F32, width);
                    Tensor y = memory.zeros(DType.F32, rows, width);
                    return backward ? () -> kernels.norm().rmsBackward(team, x, gain, 1e-5, dy, y, dGain)
                            : () -> kernels.norm().rms(team, x, gain, 1e-5, y);
                });
    }

    // ── attention ───────────────────────────────────────────────────────────────────────────────────────────────────

    private static KernelCase attention(int time, int heads, int width, boolean backward) {
        double pairs = time * (time + 1.0) / 2;
        return new KernelCase(backward ? "attention backward" : "attention", heads + "x" + width + " x " + time,
                Unit.GFLOP_PER_S, (backward ? 10 : 4) * pairs * heads * width, (kernels, team, memory) -> {
                    Tensor query = gaussian(memory, 1, time, heads, width),
                            key = gaussian(memory, 1, time, heads, width);
                    Tensor value = gaussian(memory, 1, time, heads, width),
                            dy = gaussian(memory, 1, time, heads, width);
                    Tensor none = memory.zeros(DType.F32, 1, 0, heads, width);
                    Tensor y = memory.zeros(DType.F32, 1, time, heads, width);
                    Tensor logSum = memory.zeros(DType.F32, 1, heads, time);
                    Tensor dQuery = memory.zeros(DType.F32, 1, time, heads, width);
                    Tensor dKey = memory.zeros(DType.F32, 1, time, heads, width);
                    Tensor dValue = memory.zeros(DType.F32, 1, time, heads, width);
                    long[] ages = {0};
                    kernels.attention().forward(team, query, key, value, none, none, ages, y, logSum);
                    return backward
                            ? () -> kernels.attention().backward(team, query, key, value, none, none, ages, y, logSum,
                                    dy, dQuery, dKey, dValue, none, none)
                            : () -> kernels.attention().forward(team, query, key, value, none, none, ages, y, logSum);
                });
    }

    private static KernelCase attentionStep(int age, int heads, int width) {
        return new KernelCase("attention step", heads + "x" + width + " after " + age, Unit.GB_PER_S,
                8.0 * age * heads * width, (kernels, team, memory) -> {
                    Tensor query = gaussian(memory, 1, 1, heads, width),
                            y = memory.zeros(DType.F32, 1, 1, heads, width);
                    Tensor keys = gaussian(memory, 1, age + 1, heads, width),
                            values = gaussian(memory, 1, age + 1, heads, width);
                    Tensor logSum = memory.zeros(DType.F32, 1, heads, 1);
                    long[] ages = {age};
                    return () -> kernels.attention().forward(team, query, query, query, keys, values, ages, y, logSum);
                });
    }

    private static KernelCase rotary(int time, int heads, int width) {
        return new KernelCase("rotary", heads + "x" + width + " x " + time, Unit.GB_PER_S, 8.0 * time * heads * width,
                (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, 1, time, heads, width),
                            y = memory.zeros(DType.F32, 1, time, heads, width);
                    long[] ages = {0};
                    return () -> kernels.attention().rotary(team, x, ages, 10_000, y);
                });
    }

    // ── modal recurrences ───────────────────────────────────────────────────────────────────────────────────────────

    private static KernelCase modal(int time, int filters, int pairs, boolean backward) {
        return new KernelCase(backward ? "modal scan backward" : "modal scan", filters + " of " + pairs + " x " + time,
                Unit.GFLOP_PER_S, (backward ? 36.0 : 12.0) * time * filters * pairs, (kernels, team, memory) -> {
                    Modes modes = modes(memory, filters, pairs), dModes = modes(memory, filters, pairs);
                    Tensor poles = Poles.evaluate(modes, memory), passThrough = gaussian(memory, filters);
                    Tensor x = gaussian(memory, 1, time, filters), dy = gaussian(memory, 1, time, filters);
                    Tensor y = memory.zeros(DType.F32, 1, time, filters),
                            state = memory.zeros(DType.F32, 1, modes.order());
                    Tensor dState = memory.zeros(DType.F32, 1, modes.order()),
                            dPassThrough = memory.zeros(DType.F32, filters);
                    return backward
                            ? () -> kernels.modal().backward(team, x, modes, passThrough, state, dy, dState, y, dModes,
                                    dPassThrough, dState)
                            : () -> kernels.modal().forward(team, x, modes, poles, passThrough, state, y, state);
                });
    }

    private static KernelCase modalHeads(int time, int filters, int width, int pairs, boolean backward) {
        return new KernelCase(backward ? "modal heads backward" : "modal heads",
                filters + "x" + width + " of " + pairs + " x " + time, Unit.GFLOP_PER_S,
                (backward ? 36.0 : 12.0) * time * filters * pairs * width * width, (kernels, team, memory) -> {
                    Modes modes = modes(memory, filters, pairs), dModes = modes(memory, filters, pairs);
                    Tensor poles = Poles.evaluate(modes, memory), passThrough = gaussian(memory, filters);
                    Tensor query = gaussian(memory, 1, time, filters, width),
                            key = gaussian(memory, 1, time, filters, width);
                    Tensor value = gaussian(memory, 1, time, filters, width),
                            dy = gaussian(memory, 1, time, filters, width);
                    Tensor y = memory.zeros(DType.F32, 1, time, filters, width);
                    Tensor dKey = memory.zeros(DType.F32, 1, time, filters, width);
                    Tensor dValue = memory.zeros(DType.F32, 1, time, filters, width);
                    Tensor state = memory.zeros(DType.F32, 1, modes.order(), width, width);
                    Tensor dState = memory.zeros(DType.F32, 1, modes.order(), width, width);
                    Tensor dPassThrough = memory.zeros(DType.F32, filters);
                    return backward
                            ? () -> kernels.modal().backwardHeads(team, query, key, value, modes, passThrough, state,
                                    dy, dState, y, dKey, dValue, dModes, dPassThrough, dState)
                            : () -> kernels.modal().forwardHeads(team, query, key, value, modes, poles, passThrough,
                                    state, y,
                                    state);
                });
    }

    private static KernelCase modalStep(int batch, int filters, int pairs) {
        return new KernelCase("modal step", batch + " x " + filters + " of " + pairs, Unit.GB_PER_S,
                16.0 * filters * pairs * (batch + 1), (kernels, team, memory) -> {
                    Modes modes = modes(memory, filters, pairs);
                    Tensor poles = Poles.evaluate(modes, memory), passThrough = gaussian(memory, filters);
                    Tensor x = gaussian(memory, batch, 1, filters), y = memory.zeros(DType.F32, batch, 1, filters);
                    Tensor state = memory.zeros(DType.F32, batch, modes.order());
                    return () -> kernels.modal().forward(team, x, modes, poles, passThrough, state, y, state);
                });
    }

    private static KernelCase modalHeadsStep(int batch, int filters, int width, int pairs) {
        return new KernelCase("modal heads step", batch + " x " + filters + "x" + width + " of " + pairs, Unit.GB_PER_S,
                16.0 * filters * pairs * (batch * width * width + 1), (kernels, team, memory) -> {
                    Modes modes = modes(memory, filters, pairs);
                    Tensor poles = Poles.evaluate(modes, memory), passThrough = gaussian(memory, filters);
                    Tensor query = gaussian(memory, batch, 1, filters, width),
                            key = gaussian(memory, batch, 1, filters, width);
                    Tensor value = gaussian(memory, batch, 1, filters, width);
                    Tensor y = memory.zeros(DType.F32, batch, 1, filters, width);
                    Tensor state = memory.zeros(DType.F32, batch, modes.order(), width, width);
                    return () -> kernels.modal().forwardHeads(team, query, key, value, modes, poles, passThrough, state,
                            y,
                            state);
                });
    }

    // Decays between radius 0.87 and 0.999, so that states stay of the size of inputs.
    private static Modes modes(Memory memory, int filters, int pairs) {
        int[] pairStart = new int[filters + 1];
        for (int f = 0; f <= filters; f++) {
            pairStart[f] = f * pairs;
        }
        Tensor decay = memory.zeros(DType.F32, filters * pairs);
        for (int n = 0; n < filters * pairs; n++) {
            decay.set(n, -2 - 5.0 * n / (filters * pairs));
        }
        Tensor none = memory.allocate(DType.F32, Shape.of(0));
        return new Modes(decay, gaussian(memory, filters * pairs), gaussian(memory, filters * pairs),
                gaussian(memory, filters * pairs), none, none, none, pairStart, new int[filters + 1]);
    }
}
