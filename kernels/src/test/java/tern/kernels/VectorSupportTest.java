package tern.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class VectorSupportTest {
    @Test
    void aProcessorWithoutFusedMultiplyAddIsNoticed() {
        assertThat(VectorSupport.lacksFusedMultiplyAdd("vendor_id\t: X\nflags\t\t: fpu sse4_2 avx\n")).isTrue();
        assertThat(VectorSupport.lacksFusedMultiplyAdd("flags\t\t: fpu fma4 avx\n")).isTrue();
        assertThat(VectorSupport.lacksFusedMultiplyAdd("flags\t\t: fpu avx fma\n")).isFalse();
        assertThat(VectorSupport.lacksFusedMultiplyAdd("flags\t\t: fpu fma avx2\nflags\t\t: fpu\n")).isFalse();
        assertThat(VectorSupport.lacksFusedMultiplyAdd("Features\t: fp asimd\n")).isFalse();
        assertThat(VectorSupport.lacksFusedMultiplyAdd("")).isFalse();
    }
}
