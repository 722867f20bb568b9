package tern.distil.filter;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * The search for poles of one filter, the residues being eliminated. Smooth filters are settled by the Hankel factors and
 * a short polish. Where that leaves a visible error the squared error has many local minima, so several deterministic
 * starts compete: the Hankel factors, a chain that grows from nothing by the strongest mode of what is left (or jumps to the
 * Hankel factors of that order where they are better), and then exchanges of the least useful mode for the strongest of
 * the rest.
 *
 * <p>
 * Confined to one thread; what it returns depends on the taps and the order alone.
 */
final class PoleSearch {
    /** Rounding of float64 and of float32 states and residues, relative to each mode's response. */
    static final double FLOAT64 = 0x1p-52;
    static final double FLOAT32 = 0x1p-24;

    /** Squared relative error below which no other start is tried: far below what a random start ever reaches. */
    private static final double SETTLED = 1e-8;

    /** Squared relative error above which starts from other corners are worth their time. */
    private static final double ROUGH = 1e-2;
    /** A start whose squared error is within this factor of the best is worth finishing. */
    private static final double PROMISING = 1.1;
    /** Up to this size every link of a chain looks at the Hankel factors, beyond only its multiples do. */
    private static final int LOOKED_AT = 16;

    /** An angle at which there is nothing to be avoided. */
    private static final double NOWHERE = -10;

    private final double[] taps;
    private final double[] scaled;
    private final VariableProjection projection;
    private final PeakStarts peaks;
    /** Links of the chain that starts from nothing, by size: 2, 4, 6 … */
    private final List<VariableProjection.Point> chain;
    private HankelSpectrum spectrum;

    PoleSearch(double[] taps, int leading, double noise) {
        this(taps, leading, noise, List.of());
    }

    /** A search that goes on from the links of a chain that another one of the same filter has grown. */
    PoleSearch(double[] taps, int leading, double noise, List<VariableProjection.Point> chain) {
        this.taps = taps;
        this.chain = new ArrayList<>(chain);
        double peak = 0;
        for (int t = 1; t < taps.length; t++) {
            peak = Math.max(peak, Math.abs(taps[t]));
        }
        double[] target = new double[taps.length - 1];
        scaled = new double[taps.length];
        for (int s = 0; s < target.length; s++) {
            target[s] = peak == 0 ? 0 : taps[s + 1] / peak;
            scaled[s + 1] = target[s];
        }
        projection = new VariableProjection(target, noise);
        peaks = new PeakStarts(target.length);
        spectrum = HankelSpectrum.of(taps, Math.max(1, leading));
    }

    /** The spectrum with at least {@code leading} values, made anew if more are wanted than were found so far. */
    HankelSpectrum spectrum(int leading) {
        if (spectrum.count() < Math.min(leading, spectrum.size())) {
            spectrum = HankelSpectrum.of(taps, leading);
        }
        return spectrum;
    }

    /** Σ_{t≥1} h_t² of the filter scaled to unit peak. */
    double energy() {
        return projection.energy();
    }

    double cost(PoleSet poles) {
        return projection.cost(poles);
    }

    /** The Hankel factors' poles of this order, as they come. */
    VariableProjection.Point hankel(int order) {
        PoleSet poles = Esprit.poles(spectrum(order + 1), order, taps.length);
        return point(poles);
    }

    private VariableProjection.Point point(PoleSet poles) {
        return new VariableProjection.Point(poles, poles.order() == 0 ? energy() : projection.cost(poles));
    }

    VariableProjection.Point improve(PoleSet start, int most, double enough) {
        return projection.improve(start, most, enough);
    }

    /** The best poles found for at most {@code order}. */
    VariableProjection.Point search(int order) {
        VariableProjection.Point best = hankel(order);
        if (order == 0 || energy() == 0) {
            return best;
        }
        best = better(best, improve(best.poles(), 12, 1e-3));
        if (best.cost() <= SETTLED * energy()) {
            return better(best, improve(best.poles(), 12, 1e-3));
        }
        best = better(best, chain(order));
        boolean rough = best.cost() > ROUGH * energy();
        best = exchanged(best, order, rough && order <= 32 ? 6 : 2);
        if (rough) {
            VariableProjection.Point other = alternatives(order, best);
            if (other.cost() < PROMISING * best.cost()) {
                best = better(best, exchanged(other, order, 4));
            }
            best = hopped(best, order);
        }
        best = reformed(best);
        return better(best, improve(best.poles(), Math.clamp(2400 / order, 25, 300), 1e-12));
    }

