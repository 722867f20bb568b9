package tern.mixers.bidirectional;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.TapedOps;
import tern.mixers.fourier.FNetConfig;
import tern.mixers.longconv.ConvolutionLayerConfig;
import tern.mixers.longconv.SgConvConfig;
import tern.mixers.mamba.MambaConfig;
import tern.mixers.recurrent.RecurrentConfig;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.statespace.ModeStart;
import tern.mixers.statespace.S4dConfig;
import tern.mixers.titans.TitansConfig;
import tern.ops.Cell;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws over mixers of every kind of state, and what both directions are. */
class BidirectionalTest extends MixerContract {
    private static final int TIME = 7;
    private static final int WIDTH = 6;

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(of("mamba", new MambaConfig(8, 3, 2, 3, false, 1e-6, 1, true, false)),
                of("lstm", RecurrentConfig.heads(Cell.LSTM, 2)),
                of("sgconv", new ConvolutionLayerConfig(SgConvConfig.of(3), true)),
                of("titans", TitansConfig.gate(2, 3)));
    }

    private static MixerCase of(String name, MixerConfig mixer) {
        return MixerCase.of("both ways " + name, new BidirectionalConfig(mixer), WIDTH, 8, 12);
    }

    /** Each direction by itself, and their sum. */
    @Test
    void bothDirectionsAreAdded() {
        MixerConfig mixer = new S4dConfig(2, ModeStart.LEGS);
        try (Bench both = new Bench(new BidirectionalConfig(mixer), WIDTH, 8, 3);
                Bench past = new Bench(mixer, WIDTH, 8, 4);
                Bench future = new Bench(mixer, WIDTH, 8, 5)) {
            past.parameters.declared().forEach((name, declared) -> both.parameters.get("forward." + name)
                    .copyFrom(declared.tensor()));
            future.parameters.declared().forEach((name, declared) -> both.parameters.get("backward." + name)
                    .copyFrom(declared.tensor()));
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), both.memory, 1, TIME, WIDTH);
            double[] expected = turned(future.y(reversed(both, x)));
            double[] own = past.y(x);
            for (int i = 0; i < expected.length; i++) {
                expected[i] += own[i];
            }
            Tensors.assertClose("y", both.y(x), expected, Tensors.F64_TOLERANCE);
        }
    }

    private static Tensor reversed(Bench bench, Tensor x) {
        Tensor y = bench.memory.zeros(DType.F64, 1, TIME, WIDTH);
        double[] turned = turned(x.toDoubles());
        for (int i = 0; i < turned.length; i++) {
            y.set(i, turned[i]);
        }
        return y;
    }

    private static double[] turned(double[] rows) {
        double[] turned = new double[rows.length];
        for (int i = 0; i < rows.length; i++) {
            turned[i] = rows[(TIME - 1 - i / WIDTH) * WIDTH + i % WIDTH];
        }
        return turned;
    }

    @Test
    void whatReadsBothDirectionsOrOthersIsRefused() {
        for (MixerConfig mixer : List.of(new FNetConfig(), new Rwkv7Config(3, 2, 2, 2, 2, false, 64e-5))) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Bench(new BidirectionalConfig(mixer), WIDTH, 8, 3))
                    .withMessageContaining("bidirectional: " + mixer)
                    .withMessageContaining("expected a mixer that reads its own past alone");
        }
    }
}
