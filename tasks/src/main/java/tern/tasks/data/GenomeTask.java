package tern.tasks.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

import tern.tasks.Baseline;
import tern.tasks.Task;
import tern.tasks.TaskConfig;

/**
 * The next base of a genome in FASTA: A, C, G, T. The first 90 % of the bases are trained on, 5 % validate, 5 % test.
 *
 * @param file in the folder of data sets, or a path; plain or packed
 * @param length bases of a window
 * @param longer further lengths to test at, in multiples
 */
public record GenomeTask(String file, int length, Optional<List<Integer>> longer) implements TaskConfig {
    private static final String BASES = "ACGT";
    private static final int[] ORDERS = {2, 6};

    /** Checks ranges. */
    public GenomeTask {
        if (length < 1) {
            throw new IllegalArgumentException("genome: length is " + length + ", expected 1 or more bases");
        }
        longer = longer.map(List::copyOf);
    }

    /** Tested at the trained length alone. */
    public GenomeTask(String file, int length) {
        this(file, length, Optional.empty());
    }

    @Override
    public String description() {
        return "Predict the next base of " + file + ".";
    }

    @Override
    public Task open(String name, Path data) throws IOException {
        Windows windows = windows(data);
        return windows.task(name, description(), length, longer.orElse(List.of()), () -> baselines(windows));
    }

    Windows windows(Path data) throws IOException {
        byte[] bases = parse(DataFiles.find(data, "file", file).toString(), DataFiles.read(data, "file", file));
        return new Windows(bases, BASES.length(), (int) (bases.length * 9L / 10), (int) (bases.length * 95L / 100));
    }

    /** Bases as 0 to 3; lines that begin with {@code >} or {@code ;} are headers. */
    static byte[] parse(String file, byte... text) throws IOException {
        if (text.length == 0 || text[0] != '>' && text[0] != ';') {
            throw new IOException(
                    file + ": is not FASTA: " + DataFiles.beginning(text) + ", expected a header that begins with >");
        }
        byte[] bases = new byte[text.length];
        int count = 0;
        int line = 1;
        int column = 0;
        boolean header = false;
        for (byte letter : text) {
            column++;
            if (letter == '\n') {
                line++;
                column = 0;
                header = false;
            } else if (column == 1 && (letter == '>' || letter == ';')) {
                header = true;
            } else if (!header && letter != '\r') {
                int base = BASES.indexOf(Character.toUpperCase(letter));
                if (base < 0) {
                    throw new IOException(file + ": line " + line + ", column " + column + " holds \"" + (char) letter
                            + "\", expected A, C, G or T");
                }
                bases[count++] = (byte) base;
            }
        }
        return Arrays.copyOf(bases, count);
    }

    List<Baseline> baselines(Windows windows) {
        return Arrays.stream(ORDERS).mapToObj(order -> new Baseline("counts after " + order + " bases",
                bits(windows, order))).toList();
    }

    /** Bits a base by counts after so many bases, with ½ added. */
    static double bits(Windows windows, int order) {
        byte[] bases = windows.symbols();
        return new NGrams(bases, 0, windows.trainEnd(), BASES.length(), order).addHalf(bases, windows.validationEnd(),
                bases.length, order);
    }
}
