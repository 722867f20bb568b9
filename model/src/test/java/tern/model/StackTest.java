package tern.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** A whole model keeps the laws of its mixers: any cut and any form give the same, and sizes are as promised. */
class StackTest {
    private static final long SEED = 5;

    private final Memory memory = new Memory();
    private final Workspace workspace = new Workspace();
    private final ThreadTeam team = new ThreadTeam(1);
    private final EagerOps ops = new EagerOps(KernelSet.fastest(), team, workspace);

    @AfterEach
    void release() {
        ops.close();
        team.close();
        workspace.close();
        memory.close();
    }

    @ParameterizedTest
    @CsvSource({"nano, 0.3e6", "tiny, 1.0e6", "small, 10e6", "base, 100e6"})
    void presetsOfOneSizeHaveEqualParameters(String size, double about) {
        for (String family : List.of("transformer", "hyena", "multihyena", "modal")) {
            long count = new Stack(Presets.named(family + "-" + size), Parameters.Source.shapesOnly()).parameters()
                    .count();
            assertThat((double) count).as(family + "-" + size).isCloseTo(about, within(0.2 * about));
        }
    }

    @Test
    void anUnknownPresetNamesTheNearest() {
        assertThatIllegalArgumentException().isThrownBy(() -> Presets.named("heyna-tiny"))
                .withMessageContaining("hyena-tiny");
    }

    @ParameterizedTest
    @ValueSource(strings = {"transformer-nano", "hyena-nano", "multihyena-nano", "modal-nano"})
    void anyCutInAnyFormGivesTheSame(String preset) {
        SplittableRandom random = new SplittableRandom(SEED);
        Stack stack = new Stack(Presets.named(preset), Parameters.Source.initialised(SEED, DType.F32, memory));
        int time = 40;
        Tensor ids = memory.zeros(DType.I32, 2, time);
        for (long i = 0; i < ids.elements(); i++) {
            ids.set(i, random.nextInt(256));
        }
        ModelState empty = ModelState.empty(stack.stateLayouts(), DType.F32, 2, time, memory);
        Tensor whole = memory.copyOf(stack.forward(Form.PARALLEL, ops, ids, empty.copy(memory)).hidden());
        ModelState state = empty;
        List<Tensor> pieces = new ArrayList<>();
        for (int from = 0, to; from < time; from = to) {
            to = from + 1 + random.nextInt(time - from);
            Form form = Form.values()[random.nextInt(3)];
            Passed piece = stack.forward(form, ops, ops.slice(ids, 1, from, to), state);
            pieces.add(piece.hidden());
            state = piece.state();
        }
        double[] expected = whole.toDoubles();
        double[] found = ops.concat(pieces, 1).toDoubles();
        for (int i = 0; i < expected.length; i++) {
            assertThat(found[i]).as("%s element %d, seed %d", preset, i, SEED).isCloseTo(expected[i], within(2e-4));
        }
        assertThat(state.ages()).containsExactly(time, time);
    }

    @Test
    void aStackNamesTheBranchThatDoesNotFit() {
        StackConfig config = Presets.named("transformer-nano");
        StackConfig narrow = new StackConfig(256, 65, 64, config.norm(), 1e-5, true, config.branches());
        assertThatIllegalArgumentException().isThrownBy(() -> new Stack(narrow, Parameters.Source.shapesOnly()))
                .withMessageContaining("heads").withMessageContaining("65");
    }

    @Test
    void theSameSeedGivesTheSameParametersWhateverElseIsDeclared() {
        Stack one = new Stack(Presets.named("hyena-nano"), Parameters.Source.initialised(SEED, DType.F32, memory));
        Stack two = new Stack(Presets.named("transformer-nano"),
                Parameters.Source.initialised(SEED, DType.F32, memory));
        assertThat(one.parameters().find("embedding.table").orElseThrow().tensor().toFloats())
                .isEqualTo(two.parameters().find("embedding.table").orElseThrow().tensor().toFloats());
    }
}
