package tern.mixers;

import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;

/** One mixer in F64 with its parameters. */
public final class Bench implements AutoCloseable {
    /** Where its tensors live. */
    public final Memory memory = new Memory();
    /** What carries it out. */
    public final OpsUnderTest ops = TapedOps.fastest();
    /** Its parameters, as initialised with a little noise. */
    public final SeededParameters parameters;
    /** The mixer. */
    public final SequenceMixer mixer;

    /** Builds the mixer as branch 0 of 2. */
    public Bench(MixerConfig config, int width, int context, long seed) {
        parameters = new SeededParameters(DType.F64, seed, 0.1, memory);
        mixer = config.build(new BranchContext(width, context, 0, 2), parameters);
    }

    /** The output for fresh sequences. */
    public double[] y(Tensor x) {
        State empty = State.empty(mixer.stateLayout(), x.dtype(), x.dim(0), 0, memory);
        return mixer.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x), empty).y().toDoubles();
    }

    /** Makes every stream but the last constant, whatever the input; the last is the input. The output map is identity. */
    public void openGates(double... values) {
        int width = parameters.get("output.bias").dim(0);
        int taps = parameters.get("short.weight").dim(1);
        parameters.get("projection.weight").fill(0);
        parameters.get("projection.bias").fill(0);
        parameters.get("short.weight").fill(0);
        parameters.get("short.bias").fill(0);
        parameters.get("output.weight").fill(0);
        parameters.get("output.bias").fill(0);
        for (int s = 0; s < values.length; s++) {
            parameters.get("short.bias").slice(s * width, (s + 1) * width).fill(values[s]);
        }
        for (int d = 0; d < width; d++) {
            long row = (long) values.length * width + d;
            parameters.get("projection.weight").set(row * width + d, 1);
            parameters.get("short.weight").set(row * taps + taps - 1, 1);
            parameters.get("output.weight").set((long) d * width + d, 1);
        }
    }

    /** Makes the network of an implicit filter give {@code h_t = first[f]·decay[f]^t} over the context. */
    public void exponentialFilters(int context, double[] first, double[] decay) {
        String last = parameters.declared().containsKey("filter.inner0.weight") ? "filter.inner0" : "filter.input";
        parameters.get(last + ".weight").fill(0);
        parameters.get(last + ".bias").fill(Math.PI / 2);
        parameters.get("filter.frequency").fill(1);
        Tensor output = parameters.get("filter.output.weight");
        int width = output.dim(1);
        for (int f = 0; f < first.length; f++) {
            output.slice(f, f + 1).fill(first[f] / width);
            parameters.get("filter.delta").set(f, -Math.log(decay[f]) * (context - 1));
        }
    }

    @Override
    public void close() {
        ops.close();
        memory.close();
    }
}
