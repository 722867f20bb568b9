package tern.cli.compare;

import java.util.List;

import tern.checkpoint.RecordJson;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;

/** Brings architectures to the same number of parameters by the width of their channel mixing. Stateless. */
public final class EqualParameters {
    private static final int STEP = 4;

    private EqualParameters() {
    }

    /** Number of trained values; nothing is allocated. */
    public static long count(StackConfig config) {
        return new Stack(config, Parameters.Source.shapesOnly()).parameters().count();
    }

    /**
     * The architecture with as many parameters as asked for, as nearly as multiples of four channels allow; unchanged where
     * no branch mixes channels through an inner width, or none is narrow enough.
     */
    public static StackConfig fitted(StackConfig config, long parameters) {
        boolean adjustable = config.branches().stream()
                .anyMatch(branch -> branch instanceof Record record && RecordJson.knows(record.getClass(), "inner"));
        if (!adjustable) {
            return config;
        }
        long one = count(withInner(config, STEP));
        long perStep = count(withInner(config, 2 * STEP)) - one;
        long steps = 1 + Math.round((double) (parameters - one) / perStep);
        return steps < 1 ? config : withInner(config, Math.toIntExact(steps * STEP));
    }

    private static StackConfig withInner(StackConfig config, int inner) {
        return RecordJson.with(config, List.of("branches.*.inner=" + inner));
    }
}
