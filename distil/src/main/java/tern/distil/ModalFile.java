package tern.distil;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Safetensors;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.distil.filter.ModalFilter;
import tern.distil.filter.OrderChoice.Choice;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Distilled filters without a model, as a safetensors file stores them: what {@link tern.ops.Modes} holds, filter by filter,
 * under the names {@code decay}, {@code phase}, {@code residueReal}, {@code residueImaginary} [pairs of all filters],
 * {@code realDecay}, {@code realSign}, {@code realResidue} [real poles of all filters], all F32; {@code pairs} and
 * {@code reals} [F] I32, how many of each a filter has; {@code passThrough} [F], h_0 in the type of the filters it came from.
 * Metadata {@value #KIND_KEY} says what the file is.
 *
 * <p>Filter f is h_0 at t = 0 and for t ≥ 1 h_t = Re Σ R_n·λ_n^(t-1) + Σ S_m·ρ_m^(t-1), where λ = exp(-exp(decay))·e^(i·phase)
 * and ρ = sign·exp(-exp(realDecay)), evaluated in double precision and rounded to F32, real and imaginary part apart.
 * Immutable.
 */
public final class ModalFile {
    private static final String KIND_KEY = "tern.filters";
    private static final String KIND = "modal 1";
    private static final List<String> OF_PAIRS = List.of("decay", "phase", "residueReal", "residueImaginary");
    private static final List<String> OF_REALS = List.of("realDecay", "realSign", "realResidue");

    private final int[] pairStart;
    private final int[] realStart;
    private final double[] passThrough;
    private final Map<String, double[]> values;

    private ModalFile(int[] pairStart, int[] realStart, double[] passThrough, Map<String, double[]> values) {
        this.pairStart = pairStart;
        this.realStart = realStart;
        this.passThrough = passThrough;
        this.values = values;
    }

    /** Whether a file holds distilled filters. */
    public static boolean is(TensorFile file) {
        return file.texts().containsKey(KIND_KEY);
    }

    /**
     * Writes distilled filters, atomically.
     *
     * @param choices what became of the filters, rounded
     * @param dtype of h_0, which is copied exactly: F32 or F64
     * @param notes kept as metadata
     */
    public static void write(Path path, List<Choice> choices, DType dtype, Map<String, String> notes)
            throws IOException {
        try (Memory memory = new Memory()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            int count = choices.size();
            Tensor pairs = memory.zeros(DType.I32, Shape.of(count));
            Tensor reals = memory.zeros(DType.I32, Shape.of(count));
            Tensor direct = memory.zeros(dtype, Shape.of(count));
            int pairsInAll = choices.stream().mapToInt(choice -> choice.fit().filter().complexModes()).sum();
            int realsInAll = choices.stream().mapToInt(choice -> choice.fit().filter().realModes()).sum();
            OF_PAIRS.forEach(name -> tensors.put(name, memory.zeros(DType.F32, Shape.of(pairsInAll))));
            OF_REALS.forEach(name -> tensors.put(name, memory.zeros(DType.F32, Shape.of(realsInAll))));
            int pair = 0;
            int real = 0;
            for (int f = 0; f < count; f++) {
                ModalFilter filter = choices.get(f).fit().filter();
                pairs.set(f, filter.complexModes());
                reals.set(f, filter.realModes());
                direct.set(f, choices.get(f).filter().taps()[0]);
                put(tensors, pair, OF_PAIRS, filter.nu(), filter.theta(), filter.residueRe(), filter.residueIm());
                put(tensors, real, OF_REALS, filter.realNu(),
                        Arrays.stream(filter.realSign()).asDoubleStream().toArray(), filter.realResidue());
                pair += filter.complexModes();
                real += filter.realModes();
            }
            tensors.put("pairs", pairs);
            tensors.put("reals", reals);
            tensors.put("passThrough", direct);
            Map<String, String> metadata = new LinkedHashMap<>(notes);
            metadata.put(KIND_KEY, KIND);
            Safetensors.write(path, tensors, metadata);
        }
    }

    private static void put(Map<String, Tensor> tensors, int at, List<String> names, double[]... columns) {
        for (int c = 0; c < columns.length; c++) {
            Tensor tensor = Objects.requireNonNull(tensors.get(names.get(c)), names.get(c));
            for (int i = 0; i < columns[c].length; i++) {
                tensor.set(at + i, columns[c][i]);
            }
        }
    }

    /**
     * Reads distilled filters.
     *
     * @throws MalformedFileException if the file holds none, or its tensors do not fit together
     */
    public static ModalFile read(Path path) throws IOException {
        try (TensorFile file = TensorFile.open(path)) {
            String kind = file.texts().get(KIND_KEY);
            if (!KIND.equals(kind)) {
                throw new MalformedFileException(path + ": " + KIND_KEY + " is "
                        + (kind == null ? "missing from its metadata" : "\"" + kind + "\"") + ", expected \"" + KIND
                        + "\"; this is no file of distilled filters");
            }
            double[] passThrough = values(file, "passThrough", Optional.empty());
            int[] pairStart = offsets(file, "pairs", passThrough.length);
            int[] realStart = offsets(file, "reals", passThrough.length);
            Map<String, double[]> values = new LinkedHashMap<>();
            for (String name : OF_PAIRS) {
                values.put(name, values(file, name, Optional.of(pairStart[passThrough.length])));
            }
            for (String name : OF_REALS) {
                values.put(name, values(file, name, Optional.of(realStart[passThrough.length])));
            }
            return new ModalFile(pairStart, realStart, passThrough, values);
        }
    }

    private static double[] values(TensorFile file, String name, Optional<Integer> length) throws IOException {
        Tensor tensor = file.tensor(name);
        StoredTensor stored = file.find(name).orElseThrow();
        if (tensor.shape().rank() != 1 || length.isPresent() && tensor.elements() != length.get()) {
            throw new MalformedFileException(file.path() + ": " + stored + " where [" + length.map(Object::toString)
                    .orElse("filters") + "] is expected");
        }
        return tensor.toDoubles();
    }

    private static int[] offsets(TensorFile file, String name, int filters) throws IOException {
        double[] counts = values(file, name, Optional.of(filters));
        int[] start = new int[filters + 1];
        for (int f = 0; f < filters; f++) {
            if (counts[f] < 0 || counts[f] > Short.MAX_VALUE || counts[f] != Math.rint(counts[f])) {
                throw new MalformedFileException(file.path() + ": " + name + "[" + f + "] is " + counts[f]
                        + ", expected a number of poles");
            }
            start[f + 1] = start[f] + (int) counts[f];
        }
        return start;
    }

    /** Number of filters F. */
    public int filters() {
        return passThrough.length;
    }

    /** Number of conjugate pairs of a filter. */
    public int pairs(int filter) {
        return pairStart[filter + 1] - pairStart[filter];
    }

    /** Number of real poles of a filter. */
    public int reals(int filter) {
        return realStart[filter + 1] - realStart[filter];
    }

    /** The impulse response h_0 … h_{time-1} of a filter, in double precision on the poles as they are rounded. */
    public double[] taps(int filter, int time) {
        double[] taps = new double[time];
        if (time > 0) {
            taps[0] = passThrough[filter];
        }
        for (int n = pairStart[filter]; n < pairStart[filter + 1]; n++) {
            double radius = Math.exp(-Math.exp(value("decay", n)));
            double x = (float) (radius * Math.cos(value("phase", n)));
            double y = (float) (radius * Math.sin(value("phase", n)));
            double re = value("residueReal", n);
            double im = value("residueImaginary", n);
            for (int t = 1; t < time; t++) {
                taps[t] += re;
                double turned = re * x - im * y;
                im = re * y + im * x;
                re = turned;
            }
        }
        for (int m = realStart[filter]; m < realStart[filter + 1]; m++) {
            double rho = (float) (value("realSign", m) * Math.exp(-Math.exp(value("realDecay", m))));
            double power = value("realResidue", m);
            for (int t = 1; t < time; t++) {
                taps[t] += power;
                power *= rho;
            }
        }
        return taps;
    }

    private double value(String name, int at) {
        return Objects.requireNonNull(values.get(name), name)[at];
    }
}
