package tern.tasks.synthetic;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Generator;
import tern.tasks.Input;

/**
 * Pathfinder: two dashed curves wind through an image among shorter ones, and two discs lie at ends of them; whether they lie
 * on the same curve is asked for, the image being read pixel by pixel, row by row (Linsley et al. 2018, arXiv 1805.08315;
 * Long Range Arena, 2011.04006). Each sequence draws its own image, so a set is as balanced as a coin.
 *
 * @param size pixels along an edge
 * @param antialias how much finer is drawn
 * @param lanczos whether a fine drawing is reduced by a Lanczos filter, or a triangle
 * @param margins room around a dash, one of these for each image
 * @param dash length of a dash
 * @param thickness of a dash
 * @param contour dashes of the two curves
 * @param seedDistance between the beginnings of the two curves
 * @param continuity how straight curves are: the next dash turns by an angle Δ with weight cos²(min(Δ·continuity, π/2))
 * @param markerRadius of the discs
 * @param distractor dashes of the other curves
 * @param distractors how many of them
 * @param snakeContrast factor of all curves
 * @param dashContrast factor of all dashes
 * @param trainingExamples number of different training images
 */
public record Pathfinder(int size, int antialias, boolean lanczos, List<Integer> margins, int dash, double thickness,
        int contour, int seedDistance, double continuity, double markerRadius, int distractor, int distractors,
        double snakeContrast, double dashContrast, int trainingExamples) implements Generator {
    private static final int PADDING = 1;
    /** One and two more, as published; a distractor has one and four more. */
    private static final int DASH_TRIALS = 3;
    private static final int DISTRACTOR_TRIALS = 5;
    private static final int ATTEMPTS = 100_000;
    private static final int DEGREES = 360;
    private static final double LEAST_FREE = 0.01;
    private static final double FOOTPRINT = 0.1;

    /** Checks ranges. */
    public Pathfinder {
        Guesses.require("pathfinder", "size", size, size >= 12 && size <= 512, "12 to 512 pixels");
        Guesses.require("pathfinder", "contour", contour, contour >= 2, "2 or more dashes");
        Guesses.require("pathfinder", "dash", dash, dash >= 1, "1 or more pixels");
        Guesses.require("pathfinder", "antialias", antialias, antialias >= 1 && antialias <= 8, "1 to 8");
        Guesses.require("pathfinder", "margins", margins.size(), !margins.isEmpty(), "one or more margins");
        Guesses.require("pathfinder", "trainingExamples", trainingExamples, trainingExamples >= 0,
                "a number, or 0 for fresh ones at every step");
        margins = List.copyOf(margins);
    }

    /** The hard set of Long Range Arena: 32 by 32 pixels, curves of 14 dashes. */
    public static Pathfinder published() {
        return new Pathfinder(32, 2, true, List.of(1), 2, 0.5, 14, 7, 1.0, 1.5, 4, 5, 2, 0.75, 160_000);
    }

    /** Path-X: 128 by 128 pixels. */
    public static Pathfinder large() {
        return new Pathfinder(128, 2, true, List.of(2, 3), 5, 1.5, 14, 20, 1.8, 3, 4, 8, 0.9, 1, 160_000);
    }

    /** 16 by 16 pixels, curves of six dashes. */
    public static Pathfinder small() {
        return new Pathfinder(16, 2, false, List.of(1), 2, 0.5, 6, 4, 1.0, 1.5, 2, 2, 2, 0.75, 20_000);
    }

    @Override
    public String description() {
        return "Say whether two discs lie on one dashed curve, in " + size + "×" + size + " pixels (Pathfinder).";
    }

    @Override
    public Input input() {
        return new Input.Values(1);
    }

    @Override
    public Answer answer() {
        return new Answer.Classes(2);
    }

    @Override
    public boolean causal() {
        return false;
    }

    @Override
    public int length() {
        return size * size;
    }

    @Override
    public Example draw(Draws draws, int length, boolean training) {
        boolean same = draws.coin();
        byte[] pixels = image(draws, same);
        float[] values = new float[pixels.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = ((pixels[i] & 0xFF) / 255f - 0.5f) / 0.5f;
        }
        return Example.ofValues(values, same ? 1 : 0);
    }

    /** One image, row by row; the brightest pixel is 255. */
    public byte[] image(Draws draws, boolean same) {
        Scene scene = new Scene(draws, margins.get(draws.below(margins.size())));
        for (int attempt = 0; !scene.drawCurves(); attempt++) {
            if (attempt == ATTEMPTS) {
                throw new IllegalArgumentException("pathfinder: two curves of " + contour + " dashes found no room in "
                        + size + "×" + size + " pixels in " + ATTEMPTS
                        + " attempts; set a smaller contour or dash, or a"
                        + " larger size");
            }
            scene.clear();
        }
        scene.drawDistractors();
        return scene.marked(same);
    }

    /** A curve while it grows. */
    private static final class Snake {
        private double originY;
        private double originX;
        private double tipY;
        private double tipX;
        private int pivotY;
        private int pivotX;
        private double orientation;
        private boolean[] pending = {};
    }

    /** A pixel about a pivot. */
    private record Place(int y, int x, double orientation) {
    }

    /** The different pixels of a circle, by whole degrees. */
    private static Place[] circle(int radius) {
        Map<Integer, Place> places = new LinkedHashMap<>();
        for (int degree = 0; degree < DEGREES; degree++) {
            int y = (int) Math.ceil(radius * StrictMath.sin(Math.toRadians(degree)));
            int x = (int) Math.ceil(radius * StrictMath.cos(Math.toRadians(degree)));
            places.putIfAbsent(y * 4 * (radius + 1) + x, new Place(y, x, StrictMath.atan2(y, x)));
        }
        return places.values().toArray(Place[]::new);
    }

    /** One image while it is drawn. */
    private final class Scene {
        private final Draws draws;
        private final int margin;
        private final Canvas canvas = new Canvas(size, antialias, lanczos);
        private final Place[] circle;
        private final double[] image = new double[size * size];
        private final boolean[] taken = new boolean[size * size];
        private Snake first = new Snake();
        private Snake second = new Snake();

        private Scene(Draws draws, int margin) {
            this.draws = draws;
            this.margin = margin;
            this.circle = circle(dash + margin);
            clear();
        }

        private void clear() {
            Arrays.fill(image, 0);
            for (int y = 0; y < size; y++) {
                for (int x = 0; x < size; x++) {
                    taken[y * size + x] = Math.min(Math.min(y, x), Math.min(size - 1 - y, size - 1 - x)) < PADDING;
                }
            }
        }

        /** Both curves, dash by dash in turn; false if one of them found no way. */
        private boolean drawCurves() {
            // The first begins near the middle; in small images the frame leaves four pixels.
            int frame = Math.min(2 * seedDistance, size / 2 - 2);
            int y = frame + draws.below(size - 2 * frame);
            int x = frame + draws.below(size - 2 * frame);
            first = new Snake();
            second = new Snake();
            double direction = angle();
            if (!begin(first, y, x, angle(), new boolean[0])
                    || !begin(second, (int) Math.rint(y + seedDistance * StrictMath.sin(direction)),
                            (int) Math.rint(x + seedDistance * StrictMath.cos(direction)), angle(), first.pending)) {
                return false;
            }
            for (int i = 1; i < contour; i++) {
                if (!extend(first, second.pending) || !extend(second, first.pending)) {
                    return false;
                }
            }
            take(first.pending);
            take(second.pending);
            return true;
        }

        /** A whole number of degrees, in radians. */
        private double angle() {
            return Math.toRadians(draws.below(DEGREES) - DEGREES / 2);
        }

        /** Whole ones only: what finds no way is wiped out and begun elsewhere, a few times. */
        private void drawDistractors() {
            for (int i = 0; i < distractors; i++) {
                boolean drawn = false;
                for (int trial = 0; trial < DISTRACTOR_TRIALS && !drawn; trial++) {
                    double[] imageBefore = image.clone();
                    boolean[] takenBefore = taken.clone();
                    drawn = drawDistractor();
                    if (!drawn) {
                        System.arraycopy(imageBefore, 0, image, 0, image.length);
                        System.arraycopy(takenBefore, 0, taken, 0, taken.length);
                    }
                }
            }
        }

        private boolean drawDistractor() {
            double orientation = angle();
            int[] free = free(orientation);
            Snake snake = new Snake();
            boolean grows = free.length > 0;
            if (grows) {
                int place = free[draws.below(free.length)];
                grows = begin(snake, place / size, place % size, orientation, new boolean[0]);
            }
            for (int part = 1; part < distractor && grows; part++) {
                grows = extend(snake, new boolean[0]);
            }
            if (grows) {
                take(snake.pending);
            }
            return grows;
        }

        /** Where a dash of this orientation may begin; nowhere once hardly a pixel is free. */
        private int[] free(double orientation) {
            // A dash covers the same pixels wherever it begins.
            int middle = size / 2;
            int headY = along(middle, dash * StrictMath.sin(orientation));
            int headX = along(middle, dash * StrictMath.cos(orientation));
            double[] stroke = stroke(middle, middle, headY, headX);
            int[] covered = IntStream.range(0, stroke.length).filter(i -> stroke[i] > FOOTPRINT).toArray();
            int[] free = new int[size * size];
            int count = 0;
            int open = 0;
            for (int i = 0; i < taken.length; i++) {
                if (!taken[i]) {
                    int y = i / size - middle;
                    int x = i % size - middle;
                    open++;
                    if (isInside(y + headY, x + headX) && hasRoom(covered, y, x)) {
                        free[count++] = i;
                    }
                }
            }
            return Arrays.copyOf(free, open < LEAST_FREE * size * size ? 0 : count);
        }

        private boolean hasRoom(int[] covered, int downY, int downX) {
            for (int at : covered) {
                int y = at / size + downY;
                int x = at % size + downX;
                if (isInside(y, x) && taken[y * size + x]) {
                    return false;
                }
            }
            return true;
        }

        private static int along(int from, double distance) {
            return (int) Math.ceil(from + distance);
        }

        private boolean isInside(int y, int x) {
            return y >= 0 && y < size && x >= 0 && x < size;
        }

        private boolean begin(Snake snake, int tailY, int tailX, double orientation, boolean... other) {
            int headY = along(tailY, dash * StrictMath.sin(orientation));
            int headX = along(tailX, dash * StrictMath.cos(orientation));
            if (!isInside(tailY, tailX) || !isInside(headY, headX)
                    || !place(snake, tailY, tailX, headY, headX, other)) {
                return false;
            }
            snake.originY = tailY + 0.5;
            snake.originX = tailX + 0.5;
            snake.orientation = orientation;
            snake.pivotY = along(tailY, -margin * StrictMath.sin(orientation));
            snake.pivotX = along(tailX, -margin * StrictMath.cos(orientation));
            return true;
        }

        /** Draws one more dash; what it must keep off besides what is taken is the other curve's last one. */
        private boolean extend(Snake snake, boolean[] other) {
            int pivotY = along(snake.pivotY, (dash + 2 * margin) * StrictMath.sin(snake.orientation));
            int pivotX = along(snake.pivotX, (dash + 2 * margin) * StrictMath.cos(snake.orientation));
            double[] weights = new double[circle.length];
            double sum = 0;
            for (int i = 0; i < circle.length; i++) {
                int y = pivotY + circle[i].y;
                int x = pivotX + circle[i].x;
                if (isInside(y, x) && !isNear(y, x)) {
                    double turned = Math.abs(
                            Math.IEEEremainder(circle[i].orientation - snake.orientation, 2 * Math.PI));
                    double cosine = StrictMath.cos(Math.min(turned * continuity, Math.PI / 2));
                    weights[i] = cosine * cosine;
                    sum += weights[i];
                }
            }
            if (sum < 1e-9) {
                return false;
            }
            for (int trial = 0; trial < DASH_TRIALS; trial++) {
                Place head = circle[draws.weighted(weights)];
                double orientation = head.orientation;
                int headY = pivotY + head.y;
                int headX = pivotX + head.x;
                int tailY = along(headY, -dash * StrictMath.sin(orientation));
                int tailX = along(headX, -dash * StrictMath.cos(orientation));
                boolean[] before = snake.pending;
                if (isInside(tailY, tailX) && place(snake, tailY, tailX, headY, headX, other)) {
                    take(before);
                    snake.pivotY = pivotY;
                    snake.pivotX = pivotX;
                    snake.orientation = orientation;
                    return true;
                }
            }
            return false;
        }

        /** Whether something is taken within a margin. */
        private boolean isNear(int y, int x) {
            for (int dy = -margin; dy <= margin; dy++) {
                for (int dx = -margin; dx <= margin; dx++) {
                    if (dy * dy + dx * dx <= margin * margin && isInside(y + dy, x + dx)
                            && taken[(y + dy) * size + x + dx]) {
                        return true;
                    }
                }
            }
            return false;
        }

        /** Draws a dash if nothing is in its way, and leaves its footprint pending. */
        private boolean place(Snake snake, int tailY, int tailX, int headY, int headX, boolean... other) {
            double[] stroke = stroke(tailY, tailX, headY, headX);
            if (!isClear(stroke, taken) || other.length > 0 && !isClear(stroke, other)) {
                return false;
            }
            boolean[] footprint = new boolean[size * size];
            for (int i = 0; i < stroke.length; i++) {
                if (stroke[i] > FOOTPRINT) {
                    widen(footprint, i / size, i % size);
                }
                image[i] = Math.max(image[i], stroke[i] * snakeContrast * dashContrast);
            }
            snake.pending = footprint;
            snake.tipY = headY + 0.5;
            snake.tipX = headX + 0.5;
            return true;
        }

        private double[] stroke(int tailY, int tailX, int headY, int headX) {
            return canvas.stroke(tailY + 0.5, tailX + 0.5, headY + 0.5, headX + 0.5, thickness);
        }

        private static boolean isClear(double[] stroke, boolean... taken) {
            for (int i = 0; i < stroke.length; i++) {
                if (stroke[i] > FOOTPRINT && taken[i]) {
                    return false;
                }
            }
            return true;
        }

        private void widen(boolean[] footprint, int y, int x) {
            for (int dy = -margin; dy <= margin; dy++) {
                for (int dx = -margin; dx <= margin; dx++) {
                    if (dy * dy + dx * dx <= margin * margin && isInside(y + dy, x + dx)) {
                        footprint[(y + dy) * size + x + dx] = true;
                    }
                }
            }
        }

        private void take(boolean... footprint) {
            for (int i = 0; i < footprint.length; i++) {
                taken[i] |= footprint[i];
            }
        }

        private byte[] marked(boolean same) {
            Snake one = draws.coin() ? first : second;
            Snake other = same ? one : one == first ? second : first;
            draw(canvas.disc(one.originY, one.originX, markerRadius));
            draw(canvas.disc(other.tipY, other.tipX, markerRadius));
            double most = 0;
            for (double value : image) {
                most = Math.max(most, value);
            }
            byte[] pixels = new byte[image.length];
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = (byte) Math.round(255 * image[i] / most);
            }
            return pixels;
        }

        private void draw(double... shape) {
            for (int i = 0; i < shape.length; i++) {
                image[i] = Math.max(image[i], shape[i] * snakeContrast * dashContrast);
            }
        }
    }

    @Override
    public List<Baseline> baselines(List<Example> test) {
        return List.of(Guesses.majority(test));
    }
}
