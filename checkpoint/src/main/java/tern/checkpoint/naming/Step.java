package tern.checkpoint.naming;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.DoubleUnaryOperator;
import java.util.function.Function;
import java.util.stream.IntStream;

import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** One change on the way from a stored tensor to a parameter, in double precision. Immutable. */
public sealed interface Step {
    /** The changed numbers. */
    Numbers apply(Numbers stored, Context context);

    /**
     * Numbers with the lengths of their axes.
     *
     * @param shape lengths, outermost first
     * @param values row-major, as many as the lengths say
     */
    record Numbers(int[] shape, double[] values) {
        /** The same numbers under another shape. */
        Numbers as(int... lengths) {
            return new Numbers(lengths, values);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Numbers numbers && Arrays.equals(shape, numbers.shape)
                    && Arrays.equals(values, numbers.values);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(values);
        }
    }

    /**
     * What a step may ask for.
     *
     * @param wanted the parameter's shape
     * @param rescale what divided matrices are multiplied with
     * @param others other stored tensors by name
     */
    record Context(int[] wanted, double rescale, Function<String, Numbers> others) {
        private int elements() {
            return Arrays.stream(wanted).reduce(1, Math::multiplyExact);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Context context && Arrays.equals(wanted, context.wanted)
                    && rescale == context.rescale;
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(wanted);
        }
    }

    /**
     * The step that a word of a table names: {@code flatten}, {@code transpose}, {@code part:N}, {@code spread}, {@code rescale},
     * {@code absorb:WEIGHT:BIAS}, {@code one-minus}, {@code plus-one}, {@code negate}, {@code exp}, {@code log}, {@code times:X},
     * {@code times-each:X,Y…:N,M…}, {@code rows:FROM:TO}, {@code ungroup:GROUPS:N,M…:FROM:TO}, {@code unpair:HEADS},
     * {@code blocks:N,M…}, {@code columns:N:PARTS}, {@code below:NAME,NAME…}, {@code bound:LAYER}; and of modal
     * filters {@code pole-decay}, {@code pole-phase}, {@code residue-real:POLES}, {@code residue-imaginary:POLES},
     * {@code pass-through:RESIDUES}.
     *
     * @throws IllegalArgumentException if there is none
     */
    static Step named(String word) {
        return switch (word) {
            case "flatten" -> new Flatten();
            case "transpose" -> new Transpose();
            case "spread" -> new Spread();
            case "rescale" -> new Rescale();
            case "one-minus" -> new Each(x -> 1 - x);
            case "plus-one" -> new Each(x -> 1 + x);
            case "pole-decay" -> new Polar(true);
            case "pole-phase" -> new Polar(false);
            case "negate" -> new Each(x -> -x);
            case "exp" -> new Each(Math::exp);
            case "log" -> new Each(Math::log);
            default -> {
                if (word.startsWith("absorb:")) {
                    String[] names = word.split(":");
                    yield new Absorb(names[1], names[2]);
                }
                if (word.startsWith("part:")) {
                    yield new Part(Integer.parseInt(word.substring("part:".length())));
                }
                String[] parts = word.split(":");
                if (parts[0].equals("rows") && parts.length == 3) {
                    yield new Rows(Integer.parseInt(parts[1]), Integer.parseInt(parts[2]));
                }
                if (parts[0].equals("blocks") && parts.length == 2) {
                    yield new Blocks(whole(parts[1]));
                }
                if (parts[0].equals("below") && parts.length == 2) {
                    yield new Below(List.of(parts[1].split(",")));
                }
                if (parts[0].equals("bound") && parts.length == 2) {
                    yield new Bound(Integer.parseInt(parts[1]));
                }
                if (parts[0].equals("columns") && parts.length == 3) {
                    yield new Columns(Integer.parseInt(parts[1]), Integer.parseInt(parts[2]));
                }
                if (parts[0].equals("ungroup") && parts.length == 5) {
                    yield new Ungroup(Integer.parseInt(parts[1]), whole(parts[2]), Integer.parseInt(parts[3]),
                            Integer.parseInt(parts[4]));
                }
                if (parts[0].equals("unpair") && parts.length == 2) {
                    yield new Unpair(Integer.parseInt(parts[1]));
                }
                if (parts[0].startsWith("residue-") && parts.length == 2) {
                    yield new Residue(parts[0].equals("residue-imaginary"), parts[1]);
                }
                if (parts[0].equals("pass-through") && parts.length == 2) {
                    yield new PassThrough(parts[1]);
                }
                if (parts[0].equals("times") && parts.length == 2) {
                    double factor = Double.parseDouble(parts[1]);
                    yield new Each(x -> x * factor);
                }
                if (parts[0].equals("times-each") && parts.length == 3) {
                    yield new TimesEach(Arrays.stream(parts[1].split(",")).map(Double::valueOf).toList(),
                            whole(parts[2]));
                }
                throw new IllegalArgumentException("unknown step \"" + word.toLowerCase(Locale.ROOT) + "\"");
            }
        };
    }

