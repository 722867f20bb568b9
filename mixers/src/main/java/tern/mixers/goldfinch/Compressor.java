package tern.mixers.goldfinch;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.sequence.TokenTable;
import tern.sequence.Wires;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * GoldFinch's cache: c = W_a x of the residual stream, and TokenCat, κ = RMS(W_b [x⁰, c]), the proto-key from which all GOLD
 * layers make their keys (arXiv 2407.12077, section 3.2). Adds nothing to the residual stream.
 *
 * <p>Publishes κ, RMS(x⁰), and both of the position before (zero before the first); remembers tokens and κ of earlier
 * positions for layers that make keys and values again. State: κ and RMS(x⁰) of the last position [1,D] each; by tier also the
 * tokens and c, or the tokens and κ, of all. Parameters: {@code compress.weight} [C,D], {@code expand.weight} [D,D + C], x⁰ before c.
 * Immutable.
 */
public final class Compressor implements SequenceMixer {
    /** Wire: proto-keys κ [B,T,D]. */
    static final String KEY = "gold.key";
    /** Wire: proto-keys of the position before. */
    static final String KEY_BEFORE = "gold.keyBefore";
    /** Wire: RMS(x⁰). */
    static final String TOKEN = "gold.token";
    /** Wire: RMS(x⁰) of the position before. */
    static final String TOKEN_BEFORE = "gold.tokenBefore";
    /** Remembered: tokens, I32 [B,R,1]. */
    static final String IDS = "gold.ids";
    private static final String COMPRESSED = "compressed";
    private static final int SHORT_IDS = 1 << 16;

    private final GoldCache cache;
    private final int width;
    private final Tensor compress;
    private final Tensor expand;
    private final StateLayout layout;

    Compressor(CompressorConfig config, int compressed, BranchContext at, ParameterScope scope) {
        this.cache = config.cache();
        this.width = at.width();
        this.compress = scope.child("compress").parameter("weight", Shape.of(compressed, width), Role.MATRIX,
                Initialiser.orthogonal(1));
        this.expand = scope.child("expand").parameter("weight", Shape.of(width, width + compressed), Role.MATRIX,
                Initialiser.orthogonal(1));
        List<Slot> slots = new ArrayList<>(List.of(new Slot.Fixed(KEY_BEFORE, Shape.of(1, width)),
                new Slot.Fixed(TOKEN_BEFORE, Shape.of(1, width))));
        if (cache.rebuilds()) {
            slots.add(Slot.Growing.of(at.vocabulary() <= SHORT_IDS ? DType.I16 : DType.I32, IDS, Shape.of(1)));
            slots.add(cache.tier() == CacheTier.KEYS ? history(KEY, width) : history(COMPRESSED, compressed));
        }
        this.layout = new StateLayout(slots);
    }

