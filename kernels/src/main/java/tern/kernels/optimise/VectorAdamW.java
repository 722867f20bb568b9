package tern.kernels.optimise;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * AdamW in one pass over memory: four streams read, three written, for F32; other types go to the plain body. The numbers of
 * the update are prepared in double and applied in single precision. Immutable.
 */
public final class VectorAdamW implements AdamWStep {
    private static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final int TASK_FLOATS = 1 << 15;

    private final ReferenceAdamW plain = new ReferenceAdamW();

    /** Keeps no state. */
    public VectorAdamW() {
    }

    @Override
    public void update(ThreadTeam team, Tensor parameter, Tensor gradient, Tensor first, Tensor second,
            Settings settings) {
        if (parameter.dtype() != DType.F32) {
            plain.update(team, parameter, gradient, first, second, settings);
            return;
        }
        ReferenceAdamW.checkShapes(parameter, gradient, first, second);
        MemorySegment p = parameter.data(), g = gradient.data(), m = first.data(), v = second.data();
        long elements = parameter.elements();
        team.run(Math.toIntExact((elements + TASK_FLOATS - 1) / TASK_FLOATS), (task, scratch) -> {
            long begin = (long) task * TASK_FLOATS;
            updatePart(4 * begin, (int) Math.min(TASK_FLOATS, elements - begin), p, g, m, v, settings);
        });
    }

    private static void updatePart(long at, int count, MemorySegment parameter, MemorySegment gradient,
            MemorySegment first,
            MemorySegment second, Settings settings) {
        double firstCorrection = 1 - Math.pow(settings.beta1(), settings.step());
        double secondCorrection = 1 - Math.pow(settings.beta2(), settings.step());
        FloatVector scale = FloatVector.broadcast(LANES, (float) settings.gradientScale());
        FloatVector keepFirst = FloatVector.broadcast(LANES, (float) settings.beta1());
        FloatVector addFirst = FloatVector.broadcast(LANES, (float) (1 - settings.beta1()));
        FloatVector keepSecond = FloatVector.broadcast(LANES, (float) settings.beta2());
        FloatVector addSecond = FloatVector.broadcast(LANES, (float) (1 - settings.beta2()));
        FloatVector correct = FloatVector.broadcast(LANES, (float) (1 / secondCorrection));
        FloatVector epsilon = FloatVector.broadcast(LANES, (float) settings.epsilon());
        FloatVector rate = FloatVector.broadcast(LANES, (float) (-settings.rate() / firstCorrection));
        FloatVector decay = FloatVector.broadcast(LANES, (float) (-settings.rate() * settings.decay()));
        int lanes = LANES.length(), i = 0;
        for (; i <= count - lanes; i += lanes) {
            long x = at + 4L * i;
            FloatVector g = FloatVector.fromMemorySegment(LANES, gradient, x, NATIVE).mul(scale);
            FloatVector m = FloatVector.fromMemorySegment(LANES, first, x, NATIVE).mul(keepFirst).add(g.mul(addFirst));
            FloatVector v = FloatVector.fromMemorySegment(LANES, second, x, NATIVE).mul(keepSecond)
                    .add(g.mul(g).mul(addSecond));
            FloatVector p = FloatVector.fromMemorySegment(LANES, parameter, x, NATIVE);
            FloatVector direction = m.mul(rate).div(v.mul(correct).sqrt().add(epsilon));
            m.intoMemorySegment(first, x, NATIVE);
            v.intoMemorySegment(second, x, NATIVE);
            p.add(p.mul(decay)).add(direction).intoMemorySegment(parameter, x, NATIVE);
        }
        if (i < count) {
            VectorMask<Float> mask = LANES.indexInRange(i, count);
            long x = at + 4L * i;
            FloatVector g = FloatVector.fromMemorySegment(LANES, gradient, x, NATIVE, mask).mul(scale);
            FloatVector m = FloatVector.fromMemorySegment(LANES, first, x, NATIVE, mask).mul(keepFirst)
                    .add(g.mul(addFirst));
            FloatVector v = FloatVector.fromMemorySegment(LANES, second, x, NATIVE, mask).mul(keepSecond)
                    .add(g.mul(g).mul(addSecond));
            FloatVector p = FloatVector.fromMemorySegment(LANES, parameter, x, NATIVE, mask);
            FloatVector direction = m.mul(rate).div(v.mul(correct).sqrt().add(epsilon));
            m.intoMemorySegment(first, x, NATIVE, mask);
            v.intoMemorySegment(second, x, NATIVE, mask);
            p.add(p.mul(decay)).add(direction).intoMemorySegment(parameter, x, NATIVE, mask);
        }
    }
}
