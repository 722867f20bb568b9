package tern.mixers.modal;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

import tern.ops.Modes;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * The filters of one convolution as modes. Parameters: {@code decay}, {@code phase}, {@code residueReal},
 * {@code residueImaginary} [pairs of all filters], {@code realDecay}, {@code realSign}, {@code realResidue} [reals of all
 * filters], {@code passThrough} [F], {@code offset} [F] if there is one. Immutable.
 *
 * @param modes the modes
 * @param passThrough h_0 [F]
 * @param offset what is added to the outputs [F], if anything
 */
public record ModalBank(Modes modes, Tensor passThrough, Optional<Tensor> offset) {
    /**
     * Declares a bank.
     *
     * @param pairStart where the pairs of each filter begin, F + 1 entries
     * @param realStart where the real poles of each filter begin, likewise
     * @param smallest least absolute value of a pole when trained from scratch
     * @param largest largest absolute value of a pole when trained from scratch, less than 1
     * @param offset whether something is added to the outputs
     */
    static ModalBank declare(ParameterScope scope, int[] pairStart, int[] realStart, double smallest, double largest,
            boolean offset) {
        int filters = pairStart.length - 1;
        Shape pairs = Shape.of(pairStart[filters]);
        Shape reals = Shape.of(realStart[filters]);
        Initialiser decay = (parameter, random) -> fillDecay(parameter, random, smallest, largest);
        Initialiser pairResidue = (parameter, random) -> fillResidues(parameter, random, pairStart, pairStart,
                realStart);
        Initialiser realResidue = (parameter, random) -> fillResidues(parameter, random, realStart, pairStart,
                realStart);
        Modes modes = new Modes(scope.parameter("decay", pairs, Role.FILTER, decay),
                scope.parameter("phase", pairs, Role.FILTER, Initialiser.uniform(0, 2 * Math.PI)),
                scope.parameter("residueReal", pairs, Role.FILTER, pairResidue),
                scope.parameter("residueImaginary", pairs, Role.FILTER, pairResidue),
                scope.parameter("realDecay", reals, Role.FILTER, decay),
                scope.parameter("realSign", reals, Role.BUFFER, Initialiser.constant(1)),
                scope.parameter("realResidue", reals, Role.FILTER, realResidue), pairStart, realStart);
        Tensor passThrough = scope.parameter("passThrough", Shape.of(filters), Role.FILTER, Initialiser.constant(1));
        return new ModalBank(modes, passThrough, offset
                ? Optional.of(scope.parameter("offset", Shape.of(filters), Role.VECTOR, Initialiser.constant(0)))
                : Optional.empty());
    }

    /** All parameters. */
    public List<Tensor> parameters() {
        List<Tensor> all = new ArrayList<>(List.of(modes.decay(), modes.phase(), modes.residueReal(),
                modes.residueImaginary(), modes.realDecay(), modes.realSign(), modes.realResidue(), passThrough));
        offset.ifPresent(all::add);
        return all;
    }

    /** ν = ln(−ln r) with the radius r uniform between the bounds. */
    private static void fillDecay(Tensor parameter, RandomGenerator random, double smallest, double largest) {
        for (long i = 0; i < parameter.elements(); i++) {
            double radius = smallest + (largest - smallest) * random.nextDouble();
            parameter.set(i, Math.log(-Math.log(radius)));
        }
    }

    /** Variance 1/(number of modes of the filter), so that filters of all orders start equally loud. */
    private static void fillResidues(Tensor parameter, RandomGenerator random, int[] start, int[] pairStart,
            int[] realStart) {
        for (int f = 0; f < start.length - 1; f++) {
            int modes = pairStart[f + 1] - pairStart[f] + realStart[f + 1] - realStart[f];
            for (int i = start[f]; i < start[f + 1]; i++) {
                parameter.set(i, random.nextGaussian() / Math.sqrt(modes));
            }
        }
    }
}
