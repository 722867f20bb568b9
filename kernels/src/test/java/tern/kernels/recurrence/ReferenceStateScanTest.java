package tern.kernels.recurrence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import tern.kernels.KernelLaw;
import tern.kernels.recurrence.ScanLaw.Decay;
import tern.kernels.recurrence.ScanLaw.Named;
import tern.kernels.recurrence.ScanLaw.Rule;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The plain bodies against what the papers and finite differences say. */
class ReferenceStateScanTest {
    private final StateScan scan = new ReferenceStateScan();

    @ParameterizedTest
    @EnumSource(Rule.class)
    void gradientsAreSlopesBeyondOneCheckpoint(Rule rule) {
        try (KernelLaw law = new KernelLaw(31 + rule.ordinal())) {
            int time = 67;
            ScanInputs in = ScanLaw.draw(law, rule, Decay.TYPICAL, DType.F64, 1, time, 1, 2, 2, 1, time, 1, 2);
            Tensor state = law.gaussian(DType.F64, 1, 1, 2, 2);
            Tensor y = law.blank(DType.F64, 1, time, 1, 2);
            Tensor next = law.blank(DType.F64, 1, 1, 2, 2);
            Tensor dy = law.gaussian(DType.F64, 1, time, 1, 2);
            Tensor dNext = law.gaussian(DType.F64, 1, 1, 2, 2);
            ScanInputs d = ScanLaw.gradients(law, in);
            d.bonus().fill(0);
            Tensor dState = law.blank(DType.F64, 1, 1, 2, 2);
            scan.backward(law.team(1), in, state, dy, dNext, d, dState);
            for (int i = 0; i < ScanLaw.list(d).size(); i++) {
                Named gradient = ScanLaw.list(d).get(i);
                law.assertGradient(gradient.name(), ScanLaw.list(in).get(i).tensor(), gradient.tensor(), () -> {
                    scan.forward(law.team(1), in, state, y, next);
                    return KernelLaw.dot(dy, y) + KernelLaw.dot(dNext, next);
                });
            }
            law.assertGuardsUntouched();
        }
    }

    /** RWKV-7 with rate 1 and no decay replaces what a key holds: what is read with the key is the new value alone. */
    @Test
    void rankOneReplacesExactly() {
        try (KernelLaw law = new KernelLaw(41)) {
            int keys = 4;
            Tensor key = law.gaussian(DType.F64, 1, 1, 1, keys);
            double norm = Math.sqrt(KernelLaw.dot(key, key));
            Tensor probe = law.zeros(DType.F64, 1, 1, 1, keys);
            for (int i = 0; i < keys; i++) {
                key.set(i, key.get(i) / norm);
                probe.set(i, -key.get(i));
            }
            Tensor value = law.gaussian(DType.F64, 1, 1, 1, 3);
            Tensor state = law.gaussian(DType.F64, 1, 1, keys, 3);
            Tensor y = law.blank(DType.F64, 1, 1, 1, 3);
            Tensor logDecay = law.zeros(DType.F64, 1, 1, 1, 1);
            scan.forward(law.team(1), ScanInputs.rankOne(key, key, value, logDecay, probe, key), state, y, state);
            law.assertClose("what the key reads", y, value);
        }
    }

