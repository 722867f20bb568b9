package tern.host.engine;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;

import tern.inference.LanguageModel;
import tern.inference.LiveBatch;
import tern.inference.LiveSequence;

/**
 * Lets the compiler see what a server will do before the first client waits for it: steps of one stream and of several, prompts
 * alone and together. Code that is compiled only under load is slow just when many wait.
 */
public final class WarmUp {
    private static final int SEATS = 32;
    private static final int STEPS = 24;
    private static final int PIECE = 256;
    private static final int TOGETHER = 16;
    /** What one sequence reads here at most: models that cannot read as much are not warmed. */
    private static final int LONGEST = Math.max(PIECE + STEPS, 6 * (TOGETHER + STEPS));

    private final LanguageModel model;
    private final int vocabulary;
    private final SplittableRandom random = new SplittableRandom(1);
    private final long until;
    private final BooleanSupplier stop;

    private WarmUp(LanguageModel model, long until, BooleanSupplier stop) {
        this.model = model;
        this.vocabulary = model.network().config().vocabulary();
        this.until = until;
        this.stop = stop;
    }

    /**
     * Computes for at most about so long on the caller's thread, or until it is told to stop; keeps nothing.
     *
     * @param model one that generates, on the engine that it will be served by
     * @param stop asked between steps
     */
    public static void run(LanguageModel model, double seconds, BooleanSupplier stop) {
        WarmUp warm = new WarmUp(model, System.nanoTime() + Math.round(seconds * 1e9), stop);
        if (model.network().limit() < LONGEST) {
            return;
        }
        while (warm.goesOn()) {
            warm.alone();
            warm.together();
        }
    }

    private boolean goesOn() {
        return System.nanoTime() - until < 0 && !stop.getAsBoolean();
    }

    private int[] tokens(int count) {
        return random.ints(count, 0, vocabulary).toArray();
    }

    private void alone() {
        try (LiveSequence sequence = model.sequence()) {
            sequence.prefill(tokens(PIECE));
            for (int i = 0; i < STEPS && goesOn(); i++) {
                sequence.step(random.nextInt(vocabulary));
            }
            sequence.snapshot().close();
        }
    }

    private void together() {
        try (LiveBatch batch = model.batch(SEATS)) {
            float[] logits = new float[Math.multiplyExact(SEATS, vocabulary)];
            for (int size = 1; size <= SEATS && goesOn(); size *= 2) {
                while (batch.size() < size) {
                    batch.join();
                }
                int[][] rows = new int[size][];
                Arrays.setAll(rows, _ -> tokens(TOGETHER));
                batch.read(rows, logits);
                for (int i = 0; i < STEPS && goesOn(); i++) {
                    batch.step(tokens(size), logits);
                }
            }
        }
    }
}
