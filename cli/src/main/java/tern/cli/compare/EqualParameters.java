package tern.cli.compare;

import java.util.List;
import java.util.stream.IntStream;

import tern.checkpoint.RecordJson;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.ChannelMixerConfig;

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
     * no branch mixes channels, or none is narrow enough.
     */
    public static StackConfig fitted(StackConfig config, long parameters) {
        if (config.branches().stream().noneMatch(ChannelMixerConfig.class::isInstance)) {
            return config;
        }
        long one = count(withInner(config, STEP));
        long perStep = count(withInner(config, 2 * STEP)) - one;
        long steps = 1 + Math.round((double) (parameters - one) / perStep);
        return steps < 1 ? config : withInner(config, Math.toIntExact(steps * STEP));
    }

    private static StackConfig withInner(StackConfig config, int inner) {
        List<String> settings = IntStream.range(0, config.branches().size())
                .filter(branch -> config.branches().get(branch) instanceof ChannelMixerConfig)
                .mapToObj(branch -> "branches." + branch + ".inner=" + inner).toList();
        return RecordJson.with(config, settings);
    }
}
