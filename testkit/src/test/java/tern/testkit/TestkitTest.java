package tern.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.sequence.Initialiser;
import tern.sequence.Role;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** What tests rely on must itself be able to fail. */
class TestkitTest {
    @Test
    void aFailureNamesItsSeed() {
        List<Long> checked = new ArrayList<>();
        assertThatThrownBy(() -> Seeds.forAll(9, (seed, random) -> {
            checked.add(seed);
            assertThat(seed).isLessThan(3);
        })).isInstanceOf(AssertionError.class).hasMessageStartingWith("seed 3 (-Dtern.seed=3 runs it alone): ");
        assertThat(checked).containsExactly(1L, 2L, 3L);
        assertThatThrownBy(() -> Seeds.forAll(1, (seed, random) -> {
            throw new IllegalStateException("broken");
        })).isInstanceOf(AssertionError.class).hasMessageContaining("seed 1").hasRootCauseMessage("broken");
    }

    @Test
    void closenessIsRelativeToTheLargestValueAndNeverBelowOne() {
        double[] expected = {0, 200};
        assertThatCode(() -> Tensors.assertClose("x", new double[] {0.019, 200}, expected, 1e-4))
                .doesNotThrowAnyException();
        assertThatThrownBy(() -> Tensors.assertClose("x", new double[] {0.021, 200}, expected, 1e-4)).isInstanceOf(
                AssertionError.class).hasMessageContaining("x: element 0 is 0.021, expected 0.0");
        assertThatCode(() -> Tensors.assertClose("x", new double[] {0.9e-4}, new double[1], 1e-4))
                .doesNotThrowAnyException();
        assertThatThrownBy(() -> Tensors.assertClose("x", new double[] {1.1e-4}, new double[1], 1e-4)).isInstanceOf(
                AssertionError.class);
    }

    @Test
    void notANumberIsCloseToNothing() {
        assertThatThrownBy(() -> Tensors.assertClose("x", new double[] {Double.NaN}, new double[1], 1)).isInstanceOf(
                AssertionError.class).hasMessageContaining("element 0 is NaN");
        assertThatThrownBy(() -> Tensors.assertClose("x", new double[1], new double[2], 1)).hasMessageContaining(
                "1 elements, expected 2");
    }

    @Test
    void shapesAndBitsAreCompared() {
        try (Memory memory = new Memory()) {
            Tensor a = memory.zeros(DType.F32, 2, 3);
            assertThatThrownBy(() -> Tensors.assertClose("x", a, memory.zeros(DType.F32, 3, 2))).hasMessageContaining(
                    "shape [2, 3], expected [3, 2]");
            Tensor b = memory.copyOf(a);
            assertThatCode(() -> Tensors.assertEqual("x", b, a)).doesNotThrowAnyException();
            b.set(4, Float.MIN_VALUE);
            assertThatThrownBy(() -> Tensors.assertEqual("x", b, a)).hasMessageContaining("element 4");
            b.set(5, -2);
            assertThat(Tensors.largestDifference(a, b)).isEqualTo(2);
        }
    }

    @Test
    void parametersAreTheSameNumbersInBothTypes() {
        try (Memory memory = new Memory()) {
            Tensor[] tensors = new Tensor[2];
            for (DType dtype : List.of(DType.F32, DType.F64)) {
                SeededParameters parameters = new SeededParameters(dtype, 5, 0.1, memory);
                tensors[dtype == DType.F32 ? 0 : 1] = parameters.child("a").parameter("b", Shape.of(7), Role.MATRIX,
                        Initialiser.normal(1));
                assertThat(parameters.get("a.b").dtype()).isEqualTo(dtype);
                Tensor buffer = parameters.parameter("c", Shape.of(2), Role.BUFFER, Initialiser.constant(0.5));
                assertThat(buffer.toDoubles()).as("buffers get no noise").containsExactly(0.5, 0.5);
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> parameters.parameter("c", Shape.of(2), Role.BUFFER,
                                Initialiser.constant(0)))
                        .withMessageContaining("\"c\" is declared twice");
                assertThatIllegalArgumentException().isThrownBy(() -> parameters.get("d")).withMessageContaining("a.b");
            }
            assertThat(tensors[0].toDoubles()).containsExactly(tensors[1].toDoubles());
        }
    }
}
