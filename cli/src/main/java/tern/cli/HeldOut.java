package tern.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.text.EvaluationWindows;
import tern.text.SampleText;
import tern.text.Split;
import tern.text.SplitData;
import tern.text.TextData;
import tern.text.Tokenizer;
import tern.train.TrainingRun;

/**
 * Text on which a model is compared with what became of it: what the user gives, or the text that comes with Tern if the
 * model was trained on that; else none.
 *
 * @param text the data, open
 * @param windows of the part asked for
 * @param name of the part, for reports
 */
record HeldOut(Optional<TextData> text, Optional<EvaluationWindows> windows, String name) implements AutoCloseable {
    private static final String TRAINED_ON = "trained_on";

    /**
     * Opens the text.
     *
     * @param data files, or none
     * @param split name of the part
     * @param notes the model's
     * @param time positions of a window
     */
    static HeldOut open(List<Path> data, String split, Map<String, String> notes, Tokenizer tokenizer, int time)
            throws IOException {
        Split part = Split.parse(split);
        if (data.isEmpty() && !isSample(notes)) {
            return new HeldOut(Optional.empty(), Optional.empty(), "");
        }
        TextData text = data.isEmpty() ? SampleText.open() : TextData.open(data);
        boolean opened = false;
        try {
            HeldOut heldOut = new HeldOut(Optional.of(text),
                    Optional.of(new EvaluationWindows(cut(text, notes).tokens(part, tokenizer), time)),
                    part == Split.ALL ? text.name() : "the " + part.label() + " part of " + text.name());
            opened = true;
            return heldOut;
        } finally {
            if (!opened) {
                text.close();
            }
        }
    }

    /** The text cut as it was to train the model, if it is the text that the model was trained on. */
    static SplitData cut(TextData text, Map<String, String> notes) {
        return text.splitAs(Optional.ofNullable(notes.get(TrainingRun.CUT_NOTE)));
    }

    /** Whether a model's notes say that it was trained on the text that comes with Tern, packed or not. */
    private static boolean isSample(Map<String, String> notes) {
        String name = notes.getOrDefault(TRAINED_ON, "").replaceFirst(".*[/\\\\]", "").replaceFirst("\\.gz$", "");
        return name.equals(SampleText.NAME);
    }

    @Override
    public void close() {
        text.ifPresent(TextData::close);
    }
}
