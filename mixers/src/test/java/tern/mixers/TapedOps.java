package tern.mixers;

import java.util.List;
import java.util.function.Function;

import tern.autograd.Gradients;
import tern.autograd.TapeOps;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.ops.Ops;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.tensor.Workspace;
import tern.testkit.OpsUnderTest;

/** The operations as the engine carries them out, and gradients by the tape. Confined to one thread. */
public final class TapedOps implements OpsUnderTest {
    private final KernelSet kernels;
    private final ThreadTeam team = new ThreadTeam(2);
    private final Workspace results = new Workspace();
    private final EagerOps eager;
    private final Memory kept = new Memory();

    /** Operations by these bodies in F32. */
    public TapedOps(KernelSet kernels) {
        this.kernels = kernels;
        this.eager = new EagerOps(kernels, team, results);
    }

    /** Operations by the bodies that this machine would use. */
    public static TapedOps fastest() {
        return new TapedOps(KernelSet.fastest());
    }

    @Override
    public Ops eager() {
        return eager;
    }

    @Override
    public void reset() {
        eager.parametersChanged();
        results.reset();
    }

    @Override
    public List<Tensor> gradients(List<Tensor> of, Function<Ops, Tensor> loss) {
        Workspace activations = new Workspace();
        Gradients none = new Gradients(List.of());
        TapeOps tape = new TapeOps(kernels, team, activations, none, false);
        try (activations; none; tape) {
            of.forEach(tape::watch);
            tape.backward(loss.apply(tape), 1);
            return of.stream().map(leaf -> tape.gradient(leaf).map(kept::copyOf)
                    .orElseGet(() -> kept.zeros(leaf.dtype(), leaf.shape()))).toList();
        }
    }

    @Override
    public void close() {
        eager.close();
        team.close();
        results.close();
        kept.close();
    }
}
