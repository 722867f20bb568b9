package tern.kernels.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.function.DoubleSupplier;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.kernels.memory.MemoryScan.Inputs;
import tern.kernels.recurrence.ReferenceStateScan;
import tern.kernels.recurrence.ScanInputs;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Plain gradients are slopes; vector = plain; without momentum, gradients at the newest memory are the delta rule. */
class MemoryScanTest {
    private static final double TOLERANCE = 2e-5;

    private record Case(KernelLaw law, Inputs in, Tensor state, Tensor dy, Tensor dNext) {
        static Case of(KernelLaw law, DType type, int batch, int time, int heads, int keys, int values, int chunk) {
            Tensor key = law.gaussian(type, batch, time, heads, keys);
            for (long i = 0; i < key.elements(); i++) {
                key.set(i, key.get(i) / Math.sqrt(keys));
            }
            long[] ages = new long[batch];
            for (int b = 0; b < batch; b++) {
                ages[b] = 3L * b;
            }
            Inputs in = new Inputs(law.gaussian(type, batch, time, heads, keys), key,
                    law.gaussian(type, batch, time, heads, values), gate(law, type, 0.4, batch, time, heads),
                    gate(law, type, 0.9, batch, time, heads), gate(law, type, 1, batch, time, heads), chunk, ages);
            return new Case(law, in, law.gaussian(type, batch, heads, 3, keys, values),
                    law.gaussian(type, batch, time, heads, values),
                    law.gaussian(type, batch, heads, 3, keys, values));
        }

        private static Tensor gate(KernelLaw law, DType type, double most, int batch, int time, int heads) {
            Tensor gate = law.gaussian(type, batch, time, heads, 1);
            for (long i = 0; i < gate.elements(); i++) {
                gate.set(i, most / (1 + Math.exp(-gate.get(i))));
            }
            return gate;
        }

        List<Tensor> forward(MemoryScan body, ThreadTeam team) {
            Tensor y = law.copy(dy);
            Tensor next = law.copy(state);
            body.forward(team, in, next, y, next);
            return List.of(y, next);
        }

        List<Tensor> backward(MemoryScan body, ThreadTeam team) {
            List<Tensor> of = List.of(in.query(), in.key(), in.value(), in.rate(), in.momentum(), in.keep(), state);
            List<Tensor> slopes = of.stream().map(one -> law.blank(one.dtype(), one.shape().toArray())).toList();
            body.backward(team, in, state, dy, dNext, new Inputs(slopes.get(0), slopes.get(1), slopes.get(2),
                    slopes.get(3), slopes.get(4), slopes.get(5), in.chunk(), in.ages()), slopes.get(6));
            return slopes;
        }
    }

    @Test
    void plainGradientsAreSlopes() {
        try (KernelLaw law = new KernelLaw(6100)) {
            Case one = Case.of(law, DType.F64, 2, 7, 1, 2, 3, 4);
            MemoryScan plain = new ReferenceMemoryScan();
            ThreadTeam team = law.team(1);
            List<Tensor> slopes = one.backward(plain, team);
            List<Tensor> of = List.of(one.in.query(), one.in.key(), one.in.value(), one.in.rate(), one.in.momentum(),
                    one.in.keep(), one.state);
            DoubleSupplier loss = () -> {
                List<Tensor> made = one.forward(plain, team);
                return KernelLaw.dot(one.dy, made.get(0)) + KernelLaw.dot(one.dNext, made.get(1));
            };
            for (int i = 0; i < of.size(); i++) {
                law.assertGradient("input " + i, of.get(i), slopes.get(i), loss);
            }
            law.assertGuardsUntouched();
        }
    }

    @Test
    void vectorIsPlain() {
        for (int time : new int[] {0, 1, 64, 65}) {
            check(6200 + time, 2, time, 2, 3, 5, 7);
        }
        for (int values : new int[] {1, 16, 17}) {
            check(6400 + values, 1, 9, 2, 4, values, 1);
        }
        check(6500, 1, 20, 1, 16, 16, 64);
        // Pieces of whole chunks, of parts of them at both ends, of 64 positions of longer ones; memories of any width.
        check(6501, 2, 300, 1, 8, 8, 7);
        check(6502, 2, 150, 1, 5, 33, 100);
        check(6503, 1, 130, 2, 17, 6, 16);
        check(6504, 2, 7, 1, 4, 4, 5);
    }

