package tern.mixers.mlstm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static tern.mixers.Matrices.constant;
import static tern.mixers.Matrices.each;
import static tern.mixers.Matrices.gain;
import static tern.mixers.Matrices.map;
import static tern.mixers.Matrices.normalise;
import static tern.mixers.Matrices.plus;
import static tern.mixers.Matrices.product;
import static tern.mixers.Matrices.read;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Matrices;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.MixerInput;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws, and the equations written out. */
class MlstmTest extends MixerContract {
    private static final int TIME = 9;

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("exponential", MlstmConfig.exponential(2, 3), 8, 8, 40),
                MixerCase.of("exponential, no cap",
                        new MlstmConfig(2, 2, MlstmConfig.Gate.EXPONENTIAL, true, 0, 1e-6), 6, 8, 40),
                MixerCase.of("sigmoid", MlstmConfig.sigmoid(2, 3), 8, 8, 40),
                MixerCase.of("sigmoid, normalised",
                        new MlstmConfig(2, 3, MlstmConfig.Gate.SIGMOID, true, 15, 1e-6), 8, 8, 40),
                MixerCase.of("long", MlstmConfig.exponential(2, 16), 32, 8, 150));
    }

    /** The recurrence without a stabiliser, which numbers of this size do not need: max(|n·q|, 1) and ε·e^m remain of it. */
    @Test
    void equalsItsEquations() {
        for (MlstmConfig.Gate kind : MlstmConfig.Gate.values()) {
            boolean exponential = kind == MlstmConfig.Gate.EXPONENTIAL;
            try (Bench bench = new Bench(new MlstmConfig(2, 3, kind, exponential, 2, 1e-6), 8, 8, 3)) {
                SeededParameters p = bench.parameters;
                p.get("inputGate.bias").setAll(0.5, 1.5);
                Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, TIME, 8);
                double[][] rows = Plain.rows(x);
                double[][] q = each(map(rows, p.get("query.weight")), value -> value / Math.sqrt(3));
                double[][] k = map(rows, p.get("key.weight"));
                double[][] i = each(plus(map(rows, p.get("inputGate.weight")), p.get("inputGate.bias")),
                        value -> 2 * Math.tanh(value / 2));
                double[][] g = each(plus(map(rows, p.get("forgetGate.weight")), p.get("forgetGate.bias")),
                        value -> Math.log(Matrices.sigmoid(2 * Math.tanh(value / 2))));
                double[][] rate = each(i, exponential ? Math::exp : Matrices::sigmoid);
                double[][] read = read(2, q, k, map(rows, p.get("value.weight")), g, rate, 0);
                if (exponential) {
                    double[][] sums = read(2, q, k, constant(TIME, 2, 1), g, rate, 0);
                    double[] m = new double[2];
                    for (int t = 0; t < TIME; t++) {
                        for (int h = 0; h < 2; h++) {
                            m[h] = Math.max(m[h] + g[t][h], i[t][h]);
                            for (int j = 0; j < 4; j++) {
                                read[t][4 * h + j] /= Math.max(Math.abs(sums[t][h]), 1) + 1e-6 * Math.exp(m[h]);
                            }
                        }
                    }
                }
                double[][] y = product(gain(normalise(read, 2, true, 1e-6), p.get("norm.gain")),
                        each(map(rows, p.get("gate.weight")), Matrices::sigmoid));
                Tensors.assertClose(kind.name(), bench.y(x), Plain.flat(map(y, p.get("output.weight"))), 1e-10);
            }
        }
    }

    /** Input gates of 200 overflow even doubles when their exponentials are multiplied; here nothing does, in either type. */
    @Test
    void hugeGatesStayFinite() {
        for (DType type : List.of(DType.F32, DType.F64)) {
            for (double bias : new double[] {200, -200, 5000}) {
                try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
                    SeededParameters p = new SeededParameters(type, 3, 0.1, memory);
                    SequenceMixer mixer = new MlstmConfig(2, 3, MlstmConfig.Gate.EXPONENTIAL, true, 0, 1e-6)
                            .build(new BranchContext(8, 8, 0, 2), p);
                    p.get("inputGate.bias").fill(bias);
                    Tensor x = Tensors.normal(type, Seeds.random(5), memory, 1, 300, 8);
                    State empty = State.empty(mixer.stateLayout(), type, 1, 0, memory);
                    Tensor y = mixer.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x), empty).y();
                    for (double value : y.toDoubles()) {
                        assertThat(value).as(type + " with gates of " + bias).isFinite();
                    }
                }
            }
        }
    }

    /** Input gates start nearly closed, forget gates open to different degrees. */
    @Test
    void gatesStartAsReleased() {
        try (Memory memory = new Memory()) {
            SeededParameters scope = new SeededParameters(DType.F64, 1, 0, memory);
            MlstmConfig.exponential(4, 4).build(new BranchContext(32, 8, 0, 2), scope);
            assertThat(scope.get("forgetGate.bias").toDoubles()).containsExactly(3, 4, 5, 6);
            assertThat(scope.get("inputGate.bias").toDoubles()).containsOnly(-10);
            assertThat(scope.get("inputGate.weight").toDoubles()).containsOnly(0);
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MlstmConfig(2, 3, MlstmConfig.Gate.EXPONENTIAL, false, 15, 1e-6))
                .withMessageContaining("needs its normaliser").withMessageContaining("SIGMOID");
    }
}
