package tern.mixers.mega;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.ops.Activation;
import tern.ops.Chunks;
import tern.ops.Dropped;
import tern.ops.Weighing;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * Megalodon's attention unit: causal, of one head.
 *
 * @param mover what stands in front of the attention; a turning average without an activation as published
 * @param keyWidth z
 * @param valueWidth h
 * @param chunk C; 0 for all of a sequence
 * @param groups of channels that the norm over time measures together; must divide the width
 * @param turning base of the rotation of queries and keys by their positions; absent for none
 * @param bias by distance, for ablations; NONE as published
 * @param twoHop whether what it adds is published for a feed-forward block that adds to what this unit read
 * @param dropout share of what the mover gives and of what comes out that is left out in training
 * @param hiddenDropout the same of the values
 * @param attentionDropout the same of the weights of attention
 */
public record MegalodonConfig(MixerConfig mover, int keyWidth, int valueWidth, int chunk, int groups,
        Optional<Double> turning, RelativeBias bias, boolean twoHop, Optional<Double> dropout,
        Optional<Double> hiddenDropout, Optional<Double> attentionDropout) implements MixerConfig {
    /** Checks the numbers. */
    public MegalodonConfig {
        Expect.atLeast("megalodon", "keyWidth", keyWidth, 1, "a quarter of the width is usual");
        Expect.atLeast("megalodon", "valueWidth", valueWidth, 1, "twice the width is usual");
        Expect.atLeast("megalodon", "chunk", chunk, 0, "0 = attention over all of a sequence");
        Expect.atLeast("megalodon", "groups", groups, 1, "32 is published");
        Expect.within("megalodon", "turning", turning.orElse(1.0), 0, Double.MAX_VALUE,
                "10000 is usual, turning=null for no rotation");
        Expect.that(turning.isEmpty() || keyWidth % 2 == 0, "megalodon: keyWidth is " + keyWidth
                + ", but rotations turn pairs of channels; expected an even number, or no turning (turning=null)");
        Dropping.requireRates("megalodon", dropout, hiddenDropout, attentionDropout);
    }

    /** As published for one head, but for its sizes: a turning average of 16 modes, rotations of base 10,000, two hops. */
    public static MegalodonConfig of(int keyWidth, int valueWidth, int chunk, int groups) {
        return new MegalodonConfig(
                new MovingAverageConfig(16, true, false, Activation.IDENTITY, Optional.empty()), keyWidth, valueWidth,
                chunk, groups, Optional.of(10_000.0), RelativeBias.NONE, true, Optional.empty(), Optional.empty(),
                Optional.empty());
    }

    /** The same over another mover. */
    public MegalodonConfig with(MixerConfig other) {
        return new MegalodonConfig(other, keyWidth, valueWidth, chunk, groups, turning, bias, twoHop, dropout,
                hiddenDropout, attentionDropout);
    }

    /** What attention reads. */
    Chunks chunks() {
        return new Chunks(Weighing.SOFTMAX, chunk, true, Dropped.at(attentionDropout.orElse(0.0)));
    }

    @Override
    public boolean readsNormalised() {
        return false;
    }

    @Override
    public Megalodon build(BranchContext at, ParameterScope scope) {
        Expect.divides("megalodon", "groups", groups, "width", at.width());
        return new Megalodon(this, at, scope);
    }
}
