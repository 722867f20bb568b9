package tern.mixers.goldfinch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;

import tern.mixers.parts.Projection;
import tern.mixers.rwkv.RwkvStart;
import tern.mixers.rwkv.TokenShift;
import tern.mixers.rwkv.TokenShift.Mixture;
import tern.ops.Activation;
import tern.ops.Attended;
import tern.ops.KeysAndValues;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.Shared;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * GOLD: softmax attention whose keys and values are made of the shared cache, without matrices of their own (arXiv 2407.12077,
 * section 3.3). Queries come from the input with token shift. With proto-key κ and ξ = RMS(x⁰), a prime for the position before:
 *
 * <pre>
 * U = tanh((ξ + (ξ′ − ξ) ⊙ share_c) W_1ᵀ)        two halves, for keys and values
 * k = norm(k̂ + tanh(k̂ A_1ᵀ) A_2ᵀ),  k̂ = κ + (κ′ − κ) ⊙ (share_k + U_k W_2kᵀ)
 * v = norm(v̂ + tanh(v̂ B_1ᵀ) B_2ᵀ),  v̂ = ξ + (ξ′ − ξ) ⊙ (share_v + U_v W_2vᵀ)
 * </pre>
 *
 * So v, and the share that k takes of κ′, depend on the token and the one before alone; they are looked up by both when keys and
 * values are made again.
 *
 * <p>State: the last input [1,D]; in tier FULL keys and values of all positions. Parameters: those of {@link TokenShift} for the
 * query; {@code query.weight}, {@code output.weight} [D,D]; {@code cache.base}, {@code cache.key}, {@code cache.value} [D],
 * {@code cacheDown.weight} [2R,D], {@code cacheUp.key.weight}, {@code cacheUp.value.weight} [D,R]; {@code keyDown.weight} [Q,D],
 * {@code keyUp.weight} [D,Q], {@code valueDown.weight}, {@code valueUp.weight}; {@code NAMENorm.gain}, {@code NAMENorm.bias} [D] of query,
 * key and value; {@code norm.gain}, {@code norm.bias} [D]. Immutable.
 */
public final class Gold implements SequenceMixer {
    // Rows whose keys and values are made at once: large enough for matrix products, small beside the cache.
    private static final int TILE = 256;
    private static final String KEYS = "keys";
    private static final String VALUES = "values";

    private final GoldConfig config;
    private final int width;
    private final int heads;
    private final double[] speeds;
    private final TokenShift shift;
    private final Projection query;
    private final Projection output;
    private final Tensor baseShare;
    private final Tensor keyShare;
    private final Tensor valueShare;
    private final Projection shareDown;
    private final Projection keyShareUp;
    private final Projection valueShareUp;
    private final LowRank keyCorrection;
    private final LowRank valueCorrection;
    private final LayerNorm queryNorm;
    private final LayerNorm keyNorm;
    private final LayerNorm valueNorm;
    private final LayerNorm norm;
    private final StateLayout layout;

    Gold(GoldConfig config, int heads, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.width = at.width();
        this.heads = heads;
        this.speeds = config.positions().speeds(config.headWidth(), at.context());
        RwkvStart start = RwkvStart.of(at);
        Initialiser share = start.share(start.above());
        this.shift = TokenShift.dependent(scope, width, config.mixRank(), share,
                List.of(new Mixture("query", start.share(start.above() / 2))));
        this.query = Projection.matrix(scope.child("query"), width, width, Initialiser.orthogonal(1));
        this.output = Projection.matrix(scope.child("output"), width, width, Initialiser.constant(0));
        ParameterScope cache = scope.child("cache");
        this.baseShare = cache.parameter("base", Shape.of(width), Role.VECTOR, share);
        this.keyShare = cache.parameter("key", Shape.of(width), Role.VECTOR, share);
        this.valueShare = cache.parameter("value", Shape.of(width), Role.VECTOR, start.valueShare());
        this.shareDown = Projection.lowRank(scope.child("cacheDown"), width, 2 * config.mixRank(),
                Initialiser.constant(0));
        ParameterScope up = scope.child("cacheUp");
        this.keyShareUp = Projection.lowRank(up.child("key"), config.mixRank(), width,
                Initialiser.uniform(-0.01, 0.01));
        this.valueShareUp = Projection.lowRank(up.child("value"), config.mixRank(), width,
                Initialiser.uniform(-0.01, 0.01));
        this.keyCorrection = new LowRank(scope, "key", width, config.rank());
        this.valueCorrection = new LowRank(scope, "value", width, config.rank());
        this.queryNorm = new LayerNorm(scope.child("queryNorm"), width);
        this.keyNorm = new LayerNorm(scope.child("keyNorm"), width);
        this.valueNorm = new LayerNorm(scope.child("valueNorm"), width);
        this.norm = new LayerNorm(scope.child("norm"), width, start.headGain());
        List<Slot> slots = new ArrayList<>(List.of(shift.slot()));
        if (!config.cache().rebuilds()) {
            slots.add(history(KEYS));
            slots.add(history(VALUES));
        }
        this.layout = new StateLayout(slots);
    }