    private Slot history(String name, int numbers) {
        Optional<DType> stored = cache.type().stored();
        return new Slot.Growing(name, Shape.of(cache.type().rowLength(numbers)), stored);
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Set<String> reads() {
        return Set.of(Wires.IDS, Wires.EMBEDDING);
    }

    @Override
    public Set<String> publishes() {
        return Set.of(KEY, KEY_BEFORE, TOKEN, TOKEN_BEFORE);
    }

    @Override
    public Set<String> shares() {
        return cache.rebuilds() ? Set.of(IDS, KEY) : Set.of();
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        Tensor embedding = in.wire(Wires.EMBEDDING);
        Tensor c = ops.linear(in.x(), compress);
        if (cache.tier() == CacheTier.COMPRESSED) {
            c = stored(ops, c);
        }
        Tensor key = LayerNorm.rootMeanSquare(ops, ops.linear(ops.concat(List.of(embedding, c), -1), expand));
        if (cache.tier() == CacheTier.KEYS) {
            key = stored(ops, key);
        }
        Tensor token = LayerNorm.rootMeanSquare(ops, embedding);
        Scanned keys = ops.shift(key, state.slot(KEY_BEFORE));
        Scanned tokens = ops.shift(token, state.slot(TOKEN_BEFORE));
        List<Tensor> next = new ArrayList<>(List.of(keys.state(), tokens.state()));
        if (cache.rebuilds()) {
            Tensor ids = in.wire(Wires.IDS);
            next.add(ops.append(ids.reshape(ids.dim(0), ids.dim(1), 1), state.slot(IDS), in.ages()));
            boolean keeps = cache.tier() == CacheTier.KEYS;
            next.add(ops.append(keeps ? key : c, state.slot(keeps ? KEY : COMPRESSED), in.ages()));
        }
        return new Mixed(ops.zeros(in.x().dtype(), in.x().shape()), state.next(next.toArray(Tensor[]::new)),
                Map.of(KEY, key, KEY_BEFORE, keys.y(), TOKEN, token, TOKEN_BEFORE, tokens.y()));
    }

    /** Rounded as the cache will give it back, so that a position looks the same to itself and to later ones. */
    private Tensor stored(Ops ops, Tensor x) {
        return cache.type().stored().map(type -> ops.stored(x, type)).orElse(x);
    }

    @Override
    public Tensor remembered(Ops ops, String name, Map<String, Tensor> slots, TokenTable tokens, int from, int to) {
        int first = Math.max(0, from);
        DType computed = slot(slots, KEY_BEFORE).dtype();
        Tensor ids = ops.recall(slot(slots, IDS), first, to, DType.I32);
        if (name.equals(IDS)) {
            return from < 0 ? afterNothing(ops, ids) : ids;
        }
        Tensor key;
        if (cache.tier() == CacheTier.KEYS) {
            key = ops.recall(slot(slots, KEY), first, to, computed);
        } else {
            int rows = ids.dim(0) * ids.dim(1);
            Tensor own = ops.derivedRows(this, "expanded", ids.reshape(rows, 1),
                    wanted -> expandedTokens(ops, tokens, wanted, computed));
            Tensor c = ops.recall(slot(slots, COMPRESSED), first, to, computed);
            Tensor ofCompressed = columns(ops, "expandCompressed", width, expand.dim(1), computed);
            Tensor sum = ops.add(ops.linear(c, ofCompressed), ops.reshape(own, Shape.of(c.dim(0), c.dim(1), width)));
            key = LayerNorm.rootMeanSquare(ops, sum);
        }
        return from < 0 ? ops.concat(List.of(ops.zeros(key.dtype(), key.shape().with(1, 1)), key), 1) : key;
    }

    private static Tensor slot(Map<String, Tensor> slots, String name) {
        Tensor slot = slots.get(name);
        if (slot == null) {
            throw new IllegalArgumentException("gold-cache: the state has no slot \"" + name + "\", but "
                    + slots.keySet() + "; was it made with another tier?");
        }
        return slot;
    }

    /** Columns of W_b, widened if they are stored narrower. */
    private Tensor columns(Ops ops, String name, int from, int to, DType computed) {
        return ops.derived(this, name, () -> {
            Tensor wide = expand.dtype() == computed ? expand : ops.zeros(computed, expand.shape()).copyFrom(expand);
            return ops.slice(wide, 1, from, to);
        });
    }

    private Tensor expandedTokens(Ops ops, TokenTable tokens, Tensor ids, DType computed) {
        Tensor ofTokens = columns(ops, "expandTokens", 0, width, computed);
        Tensor rows = tokens.rows(ops, ids.reshape(1, ids.dim(0)));
        return ops.linear(ops.reshape(rows, Shape.of(ids.dim(0), width)), ofTokens);
    }

    private static Tensor afterNothing(Ops ops, Tensor ids) {
        Tensor all = ops.zeros(DType.I32, ids.shape().with(1, ids.dim(1) + 1));
        for (int b = 0; b < ids.dim(0); b++) {
            long at = (long) b * all.dim(1);
            all.set(at, -1);
            for (int t = 0; t < ids.dim(1); t++) {
                all.set(at + 1 + t, ids.getInt((long) b * ids.dim(1) + t));
            }
        }
        return all;
    }
}