    /** As {@link #search}, with one more start: {@code start} of any order up to {@code order}, filled up mode by mode. */
    VariableProjection.Point search(int order, PoleSet start) {
        VariableProjection.Point best = better(search(order), point(start));
        VariableProjection.Point filled = filledUp(point(start), order);
        return better(best, improve(filled.poles(), 20, 1e-6));
    }

    private static VariableProjection.Point better(VariableProjection.Point a, VariableProjection.Point b) {
        return b.cost() < a.cost() ? b : a;
    }

    /**
     * The best of further starts: chains that begin with another mode, and draws. Many for small orders, where they cost
     * little and matter most.
     */
    private VariableProjection.Point alternatives(int order, VariableProjection.Point leader) {
        VariableProjection.Point best = point(PoleSet.EMPTY);
        int chains = order < 2 ? 0 : order <= 4 ? 6 : order <= 8 ? 4 : order <= 32 ? 2 : 0;
        List<PeakStarts.Peak> distinct = peaks.distinct(peaks.peaks(residual(PoleSet.EMPTY)));
        for (int k = 1; k < Math.min(1 + chains, distinct.size()); k++) {
            PoleSet first = PoleSet.EMPTY.withPair(clamped(distinct.get(k).nu()), distinct.get(k).theta());
            VariableProjection.Point chain = grown(order, improve(first, 5, 1e-3));
            best = better(best, improve(chain.poles(), 20, 1e-5));
        }
        RandomGenerator random = new java.util.Random(order);
        for (int draws = order < 2 || order > 8 ? 0 : 24; draws > 0; draws--) {
            VariableProjection.Point drawn = improve(drawn(random, order), 8, 1e-3);
            if (drawn.cost() < PROMISING * Math.min(best.cost(), leader.cost())) {
                best = better(best, improve(drawn.poles(), 20, 1e-4));
            }
        }
        return best;
    }

    /**
     * Leaves a local minimum by small jumps, each followed by a short descent: in turn all poles shaken, one pair moved
     * anywhere, and one pair laid beside another (two modes sharing a band that one held). The draws are seeded by the order.
     */
    private VariableProjection.Point hopped(VariableProjection.Point start, int order) {
        VariableProjection.Point best = start;
        RandomGenerator random = new java.util.Random(order);
        int hops = best.poles().pairs() == 0 ? 0 : order <= 16 ? 21 : order <= 32 ? 6 : 0;
        for (int hop = 0; hop < hops; hop++) {
            PoleSet poles = best.poles();
            double[] nu = poles.pairNu().clone();
            double[] theta = poles.pairTheta().clone();
            int one = random.nextInt(nu.length);
            switch (hop % 3) {
                case 0 -> {
                    for (int k = 0; k < nu.length; k++) {
                        theta[k] = reflected(theta[k] + Math.exp(nu[k]) * random.nextGaussian());
                        nu[k] = clamped(nu[k] + 0.5 * random.nextGaussian());
                    }
                }
                case 1 -> {
                    nu[one] = nuIn(random);
                    theta[one] = Math.PI * random.nextDouble();
                }
                default -> {
                    int beside = random.nextInt(nu.length);
                    double apart = 0.5 * Math.exp(nu[beside]);
                    nu[one] = nu[beside];
                    theta[one] = reflected(theta[beside] + apart);
                    theta[beside] = reflected(theta[beside] - apart);
                }
            }
            PoleSet moved = new PoleSet(nu, theta, poles.realNu(), poles.realSign());
            VariableProjection.Point next = improve(moved, 8, 1e-3);
            if (next.cost() < PROMISING * best.cost()) {
                next = improve(next.poles(), 12, 1e-4);
            }
            best = better(best, next);
        }
        return best;
    }

    private static double reflected(double theta) {
        double turned = Math.abs(Math.IEEEremainder(theta, 2 * Math.PI));
        return Math.clamp(turned, 1e-3, Math.PI - 1e-3);
    }