    private static List<Integer> whole(String list) {
        return Arrays.stream(list.split(",")).map(Integer::valueOf).toList();
    }

    /** A step that takes whole entries of the outermost axis in some order, so that they can stay in their stored type. */
    sealed interface OfRows extends Step {
        /** Which of so many entries become those of the parameter, in order. */
        int[] chosen(int rows);

        /** Whether the outermost axis goes, because one entry is all. */
        default boolean single() {
            return false;
        }

        @Override
        default Numbers apply(Numbers stored, Context context) {
            int[] shape = stored.shape();
            int[] rows = shape.length == 0 ? new int[0] : chosen(shape[0]);
            if (rows.length == 0) {
                return stored;
            }
            int length = stored.values().length / shape[0];
            double[] moved = new double[rows.length * length];
            for (int row = 0; row < rows.length; row++) {
                System.arraycopy(stored.values(), rows[row] * length, moved, row * length, length);
            }
            return new Numbers(shape(shape, rows.length), moved);
        }

        private int[] shape(int[] before, int rows) {
            int[] shape = single() ? Arrays.copyOfRange(before, 1, before.length) : before.clone();
            if (!single()) {
                shape[0] = rows;
            }
            return shape;
        }

        /** The stored tensor with its entries moved, in its type; itself seen otherwise where they are neighbours. */
        default Tensor moved(Tensor stored, Allocator memory) {
            int[] rows = chosen(stored.dim(0));
            if (rows.length == 0) {
                return stored;
            }
            Shape shape = Shape.of(shape(stored.shape().toArray(), rows.length));
            boolean neighbours = true;
            for (int row = 1; row < rows.length; row++) {
                neighbours &= rows[row] == rows[row - 1] + 1;
            }
            if (neighbours) {
                return stored.slice(rows[0], rows[0] + rows.length).reshape(shape);
            }
            Tensor moved = memory.allocate(stored.dtype(), shape);
            for (int row = 0; row < rows.length; row++) {
                moved.slice(row, row + 1).copyFrom(stored.slice(rows[row], rows[row] + 1));
            }
            return moved;
        }
    }

    /**
     * Some neighbouring entries of the outermost axis.
     *
     * @param from the first
     * @param to the one after the last
     */
    record Rows(int from, int to) implements OfRows {
        @Override
        public int[] chosen(int rows) {
            return to > rows ? new int[0] : IntStream.range(from, to).toArray();
        }
    }

    /**
     * As many equal blocks of rows as are named, in another order.
     *
     * @param order which block comes first, second and so on
     */
    record Blocks(List<Integer> order) implements OfRows {
        @Override
        public int[] chosen(int rows) {
            int each = rows / order.size();
            return rows % order.size() != 0 ? new int[0]
                    : order.stream().flatMapToInt(block -> IntStream.range(block * each, (block + 1) * each)).toArray();
        }
    }

