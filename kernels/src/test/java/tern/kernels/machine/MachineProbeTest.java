package tern.kernels.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class MachineProbeTest {
    @Test
    void aVectorHoldsAsManyFloatsAsItsWidthSays() {
        assertThat(MachineProbe.vectorBits()).isEqualTo(32 * MachineProbe.floatLanes());
        assertThat(MachineProbe.floatLanes()).isIn(2, 4, 8, 16);
    }

    @Test
    void figuresLieWhereMachinesOfThisDecadeLie() {
        // From the slowest core one would run this on to ten times the fastest: what fails is a loop that was optimised away.
        assertThat(MachineProbe.fmaPeak(1, 200)).isBetween(5e7, 2e12);
        assertThat(MachineProbe.readBandwidth(2, 200, 64L << 20)).isBetween(5e7, 1e13);
    }

    @Test
    void refusesWhatItCannotMeasure() {
        assertThatIllegalArgumentException().isThrownBy(() -> MachineProbe.fmaPeak(0, 10))
                .withMessageContaining("threads is 0");
        assertThatIllegalArgumentException().isThrownBy(() -> MachineProbe.readBandwidth(4, 10, 100))
                .withMessageContaining("too small");
    }
}
