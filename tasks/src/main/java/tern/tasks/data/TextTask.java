package tern.tasks.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.tasks.Baseline;
import tern.tasks.Task;
import tern.tasks.TaskConfig;
import tern.text.ByteTokenizer;
import tern.text.SplitData;
import tern.text.SplitRule;
import tern.text.TextData;

/**
 * The next byte of text, logs or anything else. Test windows follow one another and are read from the empty state, so that a
 * byte is predicted from at most the window before it. Every byte but the first of the part, and what is left behind the last
 * whole window, is scored once; of a part of more than 4,000 windows, such as EnWik8's, as many evenly spread ones are judged.
 *
 * @param file in the folder of data sets, or a path; plain, gzip or zstd
 * @param split where it is cut, as {@link SplitRule#parse} reads it; absent for what is usual for the file
 * @param length bytes of a window
 * @param order longest context of the baselines' counts
 * @param longer further lengths to test at, in multiples: what a model trained on short windows does with longer ones
 */
public record TextTask(String file, Optional<String> split, int length, int order,
        Optional<List<Integer>> longer) implements TaskConfig {
    /** Checks ranges. */
    public TextTask {
        if (length < 1) {
            throw new IllegalArgumentException("text: length is " + length + ", expected 1 or more bytes");
        }
        if (order < 0 || order > 8) {
            throw new IllegalArgumentException("text: order is " + order + ", expected 0 to 8");
        }
        split.ifPresent(SplitRule::parse);
        longer = longer.map(List::copyOf);
    }

    /** Tested at the trained length alone. */
    public TextTask(String file, Optional<String> split, int length, int order) {
        this(file, split, length, order, Optional.empty());
    }

    /** Cut as is usual. */
    public static TextTask of(String file, int length) {
        return new TextTask(file, Optional.empty(), length, 5);
    }

    @Override
    public String description() {
        return "Predict the next byte of " + file + ".";
    }

    @Override
    public Task open(String name, Path data) throws IOException {
        Windows windows = windows(data);
        return windows.task(name, description(), length, longer.orElse(List.of()), () -> baselines(windows))
                .noting(Map.of(ByteTokenizer.FIRST_BYTE_NOTE, "0"));
    }

    Windows windows(Path data) throws IOException {
        try (TextData text = TextData.open(DataFiles.find(data, "file", file))) {
            DataFiles.requireReadable(text);
            SplitData parts = split.isPresent() ? text.split(SplitRule.parse(split.get())) : text.split();
            return new Windows(text.bytes(0, (int) text.size()), 256, (int) parts.trainEnd(),
                    (int) parts.validationEnd());
        }
    }

    List<Baseline> baselines(Windows windows) {
        byte[] bytes = windows.symbols();
        double[] bits = new NGrams(bytes, 0, windows.trainEnd(), windows.alphabet(), order).wittenBell(bytes,
                windows.validationEnd(), bytes.length);
        List<Baseline> baselines = new ArrayList<>();
        for (int context = 0; context <= order; context++) {
            if (context == 0 || context == order || context == order / 2) {
                baselines.add(new Baseline(context == 0 ? "counts of bytes" : "counts after " + context + " bytes",
                        bits[context]));
            }
        }
        return baselines;
    }
}
