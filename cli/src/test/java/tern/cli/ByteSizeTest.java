package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
    @ParameterizedTest
    @CsvSource({"0, 0", "300000, 300000", "64KiB, 65536", "1.5GiB, 1610612736", "2GB, 2000000000", "2g, 2147483648",
        "7 mb, 7000000", "1 TiB, 1099511627776", "12b, 12"})
    void amounts(String text, long bytes) {
        assertThat(ByteSize.parse("--x", text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-1", "much", "1.5.2G", "5 litres", "99999999999 TiB"})
    void othersAreRefused(String text) {
        assertThatThrownBy(() -> ByteSize.parse("--x", text)).isInstanceOf(UserError.class)
                .hasMessage("--x is \"" + text + "\", expected bytes such as 300000, 64KiB, 1.5GiB or 2GB");
    }
}