    /** Poles drawn as the paper's recipe draws its start: radii uniform in [0.9, 0.99], angles uniform. */
    private PoleSet drawn(RandomGenerator random, int order) {
        PoleSet poles = order % 2 == 0 ? PoleSet.EMPTY : PoleSet.EMPTY.withReal(nuIn(random), 1);
        while (poles.order() < order) {
            poles = poles.withPair(nuIn(random), Math.PI * random.nextDouble());
        }
        return poles;
    }

    private double nuIn(RandomGenerator random) {
        return clamped(Math.log(-Math.log(0.9 + 0.09 * random.nextDouble())));
    }

    /**
     * Lets pairs that have come near the real axis become two real poles, and neighbouring real poles a pair: steps that
     * variable projection alone cannot take, since it keeps the kinds of the modes.
     */
    private VariableProjection.Point reformed(VariableProjection.Point start) {
        VariableProjection.Point best = start;
        PoleSet poles = best.poles();
        for (int k = 0; k < poles.pairs() && poles == best.poles(); k++) {
            double decay = Math.exp(poles.pairNu()[k]);
            double theta = poles.pairTheta()[k];
            int sign = theta < Math.PI / 2 ? 1 : -1;
            double off = sign > 0 ? theta : Math.PI - theta;
            if (off < 0.5 * decay) {
                double apart = Math.max(off, 0.1 * decay);
                PoleSet split = poles.withoutPair(k).withReal(clamped(Math.log(decay + apart)), sign)
                        .withReal(clamped(Math.log(decay - apart)), sign);
                best = better(best, improve(split, 10, 1e-4));
            }
        }
        poles = best.poles();
        for (int k = 0; k < poles.reals() && poles == best.poles(); k++) {
            int other = nearest(poles, k);
            if (other > k) {
                double one = Math.exp(poles.realNu()[k]);
                double two = Math.exp(poles.realNu()[other]);
                double off = Math.max(Math.abs(one - two) / 2, 0.1 * Math.min(one, two));
                PoleSet joined = poles.withoutReal(other).withoutReal(k).withPair(clamped(Math.log((one + two) / 2)),
                        poles.realSign()[k] > 0 ? Math.min(off, 3) : Math.max(0.1, Math.PI - off));
                best = better(best, improve(joined, 10, 1e-4));
            }
        }
        return best;
    }

    /** The real pole of the same sign whose nu is nearest; -1 if there is none. */
    private static int nearest(PoleSet poles, int k) {
        int nearest = -1;
        for (int j = 0; j < poles.reals(); j++) {
            if (j != k && poles.realSign()[j] == poles.realSign()[k] && (nearest < 0
                    || Math.abs(poles.realNu()[j] - poles.realNu()[k]) < Math
                            .abs(poles.realNu()[nearest] - poles.realNu()[k]))) {
                nearest = j;
            }
        }
        return nearest;
    }

    /** The chain of starts from nothing up to this order. What was grown before is kept. */
    VariableProjection.Point chain(int order) {
        while (2 * chain.size() + 2 <= order) {
            VariableProjection.Point here = chain.isEmpty() ? point(PoleSet.EMPTY) : chain.getLast();
            chain.add(better(here, grownTo(2 * chain.size() + 2, here)));
        }
        VariableProjection.Point even = order < 2 ? point(PoleSet.EMPTY) : chain.get(order / 2 - 1);
        return order % 2 == 0 ? even : better(even, grownTo(order, even));
    }

    /** The links grown so far. */
    List<VariableProjection.Point> links() {
        return List.copyOf(chain);
    }

    private VariableProjection.Point grown(int order, VariableProjection.Point start) {
        VariableProjection.Point here = start;
        for (int size = start.poles().order() + 2 - order % 2; size <= order; size += 2) {
            here = grownTo(size, here);
        }
        return here;
    }

    /** One link of a chain: the better of {@code here} with the strongest modes of its rest and the Hankel factors. */
    private VariableProjection.Point grownTo(int size, VariableProjection.Point here) {
        VariableProjection.Point filled = filledUp(here, size);
        filled = better(filled, improve(filled.poles(), size <= 32 ? 5 : 3, 1e-3));
        if (size > LOOKED_AT && size % LOOKED_AT != 0) {
            return filled;
        }
        VariableProjection.Point jumped = hankel(size);
        return jumped.cost() < 2 * filled.cost()
                ? better(filled, better(jumped, improve(jumped.poles(), 5, 1e-3)))
                : filled;
    }

