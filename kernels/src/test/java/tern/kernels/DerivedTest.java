package tern.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;

import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** What is derived from parameters lives as long as its model, and no longer. */
class DerivedTest {
    private final Object mixer = new Object();
    private final AtomicInteger computed = new AtomicInteger();

    private Tensor derived(EagerOps ops, double value) {
        return ops.derived(mixer, "twice", () -> {
            computed.incrementAndGet();
            return ops.zeros(DType.F32, Shape.of(3)).fill(2 * value);
        });
    }

    @Test
    void aModelThatIsForgottenTakesWhatWasDerivedWithItAndNothingElse() {
        Object one = new Object();
        Object other = new Object();
        try (ThreadTeam team = new ThreadTeam(1);
                Workspace results = new Workspace();
                EagerOps ops = new EagerOps(KernelSet.reference(), team, results)) {
            Tensor unnamed = derived(ops, 1);
            ops.begin(one);
            Tensor first = derived(ops, 2);
            Tensor ids = results.allocate(DType.I32, Shape.of(1, 1)).fill(0);
            ops.derivedRows(mixer, "rows", ids, missing -> ops.zeros(DType.F32, Shape.of(missing.dim(0), 4)));
            long rows = ops.keptRowsBytes();
            assertThat(rows).isPositive();
            ops.begin(other);
            Tensor second = derived(ops, 3);
            ops.begin(one);
            assertThat(derived(ops, 9)).isSameAs(first);
            ops.forget(one);
            assertThat(ops.keptRowsBytes()).isZero();
            assertThatIllegalStateException().isThrownBy(() -> first.get(0));
            assertThat(unnamed.get(0)).isEqualTo(2);
            assertThat(second.get(0)).isEqualTo(6);
            ops.begin(other);
            assertThat(derived(ops, 9)).isSameAs(second);
            ops.begin(one);
            assertThat(derived(ops, 5).get(0)).as("a model that comes back").isEqualTo(10);
            assertThat(computed).hasValue(4);
            ops.parametersChanged();
            assertThatIllegalStateException().isThrownBy(() -> second.get(0));
            assertThat(derived(ops, 7).get(0)).isEqualTo(14);
        }
    }
}
