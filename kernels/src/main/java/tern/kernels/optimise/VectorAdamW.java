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
        Numbers numbers = Numbers.of(settings);
        team.run(Math.toIntExact((elements + TASK_FLOATS - 1) / TASK_FLOATS), (task, scratch) -> {
            long begin = (long) task * TASK_FLOATS;
            int count = (int) Math.min(TASK_FLOATS, elements - begin), whole = count - count % LANES.length();
            updateWhole(4 * begin, whole, p, g, m, v, numbers);
            if (whole < count) {
                updateRest(4 * (begin + whole), LANES.indexInRange(whole, count), p, g, m, v, numbers);
            }
        });
    }

    /** What every element is multiplied with; rate and decay are negative. */
    private record Numbers(float scale, float keepFirst, float addFirst, float keepSecond, float addSecond,
            float correct,
            float epsilon, float rate, float decay) {
        static Numbers of(Settings settings) {
            double firstCorrection = 1 - Math.pow(settings.beta1(), settings.step());
            double secondCorrection = 1 - Math.pow(settings.beta2(), settings.step());
            return new Numbers((float) settings.gradientScale(), (float) settings.beta1(),
                    (float) (1 - settings.beta1()),
                    (float) settings.beta2(), (float) (1 - settings.beta2()), (float) (1 / secondCorrection),
                    (float) settings.epsilon(), (float) (-settings.rate() / firstCorrection),
                    (float) (-settings.rate() * settings.decay()));
        }
    }

    /** Whole vectors. */
    private static void updateWhole(long at, int count, MemorySegment parameter, MemorySegment gradient,
            MemorySegment first, MemorySegment second, Numbers numbers) {
        float scale = numbers.scale, keepFirst = numbers.keepFirst, addFirst = numbers.addFirst;
        float keepSecond = numbers.keepSecond, addSecond = numbers.addSecond, correct = numbers.correct;
        float epsilon = numbers.epsilon, rate = numbers.rate, decay = numbers.decay;
        for (int i = 0; i < count; i += LANES.length()) {
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
    }

    /** Part of a vector; a method of its own, because one body with both is too large for the JVM's first compiler. */
    private static void updateRest(long x, VectorMask<Float> mask, MemorySegment parameter, MemorySegment gradient,
            MemorySegment first, MemorySegment second, Numbers numbers) {
        FloatVector g = FloatVector.fromMemorySegment(LANES, gradient, x, NATIVE, mask).mul(numbers.scale);
        FloatVector m = FloatVector.fromMemorySegment(LANES, first, x, NATIVE, mask).mul(numbers.keepFirst)
                .add(g.mul(numbers.addFirst));
        FloatVector v = FloatVector.fromMemorySegment(LANES, second, x, NATIVE, mask).mul(numbers.keepSecond)
                .add(g.mul(g).mul(numbers.addSecond));
        FloatVector p = FloatVector.fromMemorySegment(LANES, parameter, x, NATIVE, mask);
        FloatVector direction = m.mul(numbers.rate).div(v.mul(numbers.correct).sqrt().add(numbers.epsilon));
        m.intoMemorySegment(first, x, NATIVE, mask);
        v.intoMemorySegment(second, x, NATIVE, mask);
        p.add(p.mul(numbers.decay)).add(direction).intoMemorySegment(parameter, x, NATIVE, mask);
    }
}