    /** With b = 0 the rank-one scan is the gated scan; with u = 0 the bonus scan is the gated one a position late. */
    @Test
    void recurrencesAgreeWhereTheyMeet() {
        try (KernelLaw law = new KernelLaw(42)) {
            int time = 9;
            ScanInputs in = ScanLaw.draw(law, Rule.GATED, Decay.TYPICAL, DType.F64, 1, time, 2, 3, 4, 1, time, 2, 3);
            Tensor state = law.gaussian(DType.F64, 1, 2, 3, 4);
            Tensor expected = law.blank(DType.F64, 1, time, 2, 4);
            Tensor expectedState = law.blank(DType.F64, 1, 2, 3, 4);
            scan.forward(law.team(1), in, state, expected, expectedState);
            Tensor probe = law.gaussian(DType.F64, 1, time, 2, 3);
            Tensor nothing = law.zeros(DType.F64, 1, time, 2, 3);
            Tensor y = law.blank(DType.F64, 1, time, 2, 4);
            Tensor next = law.blank(DType.F64, 1, 2, 3, 4);
            scan.forward(law.team(1),
                    ScanInputs.rankOne(in.query(), in.key(), in.value(), in.logDecay(), probe, nothing),
                    state, y, next);
            law.assertSame("rank one without rewrite", y, expected);
            law.assertSame("its state", next, expectedState);

            Tensor late = law.zeros(DType.F64, 1, time, 2, 3);
            ScanLaw.slice(late, 1, time).copyFrom(ScanLaw.slice(in.query(), 0, time - 1));
            scan.forward(law.team(1),
                    ScanInputs.bonus(late, in.key(), in.value(), in.logDecay(), law.zeros(DType.F64, 2, 3)), state, y,
                    next);
            law.assertSame("read a position later", ScanLaw.slice(y, 1, time), ScanLaw.slice(expected, 0, time - 1));
            law.assertSame("its state", next, expectedState);
        }
    }

    /** v5 is v6 with a constant decay, and one decay a head is the same decay for all keys. */
    @Test
    void sharedDecaysAreTheSameDecaysWrittenOut() {
        try (KernelLaw law = new KernelLaw(43)) {
            ScanInputs in = ScanLaw.draw(law, Rule.BONUS, Decay.TYPICAL, DType.F64, 2, 5, 2, 3, 4, 1, 1, 2, 3);
            Tensor written = law.blank(DType.F64, 2, 5, 2, 3);
            for (long i = 0; i < written.elements(); i++) {
                written.set(i, in.logDecay().get(i % 6));
            }
            Tensor state = law.gaussian(DType.F64, 2, 2, 3, 4);
            Tensor expected = law.blank(DType.F64, 2, 5, 2, 4);
            Tensor y = law.blank(DType.F64, 2, 5, 2, 4);
            Tensor next = law.blank(DType.F64, 2, 2, 3, 4);
            scan.forward(law.team(1), in, state, expected, next);
            scan.forward(law.team(1), ScanInputs.bonus(in.query(), in.key(), in.value(), written, in.bonus()), state, y,
                    next);
            law.assertSame("constant decay", y, expected);
        }
    }

    /** What decays to nothing in one position gives zeros, never NaN. */
    @Test
    void infiniteDecayForgets() {
        try (KernelLaw law = new KernelLaw(44)) {
            ScanInputs in = ScanLaw.draw(law, Rule.GATED, Decay.MILD, DType.F64, 1, 2, 1, 2, 2, 1, 2, 1, 1);
            in.logDecay().set(1, Double.NEGATIVE_INFINITY);
            Tensor state = law.gaussian(DType.F64, 1, 1, 2, 2);
            Tensor y = law.blank(DType.F64, 1, 2, 1, 2);
            Tensor next = law.blank(DType.F64, 1, 1, 2, 2);
            scan.forward(law.team(1), in, state, y, next);
            for (int i = 0; i < 2; i++) {
                for (int j = 0; j < 2; j++) {
                    assertThat(next.get(2L * i + j)).isEqualTo(in.key().get(2 + i) * in.value().get(2 + j));
                }
            }
            ScanInputs d = ScanLaw.gradients(law, in);
            Tensor dState = law.blank(DType.F64, 1, 1, 2, 2);
            scan.backward(law.team(1), in, state, law.zeros(DType.F64, 1, 2, 1, 2), law.gaussian(DType.F64, 1, 1, 2, 2),
                    d, dState);
            assertThat(d.logDecay().toDoubles()).containsExactly(0, 0);
            assertThat(dState.toDoubles()).containsOnly(0);
        }
    }