    /** Adds strongest modes of what is left until the order is reached. */
    private VariableProjection.Point filledUp(VariableProjection.Point start, int order) {
        return filledUp(start, order, NOWHERE);
    }

    private VariableProjection.Point filledUp(VariableProjection.Point start, int order, double avoid) {
        VariableProjection.Point here = start;
        while (here.poles().order() < order) {
            VariableProjection.Point next = withOneMore(here.poles(), order - here.poles().order(), avoid);
            if (!(next.cost() < here.cost())) {
                return here;
            }
            here = next;
        }
        return here;
    }

    /** Adds the best of the four strongest modes of what is left, none of them at the angle to be avoided. */
    private VariableProjection.Point withOneMore(PoleSet poles, int room, double avoid) {
        double[] rest = residual(poles);
        VariableProjection.Point best = new VariableProjection.Point(poles, Double.POSITIVE_INFINITY);
        if (room >= 2) {
            List<PeakStarts.Peak> candidates = peaks.peaks(rest).stream()
                    .filter(peak -> Math.abs(peak.theta() - avoid) > 4 * Math.PI / taps.length).limit(4).toList();
            for (PeakStarts.Peak peak : candidates) {
                best = better(best, point(poles.withPair(clamped(peak.nu()), peak.theta())));
            }
        } else {
            for (PeakStarts.Peak peak : peaks.realPeaks(rest)) {
                best = better(best, point(poles.withReal(clamped(peak.nu()), peak.theta() == 0 ? 1 : -1)));
            }
        }
        return best;
    }

    private double clamped(double nu) {
        return Math.clamp(nu, PoleSet.smallestNu(taps.length), PoleSet.LARGEST_NU);
    }

    private double[] residual(PoleSet poles) {
        double[] rest = poles.order() == 0 ? new double[scaled.length]
                : ResidueFit.exact(poles, scaled).taps(scaled.length);
        double[] error = new double[scaled.length - 1];
        for (int s = 0; s < error.length; s++) {
            error[s] = scaled[s + 1] - rest[s + 1];
        }
        return error;
    }

    /** What is left when a pair, or two real poles, are taken out, and where the pair was. */
    private record Gap(PoleSet rest, double theta, double cost) {
    }

    /**
     * Swaps the least useful modes for the strongest of the rest elsewhere, as long as that helps; gives up after
     * {@code patience} swaps in a row that did not.
     */
    private VariableProjection.Point exchanged(VariableProjection.Point start, int order, int patience) {
        VariableProjection.Point best = start;
        List<Gap> gaps = gaps(best.poles());
        int failures = 0;
        for (int swaps = 0; swaps < 2 * patience && failures < Math.min(patience, gaps.size()); swaps++) {
            Gap gap = gaps.get(failures);
            VariableProjection.Point next = filledUp(point(gap.rest()), order, gap.theta());
            next = improve(next.poles(), 8, 1e-3);
            if (next.cost() < PROMISING * best.cost()) {
                next = improve(next.poles(), 12, 1e-4);
            }
            if (next.cost() < best.cost() * (1 - 1e-6)) {
                best = next;
                gaps = gaps(best.poles());
                failures = 0;
            } else {
                failures++;
            }
        }
        return best;
    }

    /** Every way to make room for a pair, the cheapest loss first. */
    private List<Gap> gaps(PoleSet poles) {
        List<Gap> gaps = new ArrayList<>();
        for (int k = 0; k < poles.pairs(); k++) {
            PoleSet rest = poles.withoutPair(k);
            gaps.add(new Gap(rest, poles.pairTheta()[k], point(rest).cost()));
        }
        for (int k = 0; k + 1 < poles.reals(); k++) {
            PoleSet rest = poles.withoutReal(k + 1).withoutReal(k);
            gaps.add(new Gap(rest, NOWHERE, point(rest).cost()));
        }
        gaps.sort((a, b) -> Double.compare(a.cost(), b.cost()));
        return gaps;
    }
}