    /** Stepping keeps every bit where time is cut. */
    @Test
    void steppingForgetsNothingBetweenCalls() {
        try (KernelLaw law = new KernelLaw(6550)) {
            Case one = Case.of(law, DType.F32, 1, 20, 2, 8, 8, 16);
            MemoryScan steps = VectorMemoryScan.stepping();
            List<Tensor> whole = one.forward(steps, law.team(1));
            Tensor state = law.copy(one.state);
            for (int t = 0; t < 20; t++) {
                Tensor y = law.blank(DType.F32, 1, 1, 2, 8);
                Inputs in = one.in;
                int at = t;
                List<Tensor> row = List.of(in.query(), in.key(), in.value(), in.rate(), in.momentum(), in.keep())
                        .stream().map(of -> {
                            Tensor own = law.blank(DType.F32, 1, 1, 2, of.dim(3));
                            for (long i = 0; i < own.elements(); i++) {
                                own.set(i, of.get(at * own.elements() + i));
                            }
                            return own;
                        }).toList();
                steps.forward(law.team(1), new Inputs(row.get(0), row.get(1), row.get(2), row.get(3), row.get(4),
                        row.get(5), 16, new long[] {t}), state, y, state);
                for (long i = 0; i < 16; i++) {
                    y.set(i, y.get(i) - whole.get(0).get(t * 16L + i));
                }
                law.assertSame("position " + t, y, law.zeros(DType.F32, 1, 1, 2, 8));
            }
            law.assertSame("state", state, whole.get(1));
        }
    }

    private void check(long seed, int batch, int time, int heads, int keys, int values, int chunk) {
        try (KernelLaw law = new KernelLaw(seed)) {
            Case one = Case.of(law, DType.F32, batch, time, heads, keys, values, chunk);
            MemoryScan plain = new ReferenceMemoryScan();
            MemoryScan vector = new VectorMemoryScan();
            List<Tensor> expected = one.forward(plain, law.team(1));
            List<Tensor> slopes = one.backward(plain, law.team(1));
            for (int threads : new int[] {1, 4}) {
                List<Tensor> made = one.forward(vector, law.team(threads));
                List<Tensor> back = one.backward(vector, law.team(threads));
                for (int i = 0; i < 2; i++) {
                    law.assertClose("forward " + i, made.get(i), expected.get(i), TOLERANCE);
                }
                for (int i = 0; i < slopes.size(); i++) {
                    law.assertClose("backward " + i, back.get(i), slopes.get(i), 10 * TOLERANCE);
                }
            }
            law.assertGuardsUntouched();
        }
    }

    /** Surprises of about ten times the longest that is let through: slopes again, and vector = plain. */
    @Test
    void longSurprisesAreShortened() {
        try (KernelLaw law = new KernelLaw(6700)) {
            Case one = surprised(Case.of(law, DType.F64, 2, 7, 1, 2, 3, 4));
            MemoryScan plain = new ReferenceMemoryScan();
            ThreadTeam team = law.team(1);
            List<Tensor> slopes = one.backward(plain, team);
            List<Tensor> of = List.of(one.in.query(), one.in.key(), one.in.rate(), one.in.momentum(), one.in.keep());
            DoubleSupplier loss = () -> {
                List<Tensor> made = one.forward(plain, team);
                return (KernelLaw.dot(one.dy, made.get(0)) + KernelLaw.dot(one.dNext, made.get(1))) / 1e4;
            };
            int[] which = {0, 1, 3, 4, 5};
            for (int i = 0; i < which.length; i++) {
                Tensor slope = slopes.get(which[i]);
                for (long at = 0; at < slope.elements(); at++) {
                    slope.set(at, slope.get(at) / 1e4);
                }
                law.assertGradient("input " + which[i], of.get(i), slope, loss);
            }
        }
        for (int chunk : new int[] {1, 16}) {
            try (KernelLaw law = new KernelLaw(6710 + chunk)) {
                Case one = surprised(Case.of(law, DType.F32, 2, 40, 2, 5, 17, chunk));
                List<Tensor> made = one.forward(new VectorMemoryScan(), law.team(2));
                List<Tensor> expected = one.forward(new ReferenceMemoryScan(), law.team(1));
                List<Tensor> back = one.backward(new VectorMemoryScan(), law.team(2));
                List<Tensor> slopes = one.backward(new ReferenceMemoryScan(), law.team(1));
                for (int i = 0; i < 2; i++) {
                    law.assertClose("forward " + i, made.get(i), expected.get(i), TOLERANCE);
                }
                for (int i = 0; i < slopes.size(); i++) {
                    law.assertClose("backward " + i, back.get(i), slopes.get(i), 10 * TOLERANCE);
                }
                law.assertGuardsUntouched();
            }
        }
    }

