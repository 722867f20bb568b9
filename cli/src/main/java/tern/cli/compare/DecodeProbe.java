package tern.cli.compare;

import java.util.Arrays;
import java.util.function.LongSupplier;

import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.HeadConfig;
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
import tern.train.RunClock;

/** Times reading one sequence position by position on one thread, head included; of two that are compared, both together. */
final class DecodeProbe {
    private static final double ROUND_SECONDS = 0.3;
    private static final double LEAST_SECONDS = 1;
    private static final double MOST_SECONDS = 3;
    private static final int SETTLED_ROUNDS = 3;
    private static final double GAIN = 0.97;
    private static final int MOST_POSITIONS = 1 << 14;

    private DecodeProbe() {
    }

    /**
     * Median microseconds a position over sequences of this length, of the fastest of several rounds: rounds go on until the
     * compiler has settled, which shows in that none of the last few was faster.
     *
     * @param mostSeconds at which no further round begins; what was trained for a moment is not worth seconds
     */
    static double micros(StackConfig config, int length, double mostSeconds) {
        try (Memory memory = new Memory();
                Workspace scratch = new Workspace();
                ThreadTeam alone = new ThreadTeam(1);
                EagerOps ops = new EagerOps(KernelSet.fastest(), alone, scratch)) {
            Stack model = new Stack(config, Parameters.Source.initialised(1, DType.F32, memory));
            double best = Double.POSITIVE_INFINITY;
            int since = 0;
            long begun = System.nanoTime();
            double elapsed = 0;
            double most = Math.min(MOST_SECONDS, mostSeconds);
            do {
                double[] took = run(model, ops, RunClock.of(alone), length, ROUND_SECONDS);
                Arrays.sort(took);
                double median = took[took.length / 2];
                since = median < GAIN * best ? 0 : since + 1;
                best = Math.min(best, median);
                elapsed = (System.nanoTime() - begun) * 1e-9;
            } while (elapsed < most && (since < SETTLED_ROUNDS || elapsed < LEAST_SECONDS));
            return best * 1e6;
        }
    }

    private static double[] run(Stack model, EagerOps ops, LongSupplier clock, int length, double seconds) {
        double[] took = new double[MOST_POSITIONS];
        int each = model.config().readout().map(HeadConfig::sequences).orElse(1);
        int count = 0;
        long begun = System.nanoTime();
        while (count < 2 || count < MOST_POSITIONS && (System.nanoTime() - begun) * 1e-9 < seconds) {
            try (Memory memory = new Memory()) {
                ModelState state = ModelState.empty(model.stateLayouts(), DType.F32, each, length, memory);
                for (int t = 0; t < length && count < MOST_POSITIONS; t++) {
                    Tensor input = input(model, memory, each, t);
                    long from = clock.getAsLong();
                    Passed passed = model.forward(Form.STEP, ops, input, state);
                    model.outputs(ops, model.read(ops, passed.hidden()));
                    took[count++] = (clock.getAsLong() - from) * 1e-9 / each;
                    // States may be results of this step, which the next takes the memory of.
                    state = passed.state().copy(memory);
                    ops.results().reset();
                }
            }
        }
        return Arrays.copyOf(took, count);
    }

    private static Tensor input(Stack model, Memory memory, int sequences, int position) {
        if (model.config().features().isPresent()) {
            Tensor values = memory.zeros(DType.F32, Shape.of(sequences, 1, model.config().features().get()));
            values.fill(0.5);
            return values;
        }
        return memory.zeros(DType.I32, sequences, 1).fill(position % model.config().vocabulary());
    }
}
