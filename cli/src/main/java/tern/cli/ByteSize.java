package tern.cli;

import java.math.BigDecimal;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An amount of memory as users write it. */
final class ByteSize {
    private static final Pattern FORM = Pattern.compile("([0-9]+(?:\\.[0-9]+)?)\\s*([a-zA-Z]*)");
    private static final Map<String, Long> UNITS = new LinkedHashMap<>();

    static {
        UNITS.put("", 1L);
        UNITS.put("b", 1L);
        String[] powers = {"k", "m", "g", "t"};
        for (int i = 0; i < powers.length; i++) {
            UNITS.put(powers[i], 1L << 10 * (i + 1));
            UNITS.put(powers[i] + "ib", 1L << 10 * (i + 1));
            UNITS.put(powers[i] + "b", BigDecimal.TEN.pow(3 * (i + 1)).longValueExact());
        }
    }

    private ByteSize() {
    }

    /**
     * Bytes of {@code 300000}, {@code 64KiB}, {@code 1.5GiB} or {@code 2GB}; {@code 2g} is 2GiB, as for {@code -Xmx}.
     *
     * @throws UserError if the text is no such amount; names the option
     */
    static long parse(String option, String text) {
        Matcher form = FORM.matcher(text.strip());
        Long unit = form.matches() ? UNITS.get(form.group(2).toLowerCase(Locale.ROOT)) : null;
        if (unit != null) {
            BigDecimal bytes = new BigDecimal(form.group(1)).multiply(BigDecimal.valueOf(unit));
            if (bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) <= 0) {
                return bytes.longValue();
            }
        }
        throw new UserError(option + " is \"" + text + "\", expected bytes such as 300000, 64KiB, 1.5GiB or 2GB");
    }
}
