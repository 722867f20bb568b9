package tern.distil.filter;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Modal truncation as a baseline: of a modal model of high order (Hankel factors, unpolished) the modes with the largest
 * worst-case contribution |R|/(1-|λ|) are kept. Weak where poles cluster, since large residues cancel there.
 * Immutable and thread-safe.
 *
 * @param from the order of the model that is truncated, at least 1; less if the filter has fewer
 * @param refitted whether the residues of the modes kept are fitted anew by least squares
 */
public record ModalTruncation(int from, boolean refitted) implements FilterMethod {
    public ModalTruncation {
        if (from < 1) {
            throw new IllegalArgumentException(
                    "modal truncation: the model's order is " + from + ", expected 1 or more");
        }
    }

    /** From order 64, residues refitted. */
    public ModalTruncation() {
        this(64, true);
    }

    private record Mode(int index, boolean pair, double contribution) {
    }

    @Override
    public FilterFit fit(double[] taps, int order) {
        FilterChecks.taps(taps, 3);
        FilterChecks.order(order, taps.length);
        ModalFilter model = BalancedTruncation.model(taps, Math.max(from, order));
        List<Mode> modes = new ArrayList<>();
        double[] x = model.residueRe();
        double[] y = model.residueIm();
        for (int k = 0; k < model.complexModes(); k++) {
            double radius = Math.hypot(model.poleRe(k), model.poleIm(k));
            modes.add(new Mode(k, true, Math.hypot(x[k], y[k]) / (1 - radius)));
        }
        double[] c = model.realResidue();
        for (int k = 0; k < model.realModes(); k++) {
            modes.add(new Mode(k, false, Math.abs(c[k]) / (1 - Math.abs(model.realPole(k)))));
        }
        modes.sort(Comparator.comparingDouble(Mode::contribution).reversed());
        PoleSet kept = PoleSet.EMPTY;
        List<Mode> used = new ArrayList<>();
        for (Mode mode : modes) {
            if (kept.order() + (mode.pair() ? 2 : 1) <= order) {
                used.add(mode);
                kept = mode.pair()
                        ? kept.withPair(model.nu()[mode.index()], model.theta()[mode.index()])
                        : kept.withReal(model.realNu()[mode.index()], model.realSign()[mode.index()]);
            }
        }
        return FilterFit.measure(refitted ? ResidueFit.exact(kept, taps) : truncated(model, kept, used), name(), taps);
    }

    private static ModalFilter truncated(ModalFilter model, PoleSet kept, List<Mode> used) {
        double[] x = used.stream().filter(Mode::pair).mapToDouble(m -> model.residueRe()[m.index()]).toArray();
        double[] y = used.stream().filter(Mode::pair).mapToDouble(m -> model.residueIm()[m.index()]).toArray();
        double[] c = used.stream().filter(m -> !m.pair()).mapToDouble(m -> model.realResidue()[m.index()]).toArray();
        return new ModalFilter(model.direct(), kept, x, y, c, false);
    }

    @Override
    public String name() {
        return "modal";
    }
}