    private Slot history(String name) {
        CacheType type = config.cache().type();
        Shape row = type == CacheType.F32 ? Shape.of(heads, config.headWidth()) : Shape.of(type.rowLength(width));
        return new Slot.Growing(name, row, type.stored());
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Set<String> reads() {
        return Set.of(Compressor.KEY, Compressor.KEY_BEFORE, Compressor.TOKEN, Compressor.TOKEN_BEFORE);
    }

    @Override
    public Set<String> recalls() {
        return config.cache().rebuilds() ? Set.of(Compressor.IDS, Compressor.KEY) : Set.of();
    }

    @Override
    public int reach() {
        return 1;
    }

    @Override
    public State skip(Ops ops, Map<String, Tensor> wires, long[] ages, State state) {
        if (config.cache().rebuilds()) {
            return state;
        }
        KeysAndValues own = own(ops, wires, ages);
        return state.next(state.slot("shift"), append(ops, own.keys(), state.slot(KEYS), ages),
                append(ops, own.values(), state.slot(VALUES), ages));
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        TokenShift.Shifted shifted = shift.apply(ops, in.x(), state.slot("shift"));
        Tensor q = turned(ops, split(ops, queryNorm.apply(ops, query.apply(ops, shifted.inputs().getFirst()))),
                in.ages());
        KeysAndValues made = own(ops, in.wires(), in.ages());
        KeysAndValues own = asStored(ops, made);
        Tensor attended;
        State next;
        if (config.cache().rebuilds()) {
            attended = ops.tiledAttention(q, own.keys(), own.values(), TILE,
                    tile -> rebuilt(ops, in.shared(), in.ages(), tile), in.ages());
            next = state.next(shifted.before());
        } else if (config.cache().type() == CacheType.F32) {
            Attended found = ops.causalAttention(q, own.keys(), own.values(), state.slot(KEYS), state.slot(VALUES),
                    in.ages());
            attended = found.y();
            next = state.next(shifted.before(), found.keys(), found.values());
        } else {
            Tensor keys = append(ops, made.keys(), state.slot(KEYS), in.ages());
            Tensor values = append(ops, made.values(), state.slot(VALUES), in.ages());
            attended = ops.tiledAttention(q, own.keys(), own.values(), TILE, tile -> {
                int from = tile * TILE;
                int to = end(in.ages(), from);
                return new KeysAndValues(split(ops, ops.recall(keys, from, to, q.dtype())),
                        split(ops, ops.recall(values, from, to, q.dtype())));
            }, in.ages());
            next = state.next(shifted.before(), keys, values);
        }
        Tensor y = output.apply(ops, norm.apply(ops, ops.reshape(attended, in.x().shape())));
        return new Mixed(y, next);
    }

    private Tensor append(Ops ops, Tensor rows, Tensor history, long[] ages) {
        int batch = rows.dim(0);
        Tensor flat = ops.reshape(rows, Shape.of(batch, rows.dim(1), width));
        if (config.cache().type() == CacheType.F32) {
            Tensor whole = ops.reshape(history, Shape.of(batch, history.dim(1), width));
            return ops.reshape(ops.append(flat, whole, ages), history.shape());
        }
        return ops.append(flat, history, ages);
    }

    /** Where a tile ends: at its size, or with the oldest sequence. */
    private static int end(long[] ages, int from) {
        return (int) Math.min((long) from + TILE, Arrays.stream(ages).max().orElse(0));
    }

    /** Keys and values of the positions at hand, from wires. */
    private KeysAndValues own(Ops ops, Map<String, Tensor> wires, long[] ages) {
        MixerWires from = new MixerWires(wires);
        Tensor ofTokens = ofTokens(ops, from.get(Compressor.TOKEN), from.get(Compressor.TOKEN_BEFORE));
        Tensor key = key(ops, from.get(Compressor.KEY), from.get(Compressor.KEY_BEFORE), ofTokens);
        return new KeysAndValues(turned(ops, split(ops, key), ages),
                split(ops, ops.slice(ofTokens, -1, width, 2 * width)));
    }

    /** What {@link #append} stores and {@code recall} gives back: rounding what was rounded might round again. */
    private KeysAndValues asStored(Ops ops, KeysAndValues own) {
        if (config.cache().rebuilds() || config.cache().type() == CacheType.F32) {
            return own;
        }
        DType type = config.cache().type().stored().orElseThrow();
        return new KeysAndValues(rounded(ops, own.keys(), type), rounded(ops, own.values(), type));
    }

    private record MixerWires(Map<String, Tensor> wires) {
        Tensor get(String name) {
            Tensor wire = wires.get(name);
            if (wire == null) {
                throw new IllegalArgumentException("gold: wire \"" + name
                        + "\" was not published by an earlier branch; put a gold-cache branch below");
            }
            return wire;
        }
    }

    private Tensor rounded(Ops ops, Tensor rows, DType type) {
        Tensor flat = ops.reshape(rows, Shape.of(rows.dim(0), rows.dim(1), width));
        return ops.reshape(ops.stored(flat, type), rows.shape());
    }

    /** Keys and values of a tile of earlier positions, made again. */
    private KeysAndValues rebuilt(Ops ops, Shared shared, long[] ages, int tile) {
        int from = tile * TILE;
        int to = end(ages, from);
        Tensor ids = shared.history(Compressor.IDS).rows(ops, from - 1, to);
        Tensor keys = shared.history(Compressor.KEY).rows(ops, from - 1, to);
        int batch = ids.dim(0);
        int rows = to - from;
        Tensor found = ops.derivedRows(this, "bigram", pairs(ops, ids),
                pairs -> ofPairs(ops, shared, pairs));
        Tensor ofTokens = ops.reshape(found, Shape.of(batch, rows, 2 * width));
        Tensor key = key(ops, ops.slice(keys, 1, 1, rows + 1), ops.slice(keys, 1, 0, rows), ofTokens);
        long[] positions = new long[batch];
        Arrays.fill(positions, from);
        return new KeysAndValues(turned(ops, split(ops, key), positions),
                split(ops, ops.slice(ofTokens, -1, width, 2 * width)));
    }

    /** From identifiers [B,R + 1,1] the pairs of neighbours [B·R,2], the earlier first. */
    private static Tensor pairs(Ops ops, Tensor ids) {
        int rows = ids.dim(1) - 1;
        Tensor pairs = ops.zeros(DType.I32, Shape.of(ids.dim(0) * rows, 2));
        for (int b = 0; b < ids.dim(0); b++) {
            for (int t = 0; t < rows; t++) {
                long at = 2L * (b * rows + t);
                pairs.set(at, ids.getInt((long) b * ids.dim(1) + t));
                pairs.set(at + 1, ids.getInt((long) b * ids.dim(1) + t + 1));
            }
        }
        return pairs;
    }

    private Tensor ofPairs(Ops ops, Shared shared, Tensor pairs) {
        int count = pairs.dim(0);
        Tensor both = LayerNorm.rootMeanSquare(ops, shared.tokens().rows(ops, pairs));
        Shape one = Shape.of(count, width);
        Tensor before = ops.reshape(ops.slice(both, 1, 0, 1), one);
        Tensor own = ops.reshape(ops.slice(both, 1, 1, 2), one);
        return ofTokens(ops, own, before);
    }

    /** What depends on a token and the one before alone: the key's share of the proto-key before, then the value [...,2D]. */
    private Tensor ofTokens(Ops ops, Tensor token, Tensor before) {
        Tensor inner = ops.activate(shareDown.apply(ops, ops.interpolate(token, before, baseShare)),
                Activation.TANH);
        int rank = config.mixRank();
        Tensor forKey = ops.add(keyShareUp.apply(ops, ops.slice(inner, -1, 0, rank)), keyShare);
        Tensor forValue = ops.add(valueShareUp.apply(ops, ops.slice(inner, -1, rank, 2 * rank)), valueShare);
        Tensor mixed = ops.interpolate(token, before, forValue);
        Tensor value = valueNorm.apply(ops, valueCorrection.corrected(ops, mixed));
        return ops.concat(List.of(forKey, value), -1);
    }

    private Tensor key(Ops ops, Tensor key, Tensor before, Tensor ofTokens) {
        Tensor mixed = ops.interpolate(key, before, ops.slice(ofTokens, -1, 0, width));
        return keyNorm.apply(ops, keyCorrection.corrected(ops, mixed));
    }

    private Tensor split(Ops ops, Tensor x) {
        return ops.reshape(x, Shape.of(x.dim(0), x.dim(1), heads, config.headWidth()));
    }

    private Tensor turned(Ops ops, Tensor x, long[] ages) {
        return speeds.length == 0 ? x : ops.turn(x, ages, speeds);
    }
}
