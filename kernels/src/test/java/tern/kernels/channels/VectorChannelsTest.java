package tern.kernels.channels;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Vector bodies against the plain ones, and on one thread as on four. */
class VectorChannelsTest {
    @Test
    void everyWidth() {
        KernelLaw.lengths().forEach(width -> {
            channels(100 + width, 1 + width % 5, width);
            if (width > 0) {
                heads(200 + width, 1 + width % 4, 1 + width % 3, width);
            }
        });
    }

    @Test
    void manyTasks() {
        channels(300, 300, 331);
        heads(301, 150, 5, 64);
        channels(302, 0, 8);
    }

    private static void channels(long seed, int rows, int width) {
        try (KernelLaw law = new KernelLaw(seed)) {
            Tensor x = law.gaussian(DType.F32, rows, width);
            Tensor towards = law.gaussian(DType.F32, rows, width);
            Tensor dy = law.gaussian(DType.F32, rows, width);
            Tensor row = law.gaussian(DType.F32, width);
            Tensor full = law.gaussian(DType.F32, rows, width);
            Tensor[][] found = new Tensor[3][];
            for (int i = 0; i < 3; i++) {
                Channels body = i == 0 ? new ReferenceChannels() : new VectorChannels();
                ThreadTeam team = law.team(i == 2 ? 4 : 1);
                Tensor[] out = new Tensor[12];
                for (int o = 0; o < 8; o++) {
                    out[o] = law.blank(DType.F32, rows, width);
                }
                for (int o = 8; o < 11; o++) {
                    out[o] = law.copy(row);
                }
                out[11] = law.copy(full);
                body.add(team, x, row, out[0]);
                body.multiply(team, x, row, out[1]);
                body.interpolate(team, x, towards, row, out[2]);
                body.interpolate(team, x, towards, full, out[3]);
                body.addBackward(team, dy, out[8]);
                body.multiplyBackward(team, x, row, dy, out[4], out[9]);
                body.interpolateBackward(team, x, towards, row, dy, out[5], out[6], out[10]);
                body.interpolateBackward(team, x, towards, full, dy, out[5], out[7], out[11]);
                found[i] = out;
            }
            compare(law, found);
        }
    }

    private static void heads(long seed, int rows, int heads, int width) {
        try (KernelLaw law = new KernelLaw(seed)) {
            int values = 1 + width / 2;
            Tensor x = law.gaussian(DType.F32, rows, heads * width);
            Tensor dy = law.gaussian(DType.F32, rows, heads * width);
            Tensor gain = law.gaussian(DType.F32, heads * width);
            Tensor bias = law.gaussian(DType.F32, heads * width);
            Tensor small = law.copy(x);
            for (long i = 0; i < small.elements(); i += 2) {
                small.set(i, small.get(i) * 0.01);
            }
            Tensor query = law.gaussian(DType.F32, rows, heads, width);
            Tensor key = law.gaussian(DType.F32, rows, heads, width);
            Tensor bonus = law.gaussian(DType.F32, heads, width);
            Tensor value = law.gaussian(DType.F32, rows, heads, values);
            Tensor dRead = law.gaussian(DType.F32, rows, heads, values);
            Tensor factor = law.gaussian(DType.F32, rows * heads, 1);
            for (long i = 0; i < factor.elements(); i++) {
                factor.set(i, Math.signum(factor.get(i)) * (0.5 + Math.abs(factor.get(i))));
            }
            Tensor[][] found = new Tensor[3][];
            for (int i = 0; i < 3; i++) {
                Heads body = i == 0 ? new ReferenceHeads() : new VectorHeads();
                ThreadTeam team = law.team(i == 2 ? 4 : 1);
                Tensor[] out = {law.blank(DType.F32, rows, heads * width), law.blank(DType.F32, rows, heads * width),
                    law.copy(gain), law.copy(bias), law.blank(DType.F32, rows * heads, width),
                    law.blank(DType.F32, rows * heads, width), law.blank(DType.F32, rows, heads, values),
                    law.blank(DType.F32, rows, heads, width), law.blank(DType.F32, rows, heads, width),
                    law.blank(DType.F32, rows, heads, values), law.copy(bonus),
                    law.blank(DType.F32, rows * heads, width),
                    law.blank(DType.F32, rows * heads, width), law.blank(DType.F32, rows * heads, width),
                    law.blank(DType.F32, rows * heads, 1), law.blank(DType.F32, rows * heads, width),
                    law.blank(DType.F32, rows * heads, 1), law.blank(DType.F32, rows * heads, width),
                    law.blank(DType.F32, rows * heads, width)};
                body.groupNorm(team, x, heads, gain, bias, 0.1, out[0]);
                body.groupNormBackward(team, x, heads, gain, 0.1, dy, out[1], out[2], out[3]);
                Tensor each = small.reshape(rows * heads, width);
                body.unit(team, each, 0.1, out[4]);
                body.unitBackward(team, each, 0.1, dy.reshape(rows * heads, width), out[5]);
                body.bonus(team, query, key, bonus, value, out[6]);
                body.bonusBackward(team, query, key, bonus, value, dRead, out[7], out[8], out[9], out[10]);
                Tensor dEach = dy.reshape(rows * heads, width);
                body.scaleRows(team, each, factor, false, out[11]);
                body.scaleRows(team, each, factor, true, out[12]);
                body.scaleRowsBackward(team, each, factor, false, dEach, out[13], out[14]);
                body.scaleRowsBackward(team, each, factor, true, dEach, out[15], out[16]);
                body.softmax(team, each, out[17]);
                body.softmaxBackward(team, out[17], dEach, out[18]);
                found[i] = out;
            }
            compare(law, found);
        }
    }

    private static void compare(KernelLaw law, Tensor[][] found) {
        for (int o = 0; o < found[0].length; o++) {
            law.assertClose("output " + o, found[1][o], found[0][o]);
            law.assertSame("output " + o + " on four threads", found[2][o], found[1][o]);
        }
        law.assertGuardsUntouched();
    }
}
