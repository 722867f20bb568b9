package tern.text;

import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.Arrays;
import java.util.List;

/** Unicode's normal forms, applied to bytes: those that are not UTF-8 stay as they are. Immutable. */
record Normalisation(List<Normalizer.Form> forms) {
    static final Normalisation NONE = new Normalisation(List.of());

    Normalisation {
        forms = List.copyOf(forms);
    }

    /** The normal form of a text; the same array if it is that already. */
    byte[] apply(byte[] text) {
        if (forms.isEmpty() || Utf8.endOfAscii(text, 0, text.length) == text.length) {
            return text;
        }
        java.io.ByteArrayOutputStream out = new java.io.ByteArrayOutputStream(text.length + 64);
        boolean changed = false;
        for (int from = 0; from < text.length;) {
            int end = from;
            for (int length = Utf8.length(text, end, text.length); length > 0;) {
                end += length;
                length = end < text.length ? Utf8.length(text, end, text.length) : 0;
            }
            if (end > from) {
                String piece = new String(text, from, end - from, StandardCharsets.UTF_8);
                String normal = normal(piece);
                changed |= !normal.equals(piece);
                out.writeBytes(normal.getBytes(StandardCharsets.UTF_8));
            }
            if (end < text.length) {
                out.write(text[end++]);
            }
            from = end;
        }
        byte[] result = out.toByteArray();
        return changed ? result : text;
    }

    private String normal(String piece) {
        String normal = CombiningMarks.ordered(piece);
        for (Normalizer.Form form : forms) {
            if (!Normalizer.isNormalized(normal, form)) {
                normal = Normalizer.normalize(normal, form);
            }
        }
        return normal;
    }

    /** The normal form of a text. */
    String apply(String text) {
        return new String(apply(text.getBytes(StandardCharsets.UTF_8)), StandardCharsets.UTF_8);
    }

    @Override
    public String toString() {
        return Arrays.toString(forms.toArray());
    }
}
