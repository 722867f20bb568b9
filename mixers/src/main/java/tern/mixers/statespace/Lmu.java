package tern.mixers.statespace;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.parts.Heads;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * u = relu(W_u x + b), m ← Ā m + B̄ u, y = W_o relu(W_h [m; x] + c): m holds the last θ inputs as coefficients of Legendre
 * polynomials, and nothing of it is trained (Chilkuri and Eliasmith 2021, arXiv 2102.11417; the block of LMUFormer, arXiv
 * 2402.04882, without its norms and spikes). A sequence from its first position on is a convolution by FFT; one that goes on takes
 * 64 positions at a time.
 *
 * <p>State: m, q numbers a memory, [C,q]. Parameters: {@code transition} [q,q] and {@code input} [q], constants;
 * {@code signal.weight} [C,D], {@code signal.bias}; {@code mix.weight} [D,C·q+D], {@code mix.bias}; {@code output.weight} [D,D].
 * Immutable.
 */
public final class Lmu implements LongConvolutionMixer {
    private final int memories;
    private final int order;
    private final DenseSystem system;
    private final int context;
    private final LmuMaps maps;
    private final StateLayout layout;

    Lmu(LmuConfig config, BranchContext at, ParameterScope scope) {
        this.memories = config.memories();
        this.order = config.order();
        this.system = DenseSystem.declare(scope, order, Role.BUFFER,
                () -> DenseSystem.held(legendre(order, config.window()), inputs(order, config.window())));
        this.context = at.context();
        this.maps = new LmuMaps(memories, order, at, scope);
        this.layout = StateLayout.of(new Slot.Fixed("memory", Shape.of(memories, order)));
    }

    /** A_ij = (2i+1)/θ · (−1 if i < j, else (−1)^(i−j+1)). */
    static double[][] legendre(int order, int window) {
        double[][] a = new double[order][order];
        for (int i = 0; i < order; i++) {
            for (int j = 0; j < order; j++) {
                a[i][j] = (2.0 * i + 1) / window * (i < j || (i - j) % 2 == 0 ? -1 : 1);
            }
        }
        return a;
    }

    /** B_i = (2i+1)(−1)^i/θ. */
    static double[] inputs(int order, int window) {
        double[] b = new double[order];
        for (int i = 0; i < order; i++) {
            b[i] = (2.0 * i + 1) / window * (i % 2 == 0 ? 1 : -1);
        }
        return b;
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        Tensor u = maps.signal(ops, in.x());
        Tensor before = state.slot("memory");
        boolean fresh = !ops.steady() && Arrays.stream(in.ages()).allMatch(age -> age == 0);
        int length = ops.steady() ? 1 : fresh ? Math.max(1, in.time()) : DenseSystem.BLOCK;
        List<Tensor> pieces = new ArrayList<>();
        for (int t = 0; t < in.time(); t += length) {
            Tensor piece = ops.slice(u, 1, t, Math.min(in.time(), t + length));
            Tensor memory = forced(ops, piece);
            if (!fresh) {
                memory = ops.add(memory, ops.reshape(system.free(ops, before, piece.dim(1)), memory.shape()));
            }
            before = ops.reshape(ops.slice(memory, 1, piece.dim(1) - 1, piece.dim(1)), before.shape());
            pieces.add(memory);
        }
        Tensor all = pieces.isEmpty() ? ops.zeros(u.dtype(), u.shape().withLast(memories * order))
                : ops.concat(pieces, 1);
        return new Mixed(maps.read(ops, all, in.x()), state.next(before));
    }

    /** What inputs [B,T,C] give: every coefficient [B,T,C·q] is a convolution of its memory's signal. */
    private Tensor forced(Ops ops, Tensor u) {
        int batch = u.dim(0);
        int time = u.dim(1);
        int all = memories * order;
        Tensor spread = maps.spread(ops, u);
        Tensor taps = responses(ops, time);
        Tensor none = ops.zeros(u.dtype(), spread.shape().with(1, 0));
        Tensor nothing = Heads.constant(ops, this, u.dtype(), Shape.of(all), 0);
        return ops.longConvolution(spread, taps, nothing, none, new long[batch], none).y();
    }

    /** Of every coefficient of every memory, [time,C·q]. */
    private Tensor responses(Ops ops, int time) {
        return ops.derived(this, "taps " + time, () -> {
            Tensor impulse = ops.reshape(system.impulse(ops, time), Shape.of(time, 1, order));
            return ops.reshape(memories == 1 ? impulse
                    : ops.concat(Collections.nCopies(memories, impulse), 1), Shape.of(time, memories * order));
        });
    }

    @Override
    public int banks() {
        return 1;
    }

    /** One for each coefficient of each memory. */
    @Override
    public int filters() {
        return memories * order;
    }

    @Override
    public int headWidth() {
        return 1;
    }

    /** As many taps as the stack's context; the recurrence itself does not end there. */
    @Override
    public Tensor taps(Ops ops, int bank) {
        return responses(ops, context);
    }

    /** Nothing. */
    @Override
    public Tensor skip(int bank) {
        return Tensor.over(DType.F32, Shape.of(filters()), MemorySegment.ofArray(new float[filters()]));
    }

    @Override
    public MixerConfig modal(List<Integer> pairs, List<Integer> reals) {
        return new LmuModalConfig(memories, order, pairs, reals);
    }
}
