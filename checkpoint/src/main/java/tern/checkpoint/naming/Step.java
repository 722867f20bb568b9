package tern.checkpoint.naming;

import java.util.Arrays;
import java.util.Locale;
import java.util.function.DoubleUnaryOperator;
import java.util.function.Function;

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
     * {@code absorb:WEIGHT:BIAS}, {@code one-minus}, {@code negate}, {@code exp}, {@code log}.
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
                throw new IllegalArgumentException("unknown step \"" + word.toLowerCase(Locale.ROOT) + "\"");
            }
        };
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
            int[] shape = stored.shape();
            if (shape.length != 2) {
                return stored;
            }
            double[] turned = new double[stored.values().length];
            for (int row = 0; row < shape[0]; row++) {
                for (int column = 0; column < shape[1]; column++) {
                    turned[column * shape[0] + row] = stored.values()[row * shape[1] + column];
                }
            }
            return new Numbers(new int[] {shape[1], shape[0]}, turned);
        }
    }

    /**
     * One entry of the outermost axis.
     *
     * @param index of the entry
     */
    record Part(int index) implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            int[] shape = stored.shape();
            if (shape.length == 0 || index >= shape[0]) {
                return stored;
            }
            int length = stored.values().length / shape[0];
            return new Numbers(Arrays.copyOfRange(shape, 1, shape.length),
                    Arrays.copyOfRange(stored.values(), index * length, (index + 1) * length));
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

    /** Multiplied with what the file says that it was divided by. */
    record Rescale() implements Step {
        @Override
        public Numbers apply(Numbers stored, Context context) {
            return new Each(x -> x * context.rescale()).apply(stored, context);
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
}
