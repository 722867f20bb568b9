package tern.distil.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.distil.filter.FilterLadder.Rung;

class FilterLadderTest {
    @Test
    void errorsFallFromRungToRungAndAreThoseOfTheFilters() {
        double[] taps = Fixtures.chirp();
        FilterLadder ladder = new FilterLadder(taps);
        ladder.growTo(16);
        ladder.growTo(8);
        ladder.growTo(32);
        List<Rung> rungs = ladder.rungs();
        assertThat(rungs.getFirst().order()).isZero();
        assertThat(rungs.getLast().order()).isGreaterThan(16).isLessThanOrEqualTo(32);
        for (int r = 0; r < rungs.size(); r++) {
            double l2 = FilterFit.measure(rungs.get(r).filter(), "ladder", taps).l2();
            assertThat(rungs.get(r).squaredError()).isCloseTo(l2 * l2, within(1e-9 * l2 * l2));
            if (r > 0) {
                assertThat(rungs.get(r).order()).isGreaterThan(rungs.get(r - 1).order());
                assertThat(rungs.get(r).squaredError()).isLessThan(rungs.get(r - 1).squaredError());
            }
        }
    }

    @Test
    void theHigherThePriceTheLowerTheOrder() {
        FilterLadder ladder = new FilterLadder(Fixtures.smooth());
        ladder.growTo(24);
        assertThat(ladder.best(0)).isEqualTo(ladder.rungs().getLast());
        assertThat(ladder.best(1e12).order()).isZero();
        int before = Integer.MAX_VALUE;
        for (double price = 1e-9; price < 1e6; price *= 3) {
            Rung best = ladder.best(price);
            assertThat(best.order()).isLessThanOrEqualTo(before);
            for (Rung other : ladder.rungs()) {
                assertThat(best.squaredError() + price * best.order())
                        .isLessThanOrEqualTo(other.squaredError() + price * other.order());
            }
            before = best.order();
        }
    }

    @Test
    void whatIsExactAlreadyIsNotFollowedFurther() {
        FilterLadder ladder = new FilterLadder(Fixtures.modal(3, 1, 1).taps(400));
        ladder.growTo(64);
        assertThat(ladder.rungs().getLast().order()).isLessThanOrEqualTo(4);
        FilterLadder silent = new FilterLadder(new double[] {2, 0, 0, 0, 0, 0, 0, 0, 0});
        silent.growTo(64);
        assertThat(silent.rungs()).hasSize(1);
        assertThatIllegalArgumentException().isThrownBy(() -> new FilterLadder(new double[2]));
    }
}
