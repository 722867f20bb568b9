package tern.mixers.parallel;

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
 * y = Σ_i out_i f_i(in_i x). State: those of all parts, slots named {@code 0.…}, {@code 1.…}. Parameters likewise. Immutable.
 */
public final class Parallel implements MixerOfParts {
    private final ParallelConfig config;
    private final List<SequenceMixer> mixers = new ArrayList<>();
    private final StateLayout layout;

    Parallel(ParallelConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        List<Slot> slots = new ArrayList<>();
        for (int i = 0; i < config.parts().size(); i++) {
            String name = Integer.toString(i);
            SequenceMixer mixer = config.parts().get(i).mixer().build(at, scope.child(name));
            Expect.that(mixer.reads().isEmpty() && mixer.recalls().isEmpty() && mixer.publishes().isEmpty()
                    && mixer.shares().isEmpty() && mixer.causal(),
                    "parallel: the part " + config.parts().get(i).mixer()
                            + " speaks to other branches, or reads in both"
                            + " directions; expected one that reads its own past alone");
            mixer.stateLayout().slots().forEach(slot -> slots.add(slot.named(name + "." + slot.name())));
            mixers.add(mixer);
        }
        this.layout = new StateLayout(slots);
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public List<SequenceMixer> parts() {
        return List.copyOf(mixers);
    }

    @Override
    public MixerConfig with(List<Optional<MixerConfig>> others) {
        return new ParallelConfig(IntStream.range(0, mixers.size()).mapToObj(i -> {
            ParallelPart part = config.parts().get(i);
            return new ParallelPart(others.get(i).orElse(part.mixer()), part.in(), part.out());
        }).toList());
    }

    @Override
    public int reach() {
        return mixers.stream().mapToInt(SequenceMixer::reach).max().orElseThrow();
    }

    @Override
    public Mixed all(Form form, Ops ops, MixerInput in, State state) {
        List<Tensor> outputs = new ArrayList<>();
        List<Tensor> next = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < mixers.size(); i++) {
            ParallelPart part = config.parts().get(i);
            StateLayout own = mixers.get(i).stateLayout();
            State before = State.of(own, state.slots().subList(from, from + own.slots().size()));
            Mixed mixed = mixers.get(i).mix(form, ops, in.with(scaled(ops, in.x(), part.in())), before);
            outputs.add(scaled(ops, mixed.y(), part.out()));
            next.addAll(mixed.state().slots());
            from += own.slots().size();
        }
        Tensor y = outputs.getFirst();
        for (Tensor more : outputs.subList(1, outputs.size())) {
            y = ops.add(y, more);
        }
        return new Mixed(y, state.next(next.toArray(Tensor[]::new)));
    }

    private static Tensor scaled(Ops ops, Tensor x, double factor) {
        return factor == 1 ? x : ops.scale(x, factor);
    }
}