    /** The product of (q ⊙ e^G) and (k ⊙ e^(−G)), which the chunk form avoids, overflows at decays that models have. */
    @ParameterizedTest
    @EnumSource(Decay.class)
    void naiveFactorisedProductIsNoChunkForm(Decay decay) {
        try (KernelLaw law = new KernelLaw(45)) {
            int time = 64;
            ScanInputs in = ScanLaw.draw(law, Rule.GATED, decay, DType.F32, 1, time, 1, 64, 1, 1, time, 1, 64);
            boolean finite = true;
            double worst = 0;
            for (int i = 0; i < time; i++) {
                for (int j = 0; j <= i; j++) {
                    float factorised = 0;
                    double exact = 0;
                    for (int d = 0; d < 64; d++) {
                        double from = sum(in.logDecay(), d, j);
                        double to = sum(in.logDecay(), d, i);
                        float left = (float) (in.query().get(64L * i + d) * (float) Math.exp(to));
                        factorised += left * (float) (in.key().get(64L * j + d) * (float) Math.exp(-from));
                        exact += in.query().get(64L * i + d) * in.key().get(64L * j + d) * Math.exp(to - from);
                    }
                    finite &= Float.isFinite(factorised);
                    worst = Math.max(worst, Math.abs(factorised - exact));
                }
            }
            if (decay == Decay.MILD) {
                assertThat(worst).isLessThan(1e-4);
            } else {
                assertThat(finite).as("decay %s", decay).isFalse();
            }
        }
    }

    private static double sum(Tensor logDecay, int d, int last) {
        double sum = 0;
        for (int t = 0; t <= last; t++) {
            sum += logDecay.get(64L * t + d);
        }
        return sum;
    }

    @Test
    void averageOfOnePositionIsItsValue() {
        try (KernelLaw law = new KernelLaw(46)) {
            Tensor key = law.gaussian(DType.F64, 1, 1, 3);
            Tensor value = law.gaussian(DType.F64, 1, 1, 3);
            Tensor state = law.zeros(DType.F64, 1, 3, 3);
            Tensor y = law.blank(DType.F64, 1, 1, 3);
            new ReferenceAverageScan().forward(law.team(1), key, value, law.gaussian(DType.F64, 3),
                    law.gaussian(DType.F64, 3), state, y, state);
            law.assertClose("y", y, value);
            for (int d = 0; d < 3; d++) {
                assertThat(state.get(d)).isEqualTo(value.get(d));
                assertThat(state.get(3 + d)).isEqualTo(1);
                assertThat(state.get(6 + d)).isEqualTo(key.get(d));
            }
        }
    }

    /** The formula as the paper writes it, position against position. */
    @Test
    void averageIsTheWeightedSum() {
        try (KernelLaw law = new KernelLaw(47)) {
            int time = 12;
            Tensor key = law.gaussian(DType.F64, 1, time, 1);
            Tensor value = law.gaussian(DType.F64, 1, time, 1);
            Tensor decay = law.gaussian(DType.F64, 1);
            Tensor bonus = law.gaussian(DType.F64, 1);
            Tensor state = law.zeros(DType.F64, 1, 3, 1);
            Tensor y = law.blank(DType.F64, 1, time, 1);
            new ReferenceAverageScan().forward(law.team(1), key, value, decay, bonus, state, y, state);
            double w = Math.exp(decay.get(0));
            for (int t = 0; t < time; t++) {
                double own = Math.exp(bonus.get(0) + key.get(t));
                double above = own * value.get(t);
                double below = own;
                for (int i = 0; i < t; i++) {
                    double weight = Math.exp(key.get(i) - (t - 1 - i) * w);
                    above += weight * value.get(i);
                    below += weight;
                }
                assertThat(y.get(t)).isCloseTo(above / below, within(1e-12));
            }
        }
    }
}
