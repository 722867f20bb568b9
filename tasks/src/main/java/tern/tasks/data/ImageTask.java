package tern.tasks.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Example;
import tern.tasks.Input;
import tern.tasks.Metric;
import tern.tasks.Task;
import tern.tasks.TaskConfig;

/**
 * Grey images read pixel by pixel, row by row or in bit-reversed order, as real values (x/255 − mean)/deviation; the class is
 * asked for.
 *
 * @param trainImages idx file, as those that follow
 * @param training images of the training file that are trained on; the others validate
 * @param mean of pixels, of 0 to 1
 * @param deviation of pixels
 * @param pool pixels along each edge that are averaged into one
 * @param permuted whether pixels come in bit-reversed order: numbers of enough bits read backwards, those beyond the image
 *            left out
 * @param perStep pixels of a position
 * @param testImagesUsed images of the test file that are judged by, evenly spread
 */
public record ImageTask(String trainImages, String trainLabels, String testImages, String testLabels, int training,
        double mean, double deviation, int pool, boolean permuted, int perStep, int testImagesUsed)
        implements
            TaskConfig {
    private static final int CLASSES = 10;
    private static final int VALIDATION = 256;

    /** Checks ranges. */
    public ImageTask {
        if (pool < 1 || perStep < 1 || training < 1 || testImagesUsed < 1 || !(deviation > 0)) {
            throw new IllegalArgumentException("images: pool " + pool + ", perStep " + perStep + ", training "
                    + training
                    + ", testImagesUsed " + testImagesUsed + " and deviation " + deviation + " must be above 0");
        }
    }

    /** MNIST, the first 50,000 images to train on. */
    public static ImageTask mnist(int pool, boolean permuted) {
        return new ImageTask("mnist/train-images-idx3-ubyte.gz", "mnist/train-labels-idx1-ubyte.gz",
                "mnist/t10k-images-idx3-ubyte.gz", "mnist/t10k-labels-idx1-ubyte.gz", 50_000, 0.1307, 0.3081, pool,
                permuted, 1, 2000);
    }

    /** The shared part of CIFAR-10 in grey, 9,000 images to train on. */
    public static ImageTask cifar(int pool) {
        return new ImageTask("cifar10-grey/cifar10grey-train10k-images-idx3-ubyte.gz",
                "cifar10-grey/cifar10grey-train10k-labels-idx1-ubyte.gz",
                "cifar10-grey/cifar10grey-test2k-images-idx3-ubyte.gz",
                "cifar10-grey/cifar10grey-test2k-labels-idx1-ubyte.gz", 9_000, 0.48, 0.24, pool, false, 1, 2000);
    }

    @Override
    public String description() {
        return "Classify images of " + trainImages.replaceAll("/.*", "") + " read pixel by pixel"
                + (permuted ? " in bit-reversed order" : "") + (pool > 1 ? ", " + pool + "×" + pool + " averaged" : "")
                + ".";
    }

    @Override
    public Task open(String name, Path data) throws IOException {
        Images known = images(IdxFile.read(data, "trainImages", trainImages, 3),
                IdxFile.read(data, "trainLabels", trainLabels, 1));
        Images judged = images(IdxFile.read(data, "testImages", testImages, 3),
                IdxFile.read(data, "testLabels", testLabels, 1));
        if (known.count() <= training) {
            throw new IllegalArgumentException("task " + name + ": " + trainImages + " holds " + known.count()
                    + " images, expected more than the " + training
                    + " to train on, so that some are left to validate; set task.training");
        }
        if (!judged.images.edges().equals(known.images.edges())) {
            throw new IOException(judged.images.name() + ": holds images of " + judged.images.edges()
                    + " pixels, but " + known.images.name() + " of " + known.images.edges()
                    + "; what is trained on and what is judged must be of one size");
        }
        if (known.pixels == 0) {
            throw new IllegalArgumentException(
                    "task " + name + ": pool is " + pool + ", expected at most the edge of an"
                            + " image of " + known.images.edges() + " pixels");
        }
        if (judged.count() == 0) {
            throw new IOException(judged.images.name() + ": holds no images to judge by");
        }
        if (known.pixels % perStep != 0) {
            throw new IllegalArgumentException("task " + name + ": perStep is " + perStep + ", expected a divisor of "
                    + known.pixels + " pixels");
        }
        List<Example> validation = new ArrayList<>();
        for (int which : FixedTask.spread(VALIDATION, known.count() - training)) {
            validation.add(known.example(training + which));
        }
        List<Example> test = new ArrayList<>();
        for (int which : FixedTask.spread(testImagesUsed, judged.count())) {
            test.add(judged.example(which));
        }
        return new FixedTask(name, new FixedTask.Kind(description(), new Input.Values(perStep),
                new Answer.Classes(CLASSES), Metric.ACCURACY, known.pixels / perStep, false), training, known::example,
                validation, test, () -> baselines(known, test));
    }

    /** Images with their order of pixels. */
    private final class Images {
        private final IdxFile images;
        private final IdxFile labels;
        private final int height;
        private final int width;
        private final int pixels;
        private final int[] order;

        private Images(IdxFile images, IdxFile labels) {
            this.images = images;
            this.labels = labels;
            this.height = images.lengths()[1] / pool;
            this.width = images.lengths()[2] / pool;
            this.pixels = height * width;
            this.order = permuted ? bitReversed(pixels) : rows(pixels);
        }

        private int count() {
            return images.count();
        }

        private Example example(int which) {
            int from = which * images.lengths()[1] * images.lengths()[2];
            float[] values = new float[pixels];
            for (int i = 0; i < pixels; i++) {
                int y = order[i] / width * pool;
                int x = order[i] % width * pool;
                int sum = 0;
                for (int dy = 0; dy < pool; dy++) {
                    for (int dx = 0; dx < pool; dx++) {
                        sum += images.bytes()[from + (y + dy) * images.lengths()[2] + x + dx] & 0xFF;
                    }
                }
                values[i] = (float) ((sum / (255.0 * pool * pool) - mean) / deviation);
            }
            return Example.ofValues(values, labels.bytes()[which]);
        }
    }

    private Images images(IdxFile images, IdxFile labels) throws IOException {
        if (images.count() != labels.count()) {
            throw new IOException(images.name() + ": holds " + images.count() + " images, but " + labels.name() + " "
                    + labels.count() + " labels; the two belong to different sets");
        }
        for (int i = 0; i < labels.count(); i++) {
            if ((labels.bytes()[i] & 0xFF) >= CLASSES) {
                throw new IOException(labels.name() + ": label " + i + " is " + (labels.bytes()[i] & 0xFF)
                        + ", expected 0 to " + (CLASSES - 1));
            }
        }
        return new Images(images, labels);
    }

    private static int[] rows(int count) {
        int[] order = new int[count];
        Arrays.setAll(order, i -> i);
        return order;
    }

    /** Numbers of so many bits as the count needs, read backwards, those below the count in the order in which they come. */
    static int[] bitReversed(int count) {
        int bits = 32 - Integer.numberOfLeadingZeros(count - 1);
        int[] order = new int[count];
        int next = 0;
        for (int i = 0; i < 1 << bits; i++) {
            int reversed = Integer.reverse(i) >>> 32 - bits;
            if (reversed < count) {
                order[next++] = reversed;
            }
        }
        return order;
    }

    /** The majority, and the class whose mean image is nearest. */
    private List<Baseline> baselines(Images known, List<Example> test) {
        double[][] means = new double[CLASSES][known.pixels];
        int[] counts = new int[CLASSES];
        for (int i = 0; i < training; i++) {
            Example example = known.example(i);
            counts[example.labels()[0]]++;
            for (int p = 0; p < known.pixels; p++) {
                means[example.labels()[0]][p] += example.values()[p];
            }
        }
        int right = 0;
        int[] asked = new int[CLASSES];
        for (Example example : test) {
            asked[example.labels()[0]]++;
            int best = 0;
            double least = Double.POSITIVE_INFINITY;
            for (int c = 0; c < CLASSES; c++) {
                double distance = 0;
                for (int p = 0; p < known.pixels; p++) {
                    double difference = means[c][p] / Math.max(1, counts[c]) - example.values()[p];
                    distance += difference * difference;
                }
                if (distance < least) {
                    least = distance;
                    best = c;
                }
            }
            right += best == example.labels()[0] ? 1 : 0;
        }
        return List.of(new Baseline("majority", (double) Arrays.stream(asked).max().orElse(0) / test.size()),
                new Baseline("nearest mean image", (double) right / test.size()));
    }
}