    private static Case surprised(Case of) {
        for (long i = 0; i < of.state.elements(); i++) {
            of.state.set(i, 1e4 * of.state.get(i));
        }
        return of;
    }

    /** The same key again and again: its steps of a chunk overshoot together, more with every chunk. */
    @Test
    void aKeyThatComesAgainDoesNotRunAway() {
        for (MemoryScan body : List.of(new ReferenceMemoryScan(), new VectorMemoryScan(),
                VectorMemoryScan.stepping())) {
            try (KernelLaw law = new KernelLaw(6800)) {
                Case one = Case.of(law, DType.F32, 1, 3000, 1, 4, 5, 16);
                one.in.key().fill(0.5);
                one.in.rate().fill(0.3);
                one.in.momentum().fill(0.7);
                one.in.keep().fill(0.99);
                for (Tensor tensor : one.forward(body, law.team(1))) {
                    for (long i = 0; i < tensor.elements(); i++) {
                        assertThat(Math.abs(tensor.get(i))).isLessThan(1e7);
                    }
                }
                for (Tensor tensor : one.backward(body, law.team(1))) {
                    for (long i = 0; i < tensor.elements(); i++) {
                        assertThat(tensor.get(i)).isFinite();
                    }
                }
            }
        }
    }

    /** M ← (1 − α) M − 2θ k (Mᵀ k − v)ᵀ is a diagonal transition and one of rank one. */
    @Test
    void gradientsAtTheNewestMemoryAreTheDeltaRule() {
        try (KernelLaw law = new KernelLaw(6600)) {
            int time = 12, keys = 4, values = 3;
            Case one = Case.of(law, DType.F64, 1, time, 1, keys, values, 1);
            one.in.momentum().fill(0);
            Tensor logDecay = law.copy(one.in.keep());
            Tensor rewrite = law.copy(one.in.key());
            Tensor written = law.copy(one.in.value());
            for (int t = 0; t < time; t++) {
                logDecay.set(t, Math.log(one.in.keep().get(t)));
                for (int i = 0; i < keys; i++) {
                    rewrite.set((long) t * keys + i, -2 * one.in.rate().get(t) * rewrite.get((long) t * keys + i));
                }
                for (int i = 0; i < values; i++) {
                    written.set((long) t * values + i, 2 * one.in.rate().get(t) * written.get((long) t * values + i));
                }
            }
            ScanInputs rule = ScanInputs.rankOne(one.in.query(), one.in.key(), written, logDecay, one.in.key(),
                    rewrite);
            Tensor memory = law.gaussian(DType.F64, 1, 1, keys, values);
            for (int i = 0; i < keys * values; i++) {
                memory.set(i, one.state.get(i));
            }
            Tensor expected = law.copy(one.dy);
            new ReferenceStateScan().forward(law.team(1), rule, memory, expected, memory);
            List<Tensor> made = one.forward(new ReferenceMemoryScan(), law.team(1));
            law.assertClose("y", made.get(0), expected);
        }
    }
}
