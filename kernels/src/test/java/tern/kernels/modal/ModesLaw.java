package tern.kernels.modal;

import tern.kernels.KernelLaw;
import tern.ops.Modes;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Draws banks of modal filters. */
final class ModesLaw {
    private ModesLaw() {
    }

    /** Filters with these numbers of pairs and real poles; radii between 0.2 and 0.999. */
    static Modes draw(KernelLaw law, DType dtype, int[] pairs, int[] reals) {
        int[] pairStart = starts(pairs);
        int[] realStart = starts(reals);
        int pairCount = pairStart[pairs.length];
        int realCount = realStart[reals.length];
        Tensor sign = law.blank(dtype, realCount);
        for (int m = 0; m < realCount; m++) {
            sign.set(m, law.random().nextBoolean() ? 1 : -1);
        }
        return new Modes(decays(law, dtype, pairCount), law.gaussian(dtype, pairCount), law.gaussian(dtype, pairCount),
                law.gaussian(dtype, pairCount), decays(law, dtype, realCount), sign, law.gaussian(dtype, realCount),
                pairStart,
                realStart);
    }

    /** Zeros of the shapes of a bank: where its gradients are summed. */
    static Modes zeros(KernelLaw law, Modes modes) {
        DType dtype = modes.decay().dtype();
        return new Modes(law.zeros(dtype, modes.pairs()), law.zeros(dtype, modes.pairs()),
                law.zeros(dtype, modes.pairs()),
                law.zeros(dtype, modes.pairs()), law.zeros(dtype, modes.reals()), law.zeros(dtype, modes.reals()),
                law.zeros(dtype, modes.reals()), modes.pairStart(), modes.realStart());
    }

    private static Tensor decays(KernelLaw law, DType dtype, int count) {
        Tensor decay = law.blank(dtype, count);
        for (int n = 0; n < count; n++) {
            double radius = 1 - Math.exp(law.random().nextDouble(Math.log(0.001), Math.log(0.8)));
            decay.set(n, Math.log(-Math.log(radius)));
        }
        return decay;
    }

    private static int[] starts(int[] counts) {
        int[] starts = new int[counts.length + 1];
        for (int f = 0; f < counts.length; f++) {
            starts[f + 1] = starts[f] + counts[f];
        }
        return starts;
    }
}
