package tern.kernels.recurrence;

import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * What a recurrence over matrix states reads at each position, or the gradients of that. Immutable; the tensors' contents
 * belong to the caller.
 *
 * @param query q [B,T,G,K]; G = H, or a divisor of H without bonus and rank-one term, then heads share: see {@link #keyHeads}
 * @param key k [B,T,G,K]
 * @param value v [B,T,H,V]
 * @param logDecay g [B or 1, T or 1, H, K or 1], never above 0
 * @param bonus u [H,K] and read-before, or [0] and read-after
 * @param probe a [B,T,H,K], or [0] without a rank-one term
 * @param rewrite b [B,T,H,K], or [0] without a rank-one term
 */
public record ScanInputs(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor bonus, Tensor probe,
        Tensor rewrite) {

    /** Read-after without a rank-one term. */
    public static ScanInputs gated(Tensor query, Tensor key, Tensor value, Tensor logDecay) {
        Tensor none = none(query);
        return new ScanInputs(query, key, value, logDecay, none, none, none);
    }

    /** Read-before with a bonus. */
    public static ScanInputs bonus(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor bonus) {
        Tensor none = none(query);
        return new ScanInputs(query, key, value, logDecay, bonus, none, none);
    }

    /** Read-after with a rank-one term. */
    public static ScanInputs rankOne(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor probe,
            Tensor rewrite) {
        return new ScanInputs(query, key, value, logDecay, none(query), probe, rewrite);
    }

    private static Tensor none(Tensor like) {
        return Tensor.withoutMemory(like.dtype(), Shape.of(0));
    }

    /** Tensors of the same shapes, contents undefined. */
    public ScanInputs blank(Allocator from) {
        return new ScanInputs(blank(from, query), blank(from, key), blank(from, value), blank(from, logDecay),
                blank(from, bonus), blank(from, probe), blank(from, rewrite));
    }

    private static Tensor blank(Allocator from, Tensor like) {
        return from.allocate(like.dtype(), like.shape());
    }

    /** The same with another place for the bonus. */
    public ScanInputs withBonus(Tensor other) {
        return new ScanInputs(query, key, value, logDecay, other, probe, rewrite);
    }

    /** Whether a position reads the state before it writes. */
    public boolean readsBefore() {
        return bonus.shape().rank() == 2;
    }

    /** Whether the transition has a rank-one term. */
    public boolean hasRankOne() {
        return probe.shape().rank() == 4;
    }

    /** Whether what a probe has read is added to the keys that a position writes to: one tensor is both, as in delta rules. */
    public boolean rewritesKeys() {
        return hasRankOne() && key.data().address() == rewrite.data().address();
    }

    /** Element type of all tensors. */
    public DType dtype() {
        return query.dtype();
    }

    /** B. */
    public int batch() {
        return query.dim(0);
    }

    /** T. */
    public int time() {
        return query.dim(1);
    }

    /** H. */
    public int heads() {
        return value.dim(2);
    }

    /** G, heads of queries and keys: head h reads those of h·G/H. Backward passes take as many as there are heads. */
    public int keyHeads() {
        return query.dim(2);
    }

    /** Which of the G heads of queries and keys a head reads. */
    public int keyHead(int h) {
        return (int) ((long) h * keyHeads() / heads());
    }

    /** Elements from a position's keys of a head to the next position's. */
    public long keyStep() {
        return (long) keyHeads() * keyWidth();
    }

    /** K. */
    public int keyWidth() {
        return query.dim(3);
    }

    /** V. */
    public int valueWidth() {
        return value.dim(3);
    }

    /** Log-decays of a head at a position: K, or 1 for all keys. */
    public int decayWidth() {
        return logDecay.dim(3);
    }

    /** Element where a head's keys (queries, probes, rewrites) of a position begin. */
    public long keyAt(int b, int t, int h) {
        return (((long) b * time() + t) * keyHeads() + keyHead(h)) * keyWidth();
    }

    /** Element where a head's values of a position begin. */
    public long valueAt(int b, int t, int h) {
        return (((long) b * time() + t) * heads() + h) * valueWidth();
    }

    /** Element where a head's log-decays of a position begin; axes of length 1 are the same for all. */
    public long decayAt(int b, int t, int h) {
        long row = (long) (logDecay.dim(0) == 1 ? 0 : b) * logDecay.dim(1) + (logDecay.dim(1) == 1 ? 0 : t);
        return (row * heads() + h) * decayWidth();
    }
}
