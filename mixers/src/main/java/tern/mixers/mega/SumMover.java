package tern.mixers.mega;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

import tern.mixers.modal.MixerOfParts;
import tern.mixers.parts.Expect;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/**
 * y = f(Σ_i mover_i(x)): the moving average and the dilated convolutions in parallel, for ablations. State: those of the movers,
 * under {@code 0.}, {@code 1.} …; parameters likewise. Immutable.
 */
public final class SumMover implements MixerOfParts {
    private final SumMoverConfig config;
    private final List<SequenceMixer> movers = new ArrayList<>();
    private final StateLayout layout;

    SumMover(SumMoverConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        List<Slot> slots = new ArrayList<>();
        for (int i = 0; i < config.movers().size(); i++) {
            String name = Integer.toString(i);
            SequenceMixer mover = config.movers().get(i).build(at, scope.child(name));
            Expect.that(mover.reads().isEmpty() && mover.recalls().isEmpty() && mover.publishes().isEmpty()
                    && mover.shares().isEmpty(),
                    "sum-mover: " + config.movers().get(i)
                            + " speaks to other branches; expected movers that read their input alone");
            Expect.that(movers.isEmpty() || movers.getFirst().causal() == mover.causal(), "sum-mover: "
                    + config.movers().get(i) + (mover.causal() ? " looks back only" : " reads in both directions")
                    + " and the first mover does not; set all alike");
            mover.stateLayout().slots().forEach(slot -> slots.add(slot.named(name + "." + slot.name())));
            movers.add(mover);
        }
        this.layout = new StateLayout(slots);
    }

    @Override
    public boolean causal() {
        return movers.getFirst().causal();
    }

    @Override
    public List<SequenceMixer> parts() {
        return List.copyOf(movers);
    }

    @Override
    public MixerConfig with(List<Optional<MixerConfig>> others) {
        return new SumMoverConfig(IntStream.range(0, movers.size())
                .mapToObj(i -> others.get(i).orElse(config.movers().get(i))).toList(), config.activation());
    }

    @Override
    public int reach() {
        return movers.stream().mapToInt(SequenceMixer::reach).max().orElseThrow();
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Mixed all(Form form, Ops ops, MixerInput in, State state) {
        List<Tensor> parts = new ArrayList<>();
        List<Tensor> next = new ArrayList<>();
        List<Tensor> slots = state.slots();
        int from = 0;
        for (SequenceMixer mover : movers) {
            int to = from + mover.stateLayout().slots().size();
            Mixed mixed = mover.mix(form, ops, in, State.of(mover.stateLayout(), slots.subList(from, to)));
            parts.add(mixed.y());
            next.addAll(mixed.state().slots());
            from = to;
        }
        Tensor sum = parts.getFirst();
        for (Tensor part : parts.subList(1, parts.size())) {
            sum = ops.add(sum, part);
        }
        return new Mixed(ops.activate(sum, config.activation()), state.next(next.toArray(Tensor[]::new)));
    }
}
