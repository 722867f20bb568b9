package tern.cli.compare;

import java.util.Arrays;

import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.ModelState;
import tern.model.Parameters;
import tern.model.Passed;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** Times reading one sequence position by position on one thread, head included. */
final class DecodeProbe {
    private static final double WARM_SECONDS = 1.2;
    private static final double SECONDS = 0.8;
    private static final int MOST_POSITIONS = 1 << 14;

    private DecodeProbe() {
    }

    /** Median microseconds a position over sequences of this length. */
    static double micros(StackConfig config, int length) {
        try (Memory memory = new Memory();
                Workspace scratch = new Workspace();
                ThreadTeam alone = new ThreadTeam(1);
                EagerOps ops = new EagerOps(KernelSet.fastest(), alone, scratch)) {
            Stack model = new Stack(config, Parameters.Source.initialised(1, DType.F32, memory));
            run(model, ops, length, WARM_SECONDS);
            double[] took = run(model, ops, length, SECONDS);
            Arrays.sort(took);
            return took[took.length / 2] * 1e6;
        }
    }

    private static double[] run(Stack model, EagerOps ops, int length, double seconds) {
        double[] took = new double[MOST_POSITIONS];
        int count = 0;
        long begun = System.nanoTime();
        while (count < 2 || count < MOST_POSITIONS && (System.nanoTime() - begun) * 1e-9 < seconds) {
            try (Memory memory = new Memory()) {
                ModelState state = ModelState.empty(model.stateLayouts(), DType.F32, 1, length, memory);
                for (int t = 0; t < length && count < MOST_POSITIONS; t++) {
                    Tensor input = input(model, memory, t);
                    long from = System.nanoTime();
                    Passed passed = model.forward(Form.STEP, ops, input, state);
                    model.outputs(ops, model.read(ops, passed.hidden()));
                    took[count++] = (System.nanoTime() - from) * 1e-9;
                    // States may be results of this step, which the next takes the memory of.
                    state = passed.state().copy(memory);
                    ops.results().reset();
                }
            }
        }
        return Arrays.copyOf(took, count);
    }

    private static Tensor input(Stack model, Memory memory, int position) {
        if (model.config().features().isPresent()) {
            Tensor values = memory.zeros(DType.F32, Shape.of(1, 1, model.config().features().get()));
            values.fill(0.5);
            return values;
        }
        Tensor ids = memory.zeros(DType.I32, 1, 1);
        ids.set(0, position % model.config().vocabulary());
        return ids;
    }
}
