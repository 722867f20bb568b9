package tern.model;

import java.util.List;

import tern.ops.Ops;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/** A model that is another one but for what a subclass changes. As safe for use by several threads as the other. */
public abstract class ForwardingModel implements SequenceModel {
    private final SequenceModel model;

    /** Asks this one for all that is not changed. */
    protected ForwardingModel(SequenceModel model) {
        this.model = model;
    }

    /** The other one. */
    protected final SequenceModel model() {
        return model;
    }

    @Override
    public StackConfig config() {
        return model.config();
    }

    @Override
    public Parameters parameters() {
        return model.parameters();
    }

    @Override
    public boolean causal() {
        return model.causal();
    }

    @Override
    public int limit() {
        return model.limit();
    }

    @Override
    public List<StateLayout> stateLayouts() {
        return model.stateLayouts();
    }

    @Override
    public int tail() {
        return model.tail();
    }

    @Override
    public Tensor head() {
        return model.head();
    }

    @Override
    public Tensor read(Ops ops, Tensor hidden, int... lengths) {
        return model.read(ops, hidden, lengths);
    }

    @Override
    public Tensor outputs(Ops ops, Tensor rows) {
        return model.outputs(ops, rows);
    }
}
