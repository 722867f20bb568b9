package tern.mixers.hyena;

import tern.sequence.Initialiser;

/** Where the weights and biases of a sine network start, uniform within a bound. */
public enum SineStart {
    /** 1/√inputs, as Hyena's: arguments of all layers but the first grow with the frequency. */
    FAN_IN,
    /**
     * 1 for the first layer and all biases, √(6/inputs)/frequency for the other weights, as CKConv's (Sitzmann et al. 2020, arXiv
     * 2006.09661; arXiv 2102.02611, appendix): arguments of inner layers are of size 1 whatever the frequency, so that filters start smooth.
     */
    SIREN;

    Initialiser weight(int inputs, double frequency, boolean first) {
        double bound = this == FAN_IN ? 1 / Math.sqrt(inputs) : first ? 1 : Math.sqrt(6.0 / inputs) / frequency;
        return Initialiser.uniform(-bound, bound);
    }

    Initialiser bias(int inputs) {
        double bound = this == FAN_IN ? 1 / Math.sqrt(inputs) : 1;
        return Initialiser.uniform(-bound, bound);
    }
}
