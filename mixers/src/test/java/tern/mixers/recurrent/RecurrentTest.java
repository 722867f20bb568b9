package tern.mixers.recurrent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static tern.mixers.Matrices.map;
import static tern.mixers.Matrices.plus;
import static tern.mixers.Matrices.sigmoid;

import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import tern.mixers.Bench;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.ops.Cell;
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
class RecurrentTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("elman", RecurrentConfig.of(Cell.ELMAN), 6, 8, 21),
                MixerCase.of("lstm", RecurrentConfig.of(Cell.LSTM), 6, 8, 21),
                MixerCase.of("gru", RecurrentConfig.heads(Cell.GRU, 2), 6, 8, 21),
                MixerCase.of("gru, reset first", RecurrentConfig.of(Cell.GRU_RESET_FIRST), 6, 8, 21),
                MixerCase.of("slstm", RecurrentConfig.exponential(2), 8, 8, 21),
                MixerCase.of("lstm, heads", RecurrentConfig.heads(Cell.LSTM, 2), 40, 8, 50));
    }

    /** Each cell with all units reading each other, its equations in the plainest form. */
    @ParameterizedTest
    @EnumSource(Cell.class)
    void equalsItsEquations(Cell cell) {
        try (Bench bench = new Bench(new RecurrentConfig(cell, 1, 0, false), 3, 8, 3)) {
            SeededParameters p = bench.parameters;
            p.get("recurrent.weight").copyFrom(
                    Tensors.normal(DType.F64, Seeds.random(7), bench.memory, 1, cell.gates(), 3, 3));
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, 7, 3);
            double[][] given = plus(map(Plain.rows(x), p.get("input.weight")), p.get("input.bias"));
            double[][] h = new double[8][3];
            double[] c = new double[3], n = new double[3];
            for (int t = 0; t < 7; t++) {
                for (int i = 0; i < 3; i++) {
                    double[] g = new double[cell.gates()], r = new double[cell.gates()];
                    for (int k = 0; k < g.length; k++) {
                        g[k] = given[t][3 * k + i];
                        r[k] = read(p, k, i, h[t]);
                    }
                    h[t + 1][i] = switch (cell) {
                        case ELMAN -> Math.tanh(g[0] + r[0]);
                        case LSTM -> {
                            c[i] = sigmoid(g[1] + r[1]) * c[i] + sigmoid(g[0] + r[0]) * Math.tanh(g[2] + r[2]);
                            yield sigmoid(g[3] + r[3]) * Math.tanh(c[i]);
                        }
                        case GRU -> {
                            double z = sigmoid(g[1] + r[1]);
                            double hidden = r[2] + p.get("recurrent.bias").get(i);
                            yield z * h[t][i] + (1 - z) * Math.tanh(g[2] + sigmoid(g[0] + r[0]) * hidden);
                        }
                        case GRU_RESET_FIRST -> {
                            double[] reset = new double[3];
                            for (int j = 0; j < 3; j++) {
                                reset[j] = sigmoid(given[t][j] + read(p, 0, j, h[t])) * h[t][j];
                            }
                            double z = sigmoid(g[1] + r[1]);
                            yield z * h[t][i] + (1 - z) * Math.tanh(g[2] + read(p, 2, i, reset));
                        }
                        // Without the stabiliser, which numbers of this size do not need.
                        case SLSTM -> {
                            double in = Math.exp(g[0] + r[0]), forget = sigmoid(g[1] + r[1]);
                            c[i] = forget * c[i] + in * Math.tanh(g[2] + r[2]);
                            n[i] = forget * n[i] + in;
                            yield sigmoid(g[3] + r[3]) * c[i] / n[i];
                        }
                    };
                }
            }
            double[][] last = List.of(h).subList(1, 8).toArray(double[][]::new);
            Tensors.assertClose(cell.name(), bench.y(x), Plain.flat(map(last, p.get("output.weight"))), 1e-10);
        }
    }

    private static double read(SeededParameters p, int gate, int unit, double[] h) {
        double sum = 0;
        for (int j = 0; j < 3; j++) {
            sum += p.get("recurrent.weight").get((gate * 3L + unit) * 3 + j) * h[j];
        }
        return sum;
    }

    /** Gates far beyond what exponentials hold; from an empty state as well. */
    @Test
    void hugeExponentialGatesStayFinite() {
        for (DType type : List.of(DType.F32, DType.F64)) {
            for (double bias : new double[] {-5000, -200, 200, 5000}) {
                try (Memory memory = new Memory(); OpsUnderTest ops = ops()) {
                    SeededParameters p = new SeededParameters(type, 3, 0.1, memory);
                    SequenceMixer mixer = new RecurrentConfig(Cell.SLSTM, 2, 0, true)
                            .build(new BranchContext(8, 8, 0, 2), p);
                    for (int head = 0; head < 2; head++) {
                        p.get("input.bias").slice(head * 16, head * 16 + 4).fill(bias);
                    }
                    Tensor x = Tensors.normal(type, Seeds.random(5), memory, 1, 50, 8);
                    State empty = State.empty(mixer.stateLayout(), type, 1, 0, memory);
                    Tensor y = mixer.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x), empty).y();
                    for (double value : y.toDoubles()) {
                        assertThat(value).as(type + " with gates of " + bias).isFinite();
                    }
                }
            }
        }
    }

    /** Forget gates of an LSTM start open, those of an sLSTM from open to closed. */
    @Test
    void forgetGatesStartAsUsual() {
        try (Memory memory = new Memory()) {
            SeededParameters p = new SeededParameters(DType.F64, 1, 0, memory);
            RecurrentConfig.of(Cell.LSTM).build(new BranchContext(4, 8, 0, 2), p);
            assertThat(p.get("input.bias").toDoubles()).containsExactly(0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
            SeededParameters exponential = new SeededParameters(DType.F64, 1, 0, memory);
            RecurrentConfig.exponential(2).build(new BranchContext(4, 8, 0, 2), exponential);
            assertThat(exponential.get("gates.bias").toDoubles()).containsExactly(0, 0, 5, -7, 0, 0, 5, -7);
        }
    }

    /** Such a layer would give nothing but 0, and train as if it did not. */
    @Test
    void headsOfOneUnitAreNotNormalised() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Bench(RecurrentConfig.exponential(4), 4, 8, 1))
                .withMessageContaining("a head of 4 is 1 wide").withMessageContaining("choose fewer heads");
        try (Bench bench = new Bench(new RecurrentConfig(Cell.SLSTM, 4, 0, false), 4, 8, 1)) {
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, 3, 4);
            assertThat(bench.y(x)[0]).isNotZero();
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new RecurrentConfig(Cell.GRU, 2, 1, true))
                .withMessageContaining("2 or more taps");
        try (Memory memory = new Memory()) {
            assertThatIllegalArgumentException().isThrownBy(() -> RecurrentConfig.heads(Cell.GRU, 3)
                    .build(new BranchContext(8, 8, 0, 2), new SeededParameters(DType.F32, 1, 0, memory)))
                    .withMessageContaining("does not divide the width 8");
        }
    }
}
