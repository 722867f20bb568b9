package tern.text;

import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Data cut into three parts that follow one another and share no byte. Immutable; lives as long as its data.
 *
 * @param data what was cut
 * @param rule how it was cut
 * @param trainEnd where the training part ends
 * @param validationEnd where the validation part ends and the test part begins
 */
public record SplitData(TextData data, SplitRule rule, long trainEnd, long validationEnd) {
    /** Checks that the cuts lie within the data, in order. */
    public SplitData {
        if (trainEnd < 0 || validationEnd < trainEnd || validationEnd > data.size()) {
            throw new IllegalArgumentException(
                    "split " + rule + " cuts at bytes " + trainEnd + " and " + validationEnd + ", but "
                            + data.name() + " has " + data.size() + " bytes");
        }
    }

    static SplitData cut(TextData data, SplitRule rule) {
        return switch (rule) {
            case SplitRule.Positions(long trainEnd, long validationEnd) ->
                new SplitData(data, rule, trainEnd, validationEnd);
            case SplitRule.Fractions(double train, double validation, double ignored, boolean atLineEnds) -> {
                long first = at(data, train, atLineEnds);
                yield new SplitData(data, rule, first, Math.max(first, at(data, train + validation, atLineEnds)));
            }
        };
    }

    private static long at(TextData data, double percent, boolean atLineEnds) {
        // counted in thousandths of a per cent, so that 90 % of 10 bytes is 9 and not 8.999…
        double thousandths = Math.rint(percent * 1000);
        long cut = Math.min(data.size(), (long) Math.floor(data.size() * thousandths / 100_000));
        while (atLineEnds && cut > 0 && cut < data.size() && data.pieces().get(cut - 1) != '\n') {
            cut++;
        }
        return cut;
    }

    /** First byte of a part. */
    public long from(Split part) {
        return switch (part) {
            case TRAIN, ALL -> 0;
            case VALIDATION -> trainEnd;
            case TEST -> validationEnd;
        };
    }

    /** The byte behind the last of a part. */
    public long to(Split part) {
        return switch (part) {
            case TRAIN -> trainEnd;
            case VALIDATION -> validationEnd;
            case TEST, ALL -> data.size();
        };
    }

    /**
     * The symbols of a part.
     *
     * @throws IllegalArgumentException if some byte is not in the vocabulary
     */
    public TokenStore tokens(Split part, Tokenizer tokenizer) {
        return TokenStore.of(this, part, tokenizer);
    }

    /** Where the data is cut and how much it is, for {@link TextData#splitAs}. */
    public String cut() {
        return "@" + trainEnd + "," + validationEnd + " of " + data.size();
    }

    /** One line a part: its name, its bytes and where they lie. */
    public List<String> describe() {
        return Stream.of(Split.TRAIN, Split.VALIDATION, Split.TEST).map(part -> String.format(Locale.ROOT,
                "%-10s %,15d bytes  [%d, %d)", part.label(), to(part) - from(part), from(part), to(part))).toList();
    }
}