    /**
     * One of equal parts of the innermost axis.
     *
     * @param index of the part
     * @param parts how many there are
     */
    record Columns(int index, int parts) implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            int[] shape = stored.shape().clone();
            int columns = shape.length == 0 ? 0 : shape[shape.length - 1];
            if (columns == 0 || columns % parts != 0) {
                return stored;
            }
            int each = columns / parts;
            double[] part = new double[stored.values().length / parts];
            for (int i = 0; i < part.length; i++) {
                part[i] = stored.values()[i / each * columns + index * each + i % each];
            }
            shape[shape.length - 1] = each;
            return new Numbers(shape, part);
        }
    }

    /**
     * Rows that lie group by group, in each so many of every part, put part by part, in each so many of every group.
     *
     * @param groups number of groups
     * @param parts rows of each part in a group
     * @param from the first part that is wanted
     * @param to the one after the last that is wanted
     */
    record Ungroup(int groups, List<Integer> parts, int from, int to) implements OfRows {
        @Override
        public int[] chosen(int rows) {
            int each = parts.stream().mapToInt(Integer::intValue).sum();
            if (rows != groups * each) {
                return new int[0];
            }
            IntStream.Builder chosen = IntStream.builder();
            int within = parts.subList(0, from).stream().mapToInt(Integer::intValue).sum();
            for (int part : parts.subList(from, to)) {
                for (int group = 0; group < groups; group++) {
                    int first = group * each + within;
                    IntStream.range(first, first + part).forEach(chosen);
                }
                within += part;
            }
            return chosen.build().toArray();
        }
    }

    /**
     * Rows of heads of which neighbours turn together, put so that a row of a head's first half and one of its second do.
     *
     * @param heads number of heads
     */
    record Unpair(int heads) implements OfRows {
        @Override
        public int[] chosen(int rows) {
            int width = rows / heads;
            if (rows % heads != 0 || width % 2 != 0) {
                return new int[0];
            }
            return IntStream.range(0, rows).map(row -> {
                int within = row % width;
                return row - within + 2 * (within % (width / 2)) + within / (width / 2);
            }).toArray();
        }
    }

    /**
     * Parts of the outermost axis times a factor of their own.
     *
     * @param factors one for each part
     * @param counts entries of each part
     */
    record TimesEach(List<Double> factors, List<Integer> counts) implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            int all = counts.stream().mapToInt(Integer::intValue).sum();
            if (stored.shape().length == 0 || stored.shape()[0] != all || factors.size() != counts.size()) {
                return new Numbers(new int[] {0}, new double[0]);
            }
            int length = stored.values().length / all;
            double[] changed = stored.values().clone();
            int at = 0;
            for (int part = 0; part < counts.size(); part++) {
                for (int end = at + counts.get(part) * length; at < end; at++) {
                    changed[at] *= factors.get(part);
                }
            }
            return new Numbers(stored.shape(), changed);
        }
    }

    /**
     * Further stored tensors below, along the outermost axis.
     *
     * @param others their names, from the top
     */
    record Below(List<String> others) implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            int[] shape = stored.shape().clone();
            double[] values = stored.values();
            for (String other : others) {
                Numbers more = context.others().apply(other);
                requireSameRows(shape, more.shape(), other);
                int before = values.length;
                values = Arrays.copyOf(values, before + more.values().length);
                System.arraycopy(more.values(), 0, values, before, more.values().length);
                shape[0] += more.shape()[0];
            }
            return new Numbers(shape, values);
        }

        /** All of them in their type, if they have one type; else nothing. */
        Optional<Tensor> together(List<Tensor> all, Allocator memory) {
            Tensor first = all.getFirst();
            int[] shape = first.shape().toArray();
            shape[0] = 0;
            for (int i = 0; i < all.size(); i++) {
                if (all.get(i).dtype() != first.dtype()) {
                    return Optional.empty();
                }
                requireSameRows(first.shape().toArray(), all.get(i).shape().toArray(),
                        i == 0 ? "" : others.get(i - 1));
                shape[0] += all.get(i).dim(0);
            }
            Tensor together = memory.allocate(first.dtype(), Shape.of(shape));
            int at = 0;
            for (Tensor one : all) {
                together.slice(at, at + one.dim(0)).copyFrom(one);
                at += one.dim(0);
            }
            return Optional.of(together);
        }

        private static void requireSameRows(int[] above, int[] below, String other) {
            if (above.length != below.length
                    || !Arrays.equals(above, 1, above.length, below, 1, below.length)) {
                throw new IllegalArgumentException("rows of \"" + other + "\" " + Arrays.toString(below)
                        + " do not fit below " + Arrays.toString(above));
            }
        }
    }

    /**
     * The bound of a layer's forget gates, before its sigmoid, from what all layers learn together [L,D]: softmax over layers,
     * summed up to the layer without the first (HGRN2).
     *
     * @param layer from 1 on
     */
    record Bound(int layer) implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            int[] shape = stored.shape();
            if (shape.length != 2 || layer < 1 || layer >= shape[0]) {
                return stored;
            }
            double[] bounds = new double[shape[1]];
            for (int i = 0; i < bounds.length; i++) {
                double largest = Double.NEGATIVE_INFINITY;
                for (int row = 0; row < shape[0]; row++) {
                    largest = Math.max(largest, stored.values()[row * bounds.length + i]);
                }
                double within = 0;
                double outside = 0;
                for (int row = 0; row < shape[0]; row++) {
                    double weight = Math.exp(stored.values()[row * bounds.length + i] - largest);
                    if (row >= 1 && row <= layer) {
                        within += weight;
                    } else {
                        outside += weight;
                    }
                }
                bounds[i] = Math.log(within / outside);
            }
            return new Numbers(new int[] {bounds.length}, bounds);
        }
    }

    /** The same numbers in the parameter's shape. */
    record Flatten() implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            return stored.values().length == context.elements() ? stored.as(context.wanted()) : stored;
        }
    }

    /** The last two axes swapped. */
    record Transpose() implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            int[] shape = stored.shape().clone();
            if (shape.length < 2) {
                return stored;
            }
            int rows = shape[shape.length - 2];
            int columns = shape[shape.length - 1];
            double[] turned = new double[stored.values().length];
            for (int i = 0; i < turned.length; i++) {
                int matrix = i / (rows * columns);
                int row = i / columns % rows;
                turned[(matrix * columns + i % columns) * rows + row] = stored.values()[i];
            }
            shape[shape.length - 2] = columns;
            shape[shape.length - 1] = rows;
            return new Numbers(shape, turned);
        }
    }

    /**
     * One entry of the outermost axis.
     *
     * @param index of the entry
     */
    record Part(int index) implements OfRows {
        @Override
        public int[] chosen(int rows) {
            return index < rows ? new int[] {index} : new int[0];
        }

        @Override
        public boolean single() {
            return true;
        }
    }

    /** Every number as often as the parameter's shape asks for, one after another; in its shape if there are enough already. */
    record Spread() implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            int length = stored.values().length;
            int wanted = context.elements();
            if (length == 0 || wanted % length != 0) {
                return stored;
            }
            double[] spread = new double[wanted];
            for (int i = 0; i < wanted; i++) {
                spread[i] = stored.values()[i / (wanted / length)];
            }
            return new Numbers(context.wanted(), spread);
        }
    }

    /**
     * x + δ with the shortest δ for which weight·δ = bias, so that a matrix applied to the sum adds the bias.
     *
     * @param weight name of the stored matrix [rows,columns] with independent rows
     * @param bias name of the stored vector [rows]
     */
    record Absorb(String weight, String bias) implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            Numbers matrix = context.others().apply(weight);
            int rows = matrix.shape()[0];
            int columns = matrix.shape()[1];
            // δ = Wᵀλ with (W·Wᵀ)λ = bias, by elimination with pivots.
            double[][] system = new double[rows][rows + 1];
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < rows; j++) {
                    for (int k = 0; k < columns; k++) {
                        system[i][j] += matrix.values()[i * columns + k] * matrix.values()[j * columns + k];
                    }
                }
                system[i][rows] = context.others().apply(bias).values()[i];
            }
            double[] lambda = solved(system);
            double[] sum = stored.values().clone();
            for (int i = 0; i < rows; i++) {
                for (int k = 0; k < columns; k++) {
                    sum[k] += lambda[i] * matrix.values()[i * columns + k];
                }
            }
            return new Numbers(stored.shape(), sum);
        }

        private static double[] solved(double[][] system) {
            int n = system.length;
            for (int i = 0; i < n; i++) {
                int pivot = i;
                for (int row = i + 1; row < n; row++) {
                    pivot = Math.abs(system[row][i]) > Math.abs(system[pivot][i]) ? row : pivot;
                }
                double[] swapped = system[i];
                system[i] = system[pivot];
                system[pivot] = swapped;
                for (int row = 0; row < n; row++) {
                    double factor = row == i ? 0 : system[row][i] / system[i][i];
                    for (int column = i; factor != 0 && column <= n; column++) {
                        system[row][column] -= factor * system[i][column];
                    }
                }
            }
            double[] solution = new double[n];
            for (int i = 0; i < n; i++) {
                solution[i] = system[i][n] / system[i][i];
            }
            return solution;
        }
    }

    /** Multiplied with what the file says that it was divided by, a power of two. */
    record Rescale() implements Step {
        private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED
                .withOrder(ByteOrder.LITTLE_ENDIAN);

        @Override
        public Numbers apply(Numbers stored, Context context) {
            return new Each(x -> x * context.rescale()).apply(stored, context);
        }

        /**
         * A tensor times 2^power in the type it is stored in, of blocks their scales: exact where nothing leaves the range of
         * its type. What would, becomes F32; so does what is stored in another type.
         */
        static Tensor scaled(Tensor stored, int power, Allocator memory) {
            if (power == 0) {
                return stored;
            }
            double factor = Math.pow(2, power);
            DType type = stored.dtype();
            Tensor scaled = memory.allocate(type, stored.shape()).copyFrom(stored);
            boolean exact = true;
            if (type.isBlocked()) {
                for (long block = 0; block < scaled.bytes(); block += type.blockBytes()) {
                    for (int at : tern.tensor.Blocks.scales(type)) {
                        short before = scaled.data().get(HALF, block + at);
                        short after = Float.floatToFloat16((float) (Float.float16ToFloat(before) * factor));
                        exact &= Float.float16ToFloat(after) == Float.float16ToFloat(before) * factor;
                        scaled.data().set(HALF, block + at, after);
                    }
                }
            } else {
                for (long i = 0; i < scaled.elements(); i++) {
                    scaled.set(i, stored.get(i) * factor);
                    exact &= scaled.get(i) == stored.get(i) * factor;
                }
            }
            if (exact) {
                return scaled;
            }
            Tensor wide = memory.allocate(DType.F32, stored.shape()).copyFrom(stored);
            for (long i = 0; i < wide.elements(); i++) {
                wide.set(i, wide.get(i) * factor);
            }
            return wide;
        }
    }

    /**
     * A function of every number.
     *
     * @param of the function
     */
    record Each(DoubleUnaryOperator of) implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            return new Numbers(stored.shape(), Arrays.stream(stored.values()).map(of).toArray());
        }
    }

    /**
     * Of complex poles λ [...,2] the coordinate that {@link tern.ops.Modes} has: ln(−ln |λ|), or the phase.
     *
     * @param decay which of the two
     */
    record Polar(boolean decay) implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            double[] made = new double[stored.values().length / 2];
            for (int i = 0; i < made.length; i++) {
                double real = stored.values()[2 * i];
                double imaginary = stored.values()[2 * i + 1];
                double radius = Math.hypot(real, imaginary);
                if (!(radius <= 1)) {
                    throw new IllegalArgumentException("pole " + i + " is " + real + " + " + imaginary
                            + "i, outside the unit circle, where a filter grows without end");
                }
                made[i] = decay ? Math.log(-Math.log(radius)) : Math.atan2(imaginary, real);
            }
            return new Numbers(new int[] {made.length}, made);
        }
    }

    /**
     * Residues of filters whose taps are Re Σ R λ^t from t = 0, [...,2], as of those from t = 1: R·λ.
     *
     * @param imaginary which part of the product
     * @param poles name of the stored poles
     */
    record Residue(boolean imaginary, String poles) implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            double[] r = stored.values();
            double[] pole = context.others().apply(poles).values();
            double[] made = new double[r.length / 2];
            for (int i = 0; i < made.length && r.length == pole.length; i++) {
                made[i] = imaginary ? r[2 * i] * pole[2 * i + 1] + r[2 * i + 1] * pole[2 * i]
                        : r[2 * i] * pole[2 * i] - r[2 * i + 1] * pole[2 * i + 1];
            }
            return new Numbers(new int[] {made.length}, made);
        }
    }

    /**
     * A skip [F] plus the tap at 0 of filters whose taps are Re Σ R λ^t: Σ Re R.
     *
     * @param residues name of the stored residues, as many for each filter
     */
    record PassThrough(String residues) implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            double[] residue = context.others().apply(residues).values();
            double[] sum = stored.values().clone();
            int each = residue.length / sum.length;
            for (int i = 0; i + 1 < residue.length; i += 2) {
                sum[i / each] += residue[i];
            }
            return new Numbers(stored.shape(), sum);
        }
    }
}
