package tern.inference;

import java.util.ArrayList;
import java.util.List;

import tern.model.ForwardingModel;
import tern.model.ModelInput;
import tern.model.ModelState;
import tern.model.Outputs;
import tern.model.Passed;
import tern.model.SequenceModel;
import tern.ops.Ops;
import tern.sequence.Form;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A network whose head reads the mean over all positions, as a stream knows it: the mean so far is one more part of the state,
 * and what a pass gives for its last position. With n positions before, T more make it m ← n/(n+T)·m + Σ_t h_t/(n+T).
 */
final class RunningMean extends ForwardingModel {
    private static final String MEAN = "mean";

    private final StateLayout layout;

    RunningMean(SequenceModel network) {
        super(network);
        this.layout = StateLayout.of(new Slot.Fixed(MEAN, Shape.of(network.config().width())));
    }

    @Override
    public List<StateLayout> stateLayouts() {
        List<StateLayout> layouts = new ArrayList<>(model().stateLayouts());
        layouts.add(layout);
        return List.copyOf(layouts);
    }

    @Override
    public Passed forward(Form form, Ops ops, ModelInput in, ModelState state) {
        int branches = state.states().size() - 1;
        Passed passed = model().forward(form, ops, new ModelInput(in.ids(), in.resets(), in.lengths(), Outputs.ALL),
                new ModelState(state.states().subList(0, branches), state.ages()));
        State before = state.states().get(branches);
        Tensor mean = mean(ops, passed.hidden(), before.slot(MEAN), state.ages());
        List<State> later = new ArrayList<>(passed.state().states());
        later.add(before.next(mean));
        Shape row = Shape.of(mean.dim(0), 1, mean.dim(1));
        return new Passed(ops.reshape(mean, row), new ModelState(later, passed.state().ages()));
    }

    /** A gated scan whose one key is the share of a position, and whose first decay is that of the mean before. */
    private static Tensor mean(Ops ops, Tensor hidden, Tensor before, long... ages) {
        int batch = hidden.dim(0);
        int time = hidden.dim(1);
        int width = hidden.dim(2);
        DType dtype = hidden.dtype();
        Tensor keys = ops.zeros(dtype, Shape.of(batch, time, 1, 1));
        Tensor decays = ops.zeros(dtype, keys.shape());
        for (int row = 0; row < batch; row++) {
            double count = ages[row] + (double) time;
            // Before the first position there is nothing to decay.
            decays.set((long) row * time, ages[row] == 0 ? 0 : Math.log(ages[row] / count));
            for (int t = 0; t < time; t++) {
                keys.set((long) row * time + t, 1 / count);
            }
        }
        Tensor state = ops.gatedScan(ops.zeros(dtype, keys.shape()), keys,
                ops.reshape(hidden, Shape.of(batch, time, 1, width)), decays,
                ops.reshape(before, Shape.of(batch, 1, 1, width))).state();
        return ops.reshape(state, Shape.of(batch, width));
    }

    /** Every position counts. */
    @Override
    public int tail() {
        return 1;
    }
}
