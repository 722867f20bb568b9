package tern.ops;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * The coarse operations a layer may use. Carried out at once by kernels ({@code EagerOps}) or recorded for a backward pass
 * ({@code TapeOps}); a mixer cannot tell which.
 *
 * <p>Letters: B batch, T time, D width, H heads, K key width, V value width, F filters, N head width, C channels, L taps.
 * All tensors of one call have the same computed type, {@link DType#F32} or {@link DType#F64}, except where a weight may be
 * as a file holds it. Results live until the
 * implementation's workspace is reset. Inputs are not changed, except state tensors, which are <em>moved</em>: pass one
 * in, use the one that comes back, never the old one again (eager bodies update it in place).
 *
 * <p><b>Histories.</b> A tensor [B,capacity,…] that holds one row per past position. {@code ages[b]} rows of sequence b
 * are filled when the call begins; the call reads them and writes its own T rows at {@code ages[b]…}. Its capacity must be
 * at least max(ages) + T; a history of capacity 0 with all ages 0 means that the sequence will not be continued, and
 * nothing is kept.
 *
 * <p>Every method throws {@link IllegalArgumentException}, naming the operation, what was expected and what was found, if
 * shapes or types do not fit. Implementations are confined to one thread at a time.
 */
public interface Ops {

    /**
     * Whether every operation gives a position the same bits wherever time is cut into calls. A mixer whose faster forms are
     * other formulas then goes position by position.
     */
    default boolean steady() {
        return false;
    }

    // ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /** A tensor of zeros that lives as long as results do. */
    Tensor zeros(DType dtype, Shape shape);

    /**
     * A tensor computed from parameters alone, such as the taps of an implicit filter. Eager implementations may compute it
     * once and keep it until told that parameters changed; a tape records it once per step.
     *
     * @param owner who asks, compared by identity
     * @param name what is asked for, unique for the owner
     */
    Tensor derived(Object owner, String name, Supplier<Tensor> compute);

    /**
     * Rows that depend on parameters and on token identifiers alone, such as a feature of a token or of two neighbours. Eager
     * implementations may keep rows and compute only those that were never asked for, until told that parameters changed.
     *
     * @param owner who asks, compared by identity
     * @param name what is asked for, unique for the owner
     * @param ids I32 [N,1] or [N,2], each at least −1: what a row depends on
     * @param compute rows [M,R] for identifiers [M,1] or [M,2]; row i depends on identifiers i alone
     * @return [N,R]
     */
    Tensor derivedRows(Object owner, String name, Tensor ids, Function<Tensor, Tensor> compute);

    /**
     * Writes rows into a history. Besides the type of the rows a history may have a narrower one: {@link DType#BF16},
     * rounded; {@link DType#I8} with two bytes more a row, rounded to multiples of a scale that the two hold as
     * {@link DType#BF16}; and for identifiers, which are I32, {@link DType#I16}, their lower 16 bits.
     *
     * @param rows [B,T,R]
     * @param history [B,capacity,R] (R + 2 for I8); moved; capacity 0 keeps nothing
     * @param ages rows filled of each history, B entries
     * @return the history
     */
    Tensor append(Tensor rows, Tensor history, long[] ages);

    /**
     * Rows {@code from} to {@code to} (exclusive) of every sequence's history, as {@link #append} wrote them.
     *
     * @param history [B,capacity,R] (R + 2 for I8)
     * @param type what to give them back in; {@link DType#I32} for identifiers
     * @return [B,to − from,R]
     */
    Tensor recall(Tensor history, int from, int to, DType type);

    /**
     * What {@link #recall} would give back of rows appended to a history of this type, at once. Rounding counts as the
     * identity in the backward pass.
     *
     * @param x [...,R]
     */
    Tensor stored(Tensor x, DType type);

    /**
     * Runs a part of the network that may be run again during the backward pass instead of keeping what it computed.
     *
     * @param inputs what the part reads besides parameters
     * @param part from the inputs to the outputs, without side effects
     */
    default List<Tensor> segment(List<Tensor> inputs, UnaryOperator<List<Tensor>> part) {
        return part.apply(inputs);
    }

    // ── shapes ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /** The same elements under another shape. */
    Tensor reshape(Tensor x, Shape shape);

    /** Entries {@code from} to {@code to} (exclusive) of one axis, contiguous; a negative axis counts from the end. */
    Tensor slice(Tensor x, int axis, int from, int to);

    /** Tensors that agree on all other axes, joined along one axis; a negative axis counts from the end. */
    Tensor concat(List<Tensor> parts, int axis);

    /**
     * A padded batch without what its padding holds: y_t = x_t for t &lt; lengths[b], else 0.
     *
     * @param x [B,T,…]
     * @param lengths how many positions of each sequence are valid, B entries; empty if all are
     */
    Tensor masked(Tensor x, int[] lengths);

    /**
     * Every sequence of a padded batch backwards: y_t = x_(lengths[b]−1−t) for t &lt; lengths[b], else 0. Twice is {@link #masked}.
     *
     * @param x [B,T,…]
     * @param lengths how many positions of each sequence are valid, B entries; empty if all are
     */
    Tensor reversed(Tensor x, int[] lengths);

    // ── elementwise ─────────────────────────────────────────────────────────────────────────────────────────────────

    /** y = a + b, where b has the shape of a or of its last axes, and is then added to each such part of a. */
    Tensor add(Tensor a, Tensor b);

    /** y = a ⊙ b, where b has the shape of a or of its last axes, and then meets each such part of a. */
    Tensor multiply(Tensor a, Tensor b);

    /** y = factor·x. */
    Tensor scale(Tensor x, double factor);

    /** y = f(x). */
    Tensor activate(Tensor x, Activation f);

    /**
     * Leaves a share of the numbers out while a model is trained and nothing otherwise; what stays is divided by 1 − rate, so
     * that the mean stays (Srivastava et al. 2014).
     *
     * @param x [B,T,D] or any shape
     * @param rate share that becomes 0, from 0 to below 1
     * @param wholeChannels whether a channel of a sequence is left out at all its positions or at none
     * @return the same shape; x itself where nothing is left out
     */
    Tensor dropout(Tensor x, double rate, boolean wholeChannels);

    /**
     * y = f(gate) ⊙ value, same shapes: GLU (sigmoid), ReGLU, GEGLU, SwiGLU (SiLU) and bilinear (identity) units (Shazeer
     * 2020, arXiv 2002.05202).
     */
    Tensor gate(Tensor gate, Tensor value, Activation f);

    // ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * y = x·Wᵀ: x [...,in], weight [out,in], y [...,out].
     *
     * @param weight of the type of x; or, where nothing is trained, as a file holds it: BF16, F16 or a blocked type
     */
    Tensor linear(Tensor x, Tensor weight);

    /** {@link #linear(Tensor, Tensor)} + b: bias [out], of the type of x. */
    Tensor linear(Tensor x, Tensor weight, Tensor bias);

    /**
     * What {@link #linear(Tensor, Tensor, Tensor)} gives for each of several maps, in their order. They do not wait for each other,
     * so that a body may carry them out together: a step of decoding has a dozen small ones a layer.
     */
    default List<Tensor> linears(List<LinearMap> maps) {
        return maps.stream().map(map -> map.bias().isPresent() ? linear(map.x(), map.weight(), map.bias().get())
                : linear(map.x(), map.weight())).toList();
    }

    /**
     * What a map gives, its last axis in pieces of these widths from the beginning: as {@link #slice} cuts it, but a body may write
     * each piece to its own place at once. What the widths leave over is left out.
     *
     * @throws IllegalArgumentException if the widths are more than the map gives
     */
    default List<Tensor> linearParts(LinearMap map, int... widths) {
        Tensor whole = map.bias().isPresent() ? linear(map.x(), map.weight(), map.bias().get())
                : linear(map.x(), map.weight());
        List<Tensor> parts = new ArrayList<>(widths.length);
        int from = 0;
        for (int width : widths) {
            parts.add(slice(whole, -1, from, from + width));
            from += width;
        }
        return parts;
    }

    /**
     * Rows of a table: ids [B,T] of {@link DType#I32}, each within 0..rows−1, table [V,D], y [B,T,D].
     *
     * @param table of a computed type; or, where nothing is trained, as a file holds it: then y is F32
     */
    Tensor embed(Tensor table, Tensor ids);

    /** y = gain ⊙ (x − mean)/√(variance + ε) + bias over the last axis; gain, bias [D] (Ba et al. 2016). */
    Tensor layerNorm(Tensor x, Tensor gain, Tensor bias, double epsilon);

    /** y = gain ⊙ x/√(mean(x²) + ε) over the last axis; gain [D] (Zhang and Sennrich 2019). */
    Tensor rmsNorm(Tensor x, Tensor gain, double epsilon);

    /**
     * y = gain ⊙ (x − mean)/√(variance + ε) + bias with mean and variance over each of H groups of D/H neighbouring channels
     * of the last axis (Wu and He 2018, arXiv 1803.08494, without its spatial axes).
     *
     * @param groups H, divides D
     * @param gain [D]
     * @param bias [D]
     */
    Tensor groupNorm(Tensor x, int groups, Tensor gain, Tensor bias, double epsilon);

    /**
     * Mean and variance of each channel over batch and time: y = (x − μ)·(σ² + ε)^(−1/2)·gain + bias (Ioffe and Szegedy 2015,
     * arXiv 1502.03167). While a model is trained μ and σ² are those of the positions of this call that count, and what was met
     * moves {@code mean} and {@code variance} a tenth of the way once the update is made; otherwise μ and σ² are these two.
     *
     * @param x [B,T,D]
     * @param gain [D]
     * @param bias [D]
     * @param mean [D]
     * @param variance [D]
     * @param lengths positions of each sequence that count, or empty if all do
     */
    Tensor batchNorm(Tensor x, Tensor gain, Tensor bias, Tensor mean, Tensor variance, double epsilon, int[] lengths);

    /**
     * Mean and variance of each group of channels over all positions of a sequence up to the current one: y_t = (x_t −
     * μ_t)·(σ²_t + ε)^(−1/2)·gain + bias (arXiv 2404.08801, section 3.2).
     *
     * @param x [B,T,D]
     * @param groups G of neighbouring channels; divides D
     * @param gain [D]
     * @param bias [D]
     * @param ages how many positions of each sequence the state has met
     * @param state means and variances so far [B,2,G]; moved
     * @return y [B,T,D] and the next state
     */
    Scanned timestepNorm(Tensor x, int groups, Tensor gain, Tensor bias, double epsilon, long[] ages, Tensor state);

    /** y = x / max(‖x‖₂, floor) over the last axis. */
    Tensor unit(Tensor x, double floor);

    /**
     * Each row times a number of its own.
     *
     * @param x [...,D]
     * @param factor [...,1], of the leading axes of x
     * @return [...,D]
     */
    Tensor scaleRows(Tensor x, Tensor factor);

    /**
     * Each row divided by a number of its own; the caller keeps those away from 0.
     *
     * @param x [...,D]
     * @param divisor [...,1], of the leading axes of x
     * @return [...,D]
     */
    Tensor divideRows(Tensor x, Tensor divisor);

    /** y_i = e^(x_i) / Σ_j e^(x_j) over the last axis, relative to the largest. */
    Tensor softmax(Tensor x);

    /**
     * y = x + (towards − x) ⊙ weight: "lerp", with which token shift mixes a position and the one before.
     *
     * @param towards of the shape of x
     * @param weight of the shape of x, or [D] of its last axis
     */
    Tensor interpolate(Tensor x, Tensor towards, Tensor weight);

    /**
     * A linear map of positions, each channel by itself: y_s = Σ_t M[s,t] x_t. It reads in both directions, as encoders do.
     *
     * @param map M [S,T]
     * @param x [B,T,D]
     * @return [B,S,D]
     */
    Tensor mixPositions(Tensor map, Tensor x);

    /**
     * What a head reads of its own position: y_t = (q_t·(u ⊙ k_t)) v_t (the bonus of RWKV, arXiv 2404.05892, section 4.1; 2503.14456,
     * section 4).
     *
     * @param query q [B,T,H,K]
     * @param key k [B,T,H,K]
     * @param bonus u [H,K]
     * @param value v [B,T,H,V]
     * @return [B,T,H,V]
     */
    Tensor bonus(Tensor query, Tensor key, Tensor bonus, Tensor value);

    // ── convolutions ────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * Token shift: y_t = x_(t−1), where y_0 is what came before.
     *
     * @param x [B,T,D]
     * @param before the last position before x [B,1,D]; moved
     * @return y [B,T,D] and the last position of x
     */
    Scanned shift(Tensor x, Tensor before);

    /**
     * Short causal depthwise convolution: y_t = bias + Σ_j w_j ⊙ x_(t−K+1+j), j = 0..K−1.
     *
     * @param x [B,T,C]
     * @param weight [C,K]; the last tap meets the current position
     * @param bias [C]
     * @param history the last K−1 inputs, oldest first [B,K−1,C]; moved
     * @return y [B,T,C] and the last K−1 inputs
     */
    Scanned shortConvolution(Tensor x, Tensor weight, Tensor bias, Tensor history);

    /**
     * Dilated causal convolutions one upon the other (Bai et al. 2018, arXiv 1803.01271; depthwise as in arXiv 2312.05605):
     * with g⁰ = x, c_t = b_l + Σ_k W_l[k]·g^l_(t−k·d_l), k = 0..K−1, then g^(l+1) = f(c), plus g^l if the layers are residual;
     * y is the last. What came before the first position of a sequence is 0 for every layer, not only for the first.
     * {@link #shortConvolution} differs: its last tap meets the current position, and its history slides.
     *
     * @param x [B,T,C]
     * @param layers W, b, d of each layer, f, and whether they are residual
     * @param rings of each layer its last (K−1)·d inputs [B,(K−1)·d,inputs], moved: position p stands in row p mod (K−1)·d.
     *            All may have 0 rows, if all ages are 0 and the sequences will not be continued: then nothing is kept
     * @param ages positions of each sequence before this call, B entries
     * @return y [B,T,outputs of the last layer] and the rings
     */
    Dilated dilatedConvolution(Tensor x, Dilations layers, List<Tensor> rings, long[] ages);

    /**
     * Filters from a small sine network's layer: y = sin(frequency ⊙ x) over rows; x [...,D], frequency [D] (Hyena, Poli
     * et al. 2023, arXiv 2302.10866, section 3.3).
     */
    Tensor sine(Tensor x, Tensor frequency);

    /**
     * Exponential decay of filters: y[t,f] = g[t,f]·(exp(−|δ_f|·t/(span − 1)) + shift).
     *
     * @param g [T,F], row t is lag t
     * @param delta δ [F]
     * @param span the number of lags over which the exponent runs from 0 to 1, 2 or more
     */
    Tensor decayWindow(Tensor g, Tensor delta, int span, double shift);

    /** Filters [L,F] divided as {@link FilterNorm} says; a norm below 1e-12 divides by 1e-12. */
    Tensor normaliseFilters(Tensor taps, FilterNorm norm);

    /**
     * Long causal convolution, one filter a channel: y_t = Σ_(m=0..min(L−1, age+t)) h_m ⊙ x_(t−m) + skip ⊙ x_t, where
     * negative positions of x read the history. Lags beyond the taps contribute nothing. By FFT for many positions (Hyena,
     * arXiv 2302.10866, section 3.2), by blocks for one (a position costs O(P) work and every P-th the transform of the
     * history).
     *
     * @param x [B,T,C]
     * @param taps h, lag outermost [L,C]
     * @param skip [C]
     * @param history past inputs [B,capacity,C]; moved
     * @param ages rows filled of each history, B entries
     * @param pending [B,P,C], moved: after n positions, with s = n − n mod P, row j holds Σ_(i&lt;s) h_(s+j−i) x_i, the part of
     *            output s + j that inputs before s make. A function of the history, kept so that stepping is cheap: bodies
     *            may read either; gradients flow through the history alone. P may be 0, then nothing is kept
     * @return y [B,T,C], history, pending
     */
    Convolved longConvolution(Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages, Tensor pending);

    /**
     * Long causal convolution of outer products with weight-tied heads, read out by a query (MultiHyena; Massaroli et al.
     * 2023, arXiv 2310.18780, section 3.4): y_t = Σ_(s≤t) h_(t−s)·(q_t·k_s)·v_s + skip·(q_t·k_t)·v_t for each filter.
     *
     * @param query q [B,T,F,N]
     * @param key k [B,T,F,N]
     * @param value v [B,T,F,N]
     * @param taps h [L,F]
     * @param skip [F]
     * @param keys past keys [B,capacity,F,N]; moved
     * @param values past values [B,capacity,F,N]; moved
     * @param ages rows filled of both histories, B entries
     * @return y [B,T,F,N] and both histories
     */
    Attended headConvolution(Tensor query, Tensor key, Tensor value, Tensor taps, Tensor skip, Tensor keys,
            Tensor values, long[] ages);

    // ── recurrences ─────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * Convolution with modal filters as a recurrence, read before update: y_t = Re Σ R_n s_n + h_0 x_t; s_n ← λ_n s_n + x_t
     * (arXiv 2310.18780, section 3.1).
     *
     * @param x [B,T,F]
     * @param modes the filters
     * @param passThrough h_0 [F]
     * @param state [B,order] in the row order of {@link Modes#order()}; moved
     * @return y [B,T,F] and the next state
     */
    Scanned modalConvolution(Tensor x, Modes modes, Tensor passThrough, Tensor state);

    /**
     * {@link #headConvolution} with modal filters as a recurrence: S_n ← λ_n S_n + k_t v_tᵀ after y_t = Re Σ R_n S_nᵀ q_t +
     * h_0 (q_t·k_t) v_t (arXiv 2310.18780, sections 3.1 and 3.4).
     *
     * @param query [B,T,F,N]
     * @param key [B,T,F,N]
     * @param value [B,T,F,N]
     * @param modes the filters
     * @param passThrough h_0 [F]
     * @param state [B,order,N,N], key axis before value axis; moved
     * @return y [B,T,F,N] and the next state
     */
    Scanned modalHeads(Tensor query, Tensor key, Tensor value, Modes modes, Tensor passThrough, Tensor state);

    /**
     * Gated linear attention, read after write: S ← diag(e^(g_t))·S + k_t v_tᵀ, y_t = Sᵀ q_t (Yang et al. 2023, arXiv
     * 2312.06635, section 4; with one decay a head Mamba-2, simple GLA and retention). Many positions go in chunks; decays
     * inside a chunk are taken relative to positions within it, so any g ≤ 0 is exact, −∞ and whatever underflows
     * included: a row of S is then replaced and gradients through it are 0, never NaN.
     *
     * @param query q [B,T,G,K], G a divisor of H: head h reads query and key of h·G/H. With G = H each has its own
     * @param key k [B,T,G,K]
     * @param value v [B,T,H,V]
     * @param logDecay g [B,T,H,K], or [B,T,H,1] for all keys of a head; B and T may be 1 for a decay that all sequences or
     *            positions share. Never above 0: the caller's promise. Its gradient has its shape
     * @param state S [B,H,K,V], key axis before value axis; moved
     * @return y [B,T,H,V] and the next state
     */
    Scanned gatedScan(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor state);

    /**
     * {@link #gatedScan} read before write, with a bonus for a position's own pair: y_t = Sᵀ q_t + (q_t·(u ⊙ k_t)) v_t, then
     * S ← diag(e^(g_t))·S + k_t v_tᵀ (RWKV-5 and RWKV-6: Peng et al. 2024, arXiv 2404.05892, section 4; Finch-C2 with u = 0:
     * arXiv 2407.12077).
     *
     * @param query q [B,T,H,K], RWKV's receptance
     * @param key k [B,T,H,K]
     * @param value v [B,T,H,V]
     * @param logDecay g as in {@link #gatedScan}; [1,1,H,K] in RWKV-5
     * @param bonus u [H,K]
     * @param state S [B,H,K,V], key axis before value axis; moved
     * @return y [B,T,H,V] and the next state
     */
    Scanned bonusScan(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor bonus, Tensor state);

    /**
     * Transitions that are diagonal plus rank one, read after write: S ← diag(e^(g_t))·S + b_t (a_tᵀ S) + k_t v_tᵀ with the
     * S before on the right, y_t = Sᵀ q_t. RWKV-7: a = −κ̂, b = κ̂ ⊙ rate (Peng et al. 2025, arXiv 2503.14456). DeltaNet: g = 0,
     * a = −βk, b = k, value βv (Yang et al. 2024, arXiv 2406.06484); gated, the probe meets the state before its decay, so
     * a = −β e^g ⊙ k (arXiv 2412.06464).
     *
     * @param query q [B,T,H,K]
     * @param key k [B,T,H,K]
     * @param value v [B,T,H,V]
     * @param logDecay g as in {@link #gatedScan}
     * @param probe a [B,T,H,K], reads the old state. The transition should not expand (|a·b| moderate, as in the models
     *            named): then errors do not grow
     * @param rewrite b [B,T,H,K], the keys to which what was read is added; if it is the same tensor as {@code key}, long inputs
     *            take about two thirds of the time
     * @param state S [B,H,K,V], key axis before value axis; moved
     * @return y [B,T,H,V] and the next state
     */
    Scanned rankOneScan(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor probe, Tensor rewrite,
            Tensor state);

    /**
     * RWKV-4's average of past values, weighed by e^key and by age, each channel for itself (Peng et al. 2023, arXiv
     * 2305.13048, section 3.1): y_t = (Σ_(i&lt;t) e^(k_i − (t−1−i)w) v_i + e^(u + k_t) v_t) / (Σ_(i&lt;t) e^(k_i − (t−1−i)w) +
     * e^(u + k_t)). All exponentials are relative to the largest, so keys of any size are exact.
     *
     * @param key k [B,T,D]
     * @param value v [B,T,D]
     * @param decay ln w [D], the stored {@code time_decay}; w = e^decay per position
     * @param bonus u [D]
     * @param state [B,3,D]: a, b and p, where a·e^p is the numerator's sum and b·e^p the denominator's. b = 0 means that
     *            nothing was seen yet, then p is not read: zeros are the empty state; moved. What nothing was seen of passes
     *            no gradient to the state
     * @return y [B,T,D] and the next state
     */
    Scanned averageScan(Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state);

    /**
     * The logarithm of a damped average's decay: g = ln(1 − σ(δ)·σ(α)), exact where the product is tiny (Ma et al. 2022, arXiv
     * 2209.10655, section 3.1). For parameters: a plain body in double precision.
     *
     * @param delta δ, any shape: σ(δ) is how much of an input comes in
     * @param alpha α of the same shape: σ(α) is the damping
     */
    Tensor dampedLogDecay(Tensor delta, Tensor alpha);

    /**
     * N decaying averages of every channel, read after write: h_t = λ ⊙ h_(t−1) + b·x_t, y_t = Re Σ_n w_n h_(t,n) (the damped
     * moving average of Mega, Ma et al. 2022, arXiv 2209.10655, section 3.1; with turning modes that of Megalodon, arXiv
     * 2404.08801, section 3.1).
     *
     * @param x [B,T,D]
     * @param system |λ| at most 1
     * @param state h [B,N,D], or [B,2N,D]: real parts, then imaginary ones; moved
     * @return y [B,T,D] and the next state
     */
    Scanned diagonalScan(Tensor x, Diagonal system, Tensor state);

    /**
     * The first L taps of {@link #diagonalScan}: k[τ,d] = Re Σ_n w_n b_n λ_n^τ with λ = e^(g + iθ), each power in double
     * precision and rounded once. {@link #longConvolution} with these taps is the scan of fewer than L positions by FFT.
     *
     * @param logDecay g [N,D], at most 0
     * @param phase θ [N,D], or [0,D] for real modes
     * @param gain b [N,D]
     * @param weight Re w [N,D]
     * @param weightImaginary Im w, of the shape of the phase
     * @return k [L,D]
     */
    Tensor diagonalTaps(Tensor logDecay, Tensor phase, Tensor gain, Tensor weight, Tensor weightImaginary, int length);

    /**
     * Modes h' = A h + x of continuous time, whose input is held for a step Δ: h_t = λ h_(t−1) + b x_t with λ = e^(ΔA) and
     * b = (λ − 1)/A, which is Δ where A vanishes (zero-order hold). A = −e^ρ + iθ and Δ = e^δ. In double precision, rounded once.
     *
     * @param logRate ρ [N,D] or [D]
     * @param phase θ, of the same shape
     * @param logStep δ, of the same shape or [D]
     * @return [6,…]: ln|λ|, but no less than −10⁴; the angle of λ, between −π and π; Re λ, Im λ; Re b, Im b
     */
    Tensor held(Tensor logRate, Tensor phase, Tensor logStep);

    /**
     * The affine recurrence of every channel: y_t = a_t ⊙ y_(t−1) + x_t with y_(−1) the state (real: Griffin's, arXiv 2402.19427,
     * section 2.4; minGRU's, arXiv 2410.01201; complex: S5's, arXiv 2208.04933, section 3). A position with a = 0 begins a
     * sequence anew. One multiplication and one addition a number, in the type of x and in the order of time, so that no cutting
     * of time changes a bit.
     *
     * @param decay Re a [B,T,C]; B and T may be 1 for a factor that all sequences or positions share. Its gradient has its shape
     * @param turn Im a of the same shape; or with a last axis of 0 where a is real
     * @param x [B,T,C], or where a is complex [B,T,2C]: real parts, then imaginary ones
     * @param state y before the first position [B,1,C] or [B,1,2C]; moved
     * @return y of the shape of x and the next state
     */
    Scanned affineScan(Tensor decay, Tensor turn, Tensor x, Tensor state);

    /** {@link #affineScan(Tensor, Tensor, Tensor, Tensor)} of real factors. */
    default Scanned affineScan(Tensor decay, Tensor x, Tensor state) {
        return affineScan(decay, zeros(decay.dtype(), decay.shape().withLast(0)), x, state);
    }

    /**
     * The selective state space: h ← e^(Δ_t A) ⊙ h + B_t (Δ_t ⊙ x_t)ᵀ, y_t = hᵀC_t + D ⊙ x_t, h [N,E], where the step Δ of a
     * channel and the vectors B and C of all channels belong to the position (Gu and Dao 2023, arXiv 2312.00752, algorithm 2).
     * Nothing of T·N·E numbers is ever kept: the backward pass keeps one state in 64 and computes those between again.
     *
     * @param state h [B,N,E]; moved
     * @return y [B,T,E] and the next state
     */
    Scanned selectiveScan(Selection in, Tensor state);

    /**
     * The largest of what was written, each channel for itself: m_t = max(m_(t−1) + g_t, x_t). It keeps exponentials of gates
     * within range (the stabiliser of mLSTM and sLSTM, Beck et al. 2024, arXiv 2405.04517, section 2.2). The gradient goes to the
     * larger; to the older where both are equal.
     *
     * @param logDecay g [B,T,D]
     * @param x [B,T,D]
     * @param before m before the first position [B,1,D]; not changed
     * @return m [B,T,D]
     */
    Tensor maximumScan(Tensor logDecay, Tensor x, Tensor before);

    /**
     * A recurrent network's cell over time, as {@link Cell} writes it: what every unit reads of the position is given, the products
     * with the h before are the operation's, each head by itself (block-diagonal recurrence: Pöppel et al. 2024, arXiv
     * 2412.07752). Weights are laid out once a call, and stay in a core's cache from position to position.
     *
     * @param x what gates read of the input, biases included [B,T,H,G,K], G in the order of the cell
     * @param weight R [H,G,K,K], from all units of a head to each gate of each
     * @param bias of the last gate's product [H,K], for a cell that is {@linkplain Cell#biased biased}; else [0,K]
     * @param state [B,S,H·K]: h, then what else the cell remembers; moved
     * @return y = h after each position [B,T,H·K], and the next state
     */
    Scanned cellScan(Cell cell, Tensor x, Tensor weight, Tensor bias, Tensor state);

    /**
     * A cell over time whose units read themselves alone, as {@link UnitCell} writes it.
     *
     * @param x what gates read of the input, biases included [B,T,G,D], G in the order of the cell
     * @param weight [W,D]
     * @param state [B,S,D]: h, then what else the cell remembers; moved
     * @return y = h after each position [B,T,D], and the next state
     */
    Scanned unitScan(UnitCell cell, Tensor x, Tensor weight, Tensor state);

    /**
     * {@link #unitScan} for all positions at once: s_t = f(s_(t−1), x_t) as one system, by Newton's method, each step of which is a
     * linear recurrence that is solved in parallel (ParaRNN, arXiv 2510.21450, section 3; DeepPCR, arXiv 2309.16318). After n
     * iterations the first n positions are exact. The gradient is that of the recurrence, without iterations.
     *
     * @param limit most iterations, 0 or more; if they do not do, the recurrence is carried out position by position
     * @param tolerance largest residual, 0 for as small as the type's rounding allows
     */
    Solved unitNewton(UnitCell cell, Tensor x, Tensor weight, Tensor state, int limit, double tolerance);

    /**
     * A linear memory that learns while it reads, by gradient descent with momentum and forgetting (Titans, arXiv 2501.00663,
     * sections 3.1 and 3.2): with the anchor A = M at the beginning of a chunk of C positions, e = Aᵀ k − v, S ← η S − 2θ k eᵀ, M ← (1 −
     * α) M + S, y = Mᵀ q. An e longer than 1,000 is shortened to that: the steps of keys that come again within a chunk overshoot
     * together, and would grow a memory without bound. With C = 1 every gradient is taken at the newest memory, which with η = 0 is the delta rule.
     *
     * @param query q [B,T,H,K]
     * @param key k [B,T,H,K]; a gradient step is stable for 2θ·|k|² up to 1 or so
     * @param value v [B,T,H,V]
     * @param rate θ [B,T,H,1], 0 or more
     * @param momentum η [B,T,H,1], 0 to 1
     * @param keep 1 − α [B,T,H,1], 0 to 1
     * @param chunk C, 1 or more
     * @param ages position of the first row of each sequence, B entries; chunks are counted from position 0
     * @param state M, S and A [B,H,3,K,V]; moved
     * @return y [B,T,H,V] and the next state
     */
    Scanned memoryScan(Tensor query, Tensor key, Tensor value, Tensor rate, Tensor momentum, Tensor keep, int chunk,
            long[] ages, Tensor state);

    // ── attention ───────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * Rotary position embedding: channel pairs (i, i + K/2) of each head turn by (ages[b] + t)·base^(−2i/K) (Su et al. 2021,
     * arXiv 2104.09864; the "half" pairing).
     *
     * @param x [B,T,H,K], K even
     * @param ages position of the first row of each sequence, B entries
     */
    Tensor rotary(Tensor x, long[] ages, double base);

    /**
     * {@link #rotary(Tensor, long[], double)} with any speeds: pairs (i, i + K/2) turn by (ages[b] + t)·s_i.
     *
     * @param speeds s, K/2 entries, radians a position
     */
    Tensor rotary(Tensor x, long[] ages, double[] speeds);

    /**
     * Causal softmax attention with grouped heads in O(T) memory: y_t = Σ_(s≤t) softmax_s(q_t·k_s/√K) v_s; query head h reads
     * key head h·G/H (Vaswani et al. 2017; tiling after Dao et al. 2022, arXiv 2205.14135).
     *
     * @param query [B,T,H,K]
     * @param key [B,T,G,K], G divides H
     * @param value [B,T,G,V]
     * @param keys past keys [B,capacity,G,K]; moved
     * @param values past values [B,capacity,G,V]; moved
     * @param ages rows filled of both histories, B entries
     * @return y [B,T,H,V] and both histories
     */
    Attended causalAttention(Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values, long[] ages);

    /**
     * Rotary position embedding with any speeds: neighbouring channels (2i, 2i + 1) of each head turn by (ages[b] + t)·s_i.
     *
     * @param x [B,T,H,K], K even
     * @param ages position of the first row of each sequence, B entries
     * @param speeds s, K/2 entries, radians a position
     */
    Tensor turn(Tensor x, long[] ages, double[] speeds);

    /**
     * {@link #causalAttention} over keys and values that are made when they are read, a tile of rows at a time, and not kept:
     * what was before position t of the call comes from tiles, the call's own rows are given.
     *
     * @param query [B,T,H,K]
     * @param key [B,T,G,K], G divides H
     * @param value [B,T,G,V]
     * @param rows rows of a tile
     * @param tiles makes tile i, rows i·rows … of every sequence up to the largest age, keys [B,R,G,K] and values [B,R,G,V];
     *            called once for each, in order; rows from a sequence's age on are not read
     * @param ages rows before the call of each sequence, B entries
     * @return y [B,T,H,V]
     */
    Tensor tiledAttention(Tensor query, Tensor key, Tensor value, int rows, IntFunction<KeysAndValues> tiles,
            long[] ages);

    /**
     * Attention within chunks of a sequence, in O(T) memory: nothing outside a chunk is read or computed, and weights are
     * computed again in the backward pass (Ma et al. 2022, arXiv 2209.10655, sections 3.3 and 3.4): y_i = Σ_j A(S_ij) v_j over
     * the keys j that i reads, with S and A as {@link Weighing} says, plus bias[P − 1 + j − i].
     *
     * @param query [B,T,H,K]
     * @param key [B,T,H,K]
     * @param value [B,T,H,V]
     * @param bias by distance, [2P−1] with P at least the number of positions of a chunk that occurs; or [0] for none
     * @param how weights, chunks and direction
     * @param keys those of the current chunk [B,capacity,H,K], of which the first {@code how.before(ages[b])} count; moved.
     *            Capacity 0 if the sequences will not be continued, else min(max(ages) + T, C) or more
     * @param values likewise [B,capacity,H,V]
     * @param ages position of the first row of each sequence, B entries; 0 if not causal
     * @param lengths how many positions of each sequence are valid, B entries, or empty if all are. Padded keys are not read,
     *            outputs at padded positions mean nothing and pass no gradient
     * @return y [B,T,H,V] and the caches, empty if the last position ended a chunk
     */
    Attended chunkedAttention(Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys,
            Tensor values, long[] ages, int[] lengths);

    /**
     * Softmax attention over rows that are given, in O(S) memory: y_t = Σ_j softmax_j(q_t·k_j/√K + bias_j) v_j over the rows j that
     * the query reads. Each query by itself, in the order of its rows, so that no cutting of time changes a bit.
     *
     * @param query [B,T,H,K]
     * @param key [B,S,H,K]
     * @param value [B,S,H,V]
     * @param bias [H,P]: by how many rows before the last that the query reads, at P − 1 for more; or [H,0] for none
     * @param spans which rows each query reads
     * @return y [B,T,H,V], 0 for a query that reads nothing
     */
    Tensor crossAttention(Tensor query, Tensor key, Tensor value, Tensor bias, Spans spans);

    // ── losses ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * Negative log-likelihood in nats of each target under softmax(hidden·headᵀ), without ever holding the logits of all rows.
     *
     * @param hidden [R,D]
     * @param head [V,D]; of the type of hidden or, where nothing is trained, as a file holds it
     * @param targets [R] of {@link DType#I32}, within 0..V−1, or −1 for a row that does not count (loss 0, gradient 0)
     * @return [R]
     */
    default Tensor crossEntropy(Tensor hidden, Tensor head, Tensor targets) {
        return crossEntropy(hidden, head, targets, 0);
    }

    /** {@link #crossEntropy(Tensor, Tensor, Tensor)} of logits that pass cap·tanh(·/cap); 0 for none. */
    default Tensor crossEntropy(Tensor hidden, Tensor head, Tensor targets, double cap) {
        return crossEntropy(hidden, head, targets, cap, 0);
    }

    /**
     * {@link #crossEntropy(Tensor, Tensor, Tensor, double)}, while a tape goes backward as if every loss held
     * ½·wrap·(largest logit)² too, which keeps logits from growing without need (RWKV's L2Wrap, 1e-4 there). The losses do
     * not show it, and a row that does not count does not pay it.
     */
    Tensor crossEntropy(Tensor hidden, Tensor head, Tensor targets, double cap, double wrap);

    /**
     * y, while what is trained also pays for something that y does not show, such as experts that are used unevenly: a tape adds
     * the penalty to whatever it goes backward from. Eager bodies do not compute it.
     *
     * @param penalty computes a scalar [1]
     */
    default Tensor penalised(Tensor y, Supplier<Tensor> penalty) {
        return y;
    }

    /**
     * Takes note of what a layer came to beside its output, such as how many steps its positions took, for whoever evaluates a
     * model. It changes nothing that is computed; by default nobody keeps it.
     *
     * @param owner the layer
     * @param name what it is, in words for people
     * @param sum over positions
     * @param count how many positions
     */
    default void note(Object owner, String name, double sum, double count) {
    }

    /** The sum of all elements divided by {@code count}, as [1]; summed in double precision in a fixed order. */
    Tensor mean(Tensor x, double count);
}
