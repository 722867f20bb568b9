package tern.testkit;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;

import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/**
 * A mixer that reads wires of the stack's width, as one that reads none: every wire carries tanh of the input, so that laws and
 * gradients see what goes through it.
 *
 * @param reader the mixer that reads wires
 */
public record Wired(MixerConfig reader) implements MixerConfig {
    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Mixer(reader.build(at, scope));
    }

    private record Mixer(SequenceMixer reader) implements SequenceMixer {
        @Override
        public StateLayout stateLayout() {
            return reader.stateLayout();
        }

        @Override
        public boolean causal() {
            return reader.causal();
        }

        @Override
        public Set<String> publishes() {
            return reader.publishes();
        }

        @Override
        public Mixed step(Ops ops, MixerInput in, State state) {
            return reader.step(ops, wired(ops, in), state);
        }

        @Override
        public Mixed chunk(Ops ops, MixerInput in, State state) {
            return reader.chunk(ops, wired(ops, in), state);
        }

        @Override
        public Mixed parallel(Ops ops, MixerInput in, State state) {
            return reader.parallel(ops, wired(ops, in), state);
        }

        private MixerInput wired(Ops ops, MixerInput in) {
            Tensor carried = ops.activate(in.x(), Activation.TANH);
            Map<String, Tensor> wires = new HashMap<>();
            reader.reads().forEach(name -> wires.put(name, carried));
            return new MixerInput(in.x(), in.ages(), wires, in.resets(), in.shared(), in.lengths());
        }
    }
}
