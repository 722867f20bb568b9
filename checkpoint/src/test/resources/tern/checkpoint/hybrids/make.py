"""Tiny random hybrids in the layouts of Hugging Face, and their logits by the formulas of README.md in double precision.

python3 make.py writes the folders beside it again, byte for byte; it needs numpy and nothing else.
"""
import json
import os
import struct

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
TIME = 72


class Model:
    """Tensors by name, drawn in the order in which they are asked for; matrices are rounded to bfloat16."""

    def __init__(self, name, seed, config):
        self.name, self.config = name, config
        self.random = np.random.default_rng(seed)
        self.tensors = {}

    def matrix(self, name, rows, columns, gain=1.0):
        return self.put(name, self.random.normal(size=(rows, columns)) * gain / np.sqrt(columns), "BF16")

    def draw(self, name, shape, low, high, kind="F32"):
        return self.put(name, self.random.uniform(low, high, size=shape), kind)

    def put(self, name, values, kind):
        bits = np.asarray(values, np.float32).view(np.uint32)
        if kind == "BF16":
            bits = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint32) << 16
        exact = bits.view(np.float32)
        self.tensors[name] = (exact, kind)
        return exact.astype(np.float64)

    def save(self, logits, tokens):
        folder = os.path.join(HERE, self.name)
        os.makedirs(folder, exist_ok=True)
        header, data = {"__metadata__": {"format": "pt"}}, b""
        for name, (values, kind) in self.tensors.items():
            raw = values.tobytes() if kind == "F32" else (values.view(np.uint32) >> 16).astype("<u2").tobytes()
            header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with open(os.path.join(folder, "model.safetensors"), "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + data)
        with open(os.path.join(folder, "config.json"), "w") as file:
            json.dump(self.config, file, indent=1)
            file.write("\n")
        with open(os.path.join(folder, "expected.json"), "w") as file:
            json.dump({"tokens": tokens}, file)
            file.write("\n")
        with open(os.path.join(folder, "logits.f32"), "wb") as file:
            file.write(logits.astype("<f4").tobytes())
        print(self.name, len(data), "bytes,", sum(v.size for v, _ in self.tensors.values()), "numbers, logits",
              float(np.abs(logits).max()))


def gguf(path, architecture, metadata, tensors):
    """Names and values as llama.cpp writes them: float32, or bfloat16 for those told so."""
    def text(value):
        return struct.pack("<Q", len(value.encode())) + value.encode()

    def item(value):
        if isinstance(value, str):
            return struct.pack("<I", 8) + text(value)
        if isinstance(value, bool):
            return struct.pack("<I?", 7, value)
        if isinstance(value, list):
            return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
        if isinstance(value, float):
            return struct.pack("<If", 6, value)
        return struct.pack("<II", 4, value)

    entries = {"general.architecture": architecture} | {f"{architecture}.{k}": v for k, v in metadata.items()}
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    for key, value in entries.items():
        out += text(key) + item(value)
    data = b""
    for name, (values, kind) in tensors.items():
        out += text(name) + struct.pack("<I", values.ndim) + b"".join(struct.pack("<Q", n) for n in values.shape[::-1])
        out += struct.pack("<IQ", 30 if kind == "BF16" else 0, len(data))
        values = np.ascontiguousarray(values, np.float32)
        raw = values.tobytes() if kind == "F32" else (values.view(np.uint32) >> 16).astype("<u2").tobytes()
        data += raw + b"\0" * (-len(raw) % 32)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(out + b"\0" * (-len(out) % 32) + data)


def llama(m, architecture, metadata, names, change=None, extra=None, moved=("none",)):
    """The tensors of a model under the names of llama.cpp: {i} is a layer, {e} an expert of a stack; moved keep their type."""
    made = {}
    change = change or (lambda name, values: values)
    for theirs, ours in names:
        for i in range(16):
            if theirs.find("{i}") < 0 and i > 0:
                break
            name, to = theirs.replace("{i}", str(i)), ours.replace("{i}", str(i))
            if "{e}" in name:
                stack = []
                while name.replace("{e}", str(len(stack))) in m.tensors:
                    stack.append(m.tensors[name.replace("{e}", str(len(stack)))])
                if stack:
                    made[to] = (np.stack([values for values, _ in stack]), stack[0][1])
            elif name in m.tensors:
                values, kind = m.tensors[name]
                changed = change(theirs, values.astype(np.float64))
                exact = changed.shape == values.shape and (theirs.endswith(moved) or np.array_equal(changed, values))
                if "conv1d.weight" in name or "conv.conv" in name:
                    changed = changed.reshape(changed.shape[0], -1)
                made[to] = (changed, kind if exact and kind == "BF16" and changed.ndim > 1 else "F32")
    made |= {name: (np.asarray(values, np.float64), "F32") for name, values in (extra or {}).items()}
    gguf(os.path.join(HERE, "llama", m.name + ".gguf"), architecture, metadata, made)


def grouped(values, groups, share, width, axis=0):
    """Value heads by key head, as Hugging Face has them, in llama.cpp's order: the first of every key head, then the second."""
    shape = values.shape
    cut = values.reshape(shape[:axis] + (groups, share, width) + shape[axis + 1:])
    return np.swapaxes(cut, axis, axis + 1).reshape(shape)


def tokens(seed, vocabulary):
    return [int(t) for t in np.random.default_rng(1000 + seed).integers(0, vocabulary, TIME)]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def softplus(x):
    return np.log1p(np.exp(x))


def rms(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + eps) * weight


def conv(x, weight, bias=0.0):
    """Causal, depthwise; the last tap meets the current position. weight [C,1,K]."""
    taps = weight.shape[-1]
    y = np.zeros_like(x) + bias
    for t in range(len(x)):
        for j in range(taps):
            if t - taps + 1 + j >= 0:
                y[t] += weight[:, 0, j] * x[t - taps + 1 + j]
    return y


def rope(x, base, width, yarn=None, slowed=None):
    """x [T,H,K]: the first channels turn in pairs (i, i + width/2), stretched by YaRN's (factor, original, fast, slow) if told, or
    by (divisors of the speeds, what is multiplied by)."""
    y = x.copy()
    half = width // 2
    for t in range(len(x)):
        for i in range(half):
            angle, grow = t * base ** (-2 * i / width), 1
            if yarn:
                factor, original, fast, slow = yarn
                # Pairs that make so many turns within the original length: base^(2i/width) = original/(2 pi turns).
                low, high = (width / 2 * np.log(original / (2 * np.pi * turns)) / np.log(base) for turns in (fast, slow))
                low, high = max(np.floor(low), 0), min(np.ceil(high), width - 1)
                kept = 1 - min(max((i - low) / (high - low), 0), 1)
                angle = kept * angle + (1 - kept) * angle / factor
                grow = 1 + np.log(factor) / 10
            if slowed:
                angle, grow = angle / slowed[0][i], slowed[1]
            a, b = grow * x[t, :, i], grow * x[t, :, i + half]
            y[t, :, i] = a * np.cos(angle) - b * np.sin(angle)
            y[t, :, i + half] = b * np.cos(angle) + a * np.sin(angle)
    return y


def attend(q, k, v):
    """q [T,H,K], k, v [T,G,K]: query head h reads key head h // (H/G)."""
    time, heads, width = q.shape
    share = heads // k.shape[1]
    y = np.zeros_like(q)
    for h in range(heads):
        for t in range(time):
            scores = k[: t + 1, h // share] @ q[t, h] / np.sqrt(width)
            weights = np.exp(scores - scores.max())
            y[t, h] = weights / weights.sum() @ v[: t + 1, h // share]
    return y.reshape(time, heads * width)


def mamba2(m, p, x, heads, width, state, groups, eps, multipliers=(1, 1, 1, 1, 1), normed=True, gate_first=True,
           normed_groups=None):
    inner, keys = heads * width, groups * state
    hidden = x.shape[1]
    scale = np.repeat(np.array(multipliers, float), [inner, inner, keys, keys, heads])
    all_ = x @ m.matrix(p + "in_proj.weight", 2 * inner + 2 * keys + heads, hidden).T * scale
    z, xbc, dt = np.split(all_, [inner, 2 * inner + 2 * keys], 1)
    xbc = silu(conv(xbc, m.draw(p + "conv1d.weight", (inner + 2 * keys, 1, 4), -.5, .5),
                    m.draw(p + "conv1d.bias", inner + 2 * keys, -.5, .5)))
    u, b, c = np.split(xbc, [inner, inner + keys], 1)
    dt = softplus(dt + m.draw(p + "dt_bias", heads, -3, 0))
    a = -np.exp(m.draw(p + "A_log", heads, 0, 2))
    d = m.draw(p + "D", heads, .5, 1.5)
    y = np.zeros_like(u)
    for h in range(heads):
        s = np.zeros((width, state))
        g = slice(h // (heads // groups) * state, (h // (heads // groups) + 1) * state)
        r = slice(h * width, (h + 1) * width)
        for t in range(len(x)):
            s = np.exp(dt[t, h] * a[h]) * s + dt[t, h] * np.outer(u[t, r], b[t, g])
            y[t, r] = s @ c[t, g] + d[h] * u[t, r]
    if not normed:
        y = y * silu(z)
    else:
        gain = m.draw(p + "norm.weight", inner, .5, 1.5)
        y = y * silu(z) if gate_first else y
        y = rms(y.reshape(len(x), normed_groups or groups, -1), 1, eps).reshape(len(x), inner) * gain
        y = y if gate_first else y * silu(z)
    return y @ m.matrix(p + "out_proj.weight", hidden, inner).T


def mlp(x, gate, up, down):
    return (silu(x @ gate.T) * (x @ up.T)) @ down.T


def striped_hyena():
    D, H, G, V, K, S, F = 16, 4, 2, 40, 4, 2, 24
    config = {"model_type": "stripedhyena", "architectures": ["StripedHyenaModelForCausalLM"], "vocab_size": V,
              "hidden_size": D, "num_filters": D, "inner_mlp_size": F, "attn_layer_idxs": [1, 3],
              "hyena_layer_idxs": [0, 2], "num_layers": 4, "tie_embeddings": False, "short_filter_length": 3,
              "num_attention_heads": H, "proj_groups": H // G, "hyena_filter_groups": 1, "column_split_hyena": True,
              "short_filter_bias": True, "qkv_proj_bias": False, "mha_out_proj_bias": False, "state_size": S,
              "eps": 1e-5, "rotary_emb_base": 500000, "use_interpolated_rotary_pos_emb": False,
              "mlp_activation": "silu", "max_seqlen": 128, "final_norm": True}
    m, ids = Model("striped-hyena", 1, config), tokens(1, V)
    x = m.matrix("backbone.embedding_layer.weight", V, D, 2)[ids]
    for i in range(4):
        p = f"backbone.blocks.{i}."
        n = rms(x, m.draw(p + "pre_norm.scale", D, .5, 1.5), 1e-5)
        if i % 2:
            qkv = n @ m.matrix(p + "inner_mha_cls.Wqkv.weight", (H + 2 * G) * K, D, 2).T
            m.put(p + "inner_mha_cls.rotary_emb.inv_freq", 500000.0 ** (-np.arange(0, K, 2) / K), "F32")
            q, k, v = (a.reshape(TIME, -1, K) for a in np.split(qkv, [H * K, (H + G) * K], 1))
            y = attend(rope(q, 5e5, K), rope(k, 5e5, K), v)
            x = x + y @ m.matrix(p + "inner_mha_cls.out_proj.weight", D, H * K).T
        else:
            z = n @ m.matrix(p + "projections.weight", 3 * D, D).T + m.draw(p + "projections.bias", 3 * D, -.3, .3)
            z = conv(z, m.draw(p + "filter.short_filter_weight", (3 * D, 1, 3), -.8, .8),
                     m.draw(p + "filter.short_filter_bias", 3 * D, -.3, .3))
            parts = z.reshape(TIME, H, 3, D // H)
            x2, x1, v = (parts[:, :, i].reshape(TIME, D) for i in range(3))
            radius, angle = m.random.uniform(.3, .98, (D, S)), m.random.uniform(-3, 3, (D, S))
            pole = m.put(p + "filter.poles", np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)[:, :, None],
                         "F32")
            residue = m.draw(p + "filter.residues", (D, S, 1, 2), -.5, .5)
            skip = m.draw(p + "filter.D", D, -.5, .5)
            pole, residue = (c[:, :, 0, 0] + 1j * c[:, :, 0, 1] for c in (pole, residue))
            taps = np.stack([(residue * pole ** t).sum(1).real for t in range(TIME)])
            a = x1 * v
            y = np.stack([sum(taps[t - s] * a[s] for s in range(t + 1)) for t in range(TIME)]) + skip * a
            x = x + (y * x2) @ m.matrix(p + "out_filter_dense.weight", D, D).T + m.draw(p + "out_filter_dense.bias", D,
                                                                                       -.3, .3)
        n = rms(x, m.draw(p + "post_norm.scale", D, .5, 1.5), 1e-5)
        x = x + mlp(n, m.matrix(p + "mlp.l1.weight", F, D), m.matrix(p + "mlp.l2.weight", F, D),
                    m.matrix(p + "mlp.l3.weight", D, F))
    x = rms(x, m.draw("backbone.norm.scale", D, .5, 1.5), 1e-5)
    m.save(x @ m.matrix("backbone.unembed.weight", V, D, 2).T, ids)


def lfm2(name="lfm2", seed=2, K=4, base=1e6, yarn=None, slowed=None, told=None, stored=None, extra=None):
    """slowed: as rope takes it; told, stored, extra: what config.json, the metadata and the tensors of llama.cpp say of it."""
    D, H, G, V, F = 16, 4, 2, 40, 32
    kinds = ["conv", "full_attention", "conv", "full_attention"]
    config = {"model_type": "lfm2", "architectures": ["Lfm2ForCausalLM"], "vocab_size": V, "hidden_size": D,
              "num_attention_heads": H, "num_key_value_heads": G, "num_hidden_layers": 4, "layer_types": kinds,
              "conv_L_cache": 3, "conv_bias": False, "norm_eps": 1e-5, "rope_theta": base,
              "block_ff_dim": 48, "block_auto_adjust_ff_dim": True, "max_position_embeddings": 128,
              "tie_embedding": True}
    if yarn:
        config["rope_scaling"] = {"rope_type": "yarn", "factor": yarn[0], "original_max_position_embeddings": yarn[1],
                                  "beta_fast": yarn[2], "beta_slow": yarn[3]}
    config |= told or {}
    m, ids = Model(name, seed, config), tokens(seed, V)
    table = m.matrix("model.embed_tokens.weight", V, D, 2)
    x = table[ids]
    for i, kind in enumerate(kinds):
        p = f"model.layers.{i}."
        n = rms(x, m.draw(p + "operator_norm.weight", D, .5, 1.5), 1e-5)
        if kind == "conv":
            b, c, u = np.split(n @ m.matrix(p + "conv.in_proj.weight", 3 * D, D).T, 3, 1)
            y = c * conv(b * u, m.draw(p + "conv.conv.weight", (D, 1, 3), -.8, .8, "BF16"))
            x = x + y @ m.matrix(p + "conv.out_proj.weight", D, D).T
        else:
            q = (n @ m.matrix(p + "self_attn.q_proj.weight", H * K, D).T).reshape(TIME, H, K)
            k = (n @ m.matrix(p + "self_attn.k_proj.weight", G * K, D).T).reshape(TIME, G, K)
            v = (n @ m.matrix(p + "self_attn.v_proj.weight", G * K, D).T).reshape(TIME, G, K)
            q = rope(rms(q, m.draw(p + "self_attn.q_layernorm.weight", K, 1, 2), 1e-5), base, K, yarn, slowed)
            k = rope(rms(k, m.draw(p + "self_attn.k_layernorm.weight", K, 1, 2), 1e-5), base, K, yarn, slowed)
            x = x + attend(q, k, v) @ m.matrix(p + "self_attn.out_proj.weight", D, H * K).T
        n = rms(x, m.draw(p + "ffn_norm.weight", D, .5, 1.5), 1e-5)
        x = x + mlp(n, m.matrix(p + "feed_forward.w1.weight", F, D), m.matrix(p + "feed_forward.w3.weight", F, D),
                    m.matrix(p + "feed_forward.w2.weight", D, F))
    x = rms(x, m.draw("model.embedding_norm.weight", D, .5, 1.5), 1e-5)
    m.save(x @ table.T, ids)
    p, b = "model.layers.{i}.", "blk.{i}."
    scaling = {} if not yarn else {"rope.scaling.type": "yarn", "rope.scaling.factor": yarn[0],
                                   "rope.scaling.original_context_length": yarn[1],
                                   "rope.scaling.yarn_beta_fast": yarn[2], "rope.scaling.yarn_beta_slow": yarn[3]}
    llama(m, "lfm2", {"attention.layer_norm_rms_epsilon": 1e-5, "rope.freq_base": base, "context_length": 128} | scaling
          | (stored or {}), [
        ("model.embed_tokens.weight", "token_embd.weight"), ("model.embedding_norm.weight", "token_embd_norm.weight"),
        (p + "operator_norm.weight", b + "attn_norm.weight"), (p + "ffn_norm.weight", b + "ffn_norm.weight"),
        (p + "conv.in_proj.weight", b + "shortconv.in_proj.weight"),
        (p + "conv.conv.weight", b + "shortconv.conv.weight"),
        (p + "conv.out_proj.weight", b + "shortconv.out_proj.weight"),
        (p + "self_attn.q_proj.weight", b + "attn_q.weight"), (p + "self_attn.k_proj.weight", b + "attn_k.weight"),
        (p + "self_attn.v_proj.weight", b + "attn_v.weight"),
        (p + "self_attn.out_proj.weight", b + "attn_output.weight"),
        (p + "self_attn.q_layernorm.weight", b + "attn_q_norm.weight"),
        (p + "self_attn.k_layernorm.weight", b + "attn_k_norm.weight"),
        (p + "feed_forward.w1.weight", b + "ffn_gate.weight"), (p + "feed_forward.w3.weight", b + "ffn_up.weight"),
        (p + "feed_forward.w2.weight", b + "ffn_down.weight")], extra=extra)


def slowed_lfm2():
    base, K, pairs = 100.0, 12, 6
    lfm2("lfm2-linear", 10, K, base, slowed=([2.5] * pairs, 1), told={"rope_scaling": {"type": "linear", "factor": 2.5}},
         stored={"rope.scaling.type": "linear", "rope.scaling.factor": 2.5})

    divisors = []
    for i in range(pairs):
        turns = 32 / (2 * np.pi * base ** (i / pairs))
        # Below one turn within 32 positions slowed by 4, above four kept.
        divisors.append(4 if turns < 1 else 1 if turns > 4 else 1 / ((1 - (turns - 1) / 3) / 4 + (turns - 1) / 3))
    lfm2("lfm2-llama3", 11, K, base, slowed=(divisors, 1),
         told={"rope_parameters": {"rope_type": "llama3", "rope_theta": base, "factor": 4.0, "low_freq_factor": 1.0,
                                   "high_freq_factor": 4.0, "original_max_position_embeddings": 32}},
         extra={"rope_freqs.weight": divisors})

    small, large, grow = [1, 1, 1.125, 1.25, 1.5, 2], [1.0625, 1.5, 3, 7.5, 20, 33.5], np.sqrt(1 + np.log(4) / np.log(32))
    lfm2("lfm2-longrope", 12, K, base, slowed=(large, grow),
         told={"original_max_position_embeddings": 32,
               "rope_scaling": {"rope_type": "longrope", "short_factor": small, "long_factor": large}},
         stored={"rope.scaling.type": "longrope", "rope.scaling.original_context_length": 32,
                 "rope.scaling.attn_factor": float(grow)},
         extra={"rope_factors_short.weight": small, "rope_factors_long.weight": large})


def delta_net(m, p, n, keyHeads, heads, K, V, eps, fused):
    """Gated delta rule; q, k, v, z and b, a in one matrix each, key head by key head, or each in its own."""
    D, r = n.shape[1], heads // keyHeads
    if fused:
        rows = (n @ m.matrix(p + "in_proj_qkvz.weight", 2 * keyHeads * K + 2 * heads * V, D).T).reshape(TIME, keyHeads, -1)
        q, k, v, z = np.split(rows, [K, 2 * K, 2 * K + r * V], 2)
        ba = (n @ m.matrix(p + "in_proj_ba.weight", 2 * heads, D, 2).T).reshape(TIME, keyHeads, -1)
        b, a = (part.reshape(TIME, heads) for part in np.split(ba, [r], 2))
        qkv = np.concatenate([part.reshape(TIME, -1) for part in (q, k, v)], 1)
        z = z.reshape(TIME, heads, V)
    else:
        qkv = n @ m.matrix(p + "in_proj_qkv.weight", 2 * keyHeads * K + heads * V, D).T
        z = (n @ m.matrix(p + "in_proj_z.weight", heads * V, D).T).reshape(TIME, heads, V)
        b = n @ m.matrix(p + "in_proj_b.weight", heads, D, 2).T
        a = n @ m.matrix(p + "in_proj_a.weight", heads, D, 2).T
    qkv = silu(conv(qkv, m.draw(p + "conv1d.weight", (qkv.shape[1], 1, 4), -.8, .8, "BF16")))
    q, k, v = np.split(qkv, [keyHeads * K, 2 * keyHeads * K], 1)
    q, k, v = q.reshape(TIME, keyHeads, K), k.reshape(TIME, keyHeads, K), v.reshape(TIME, heads, V)
    q, k = (u / np.sqrt((u * u).sum(-1, keepdims=True) + 1e-6) for u in (q, k))
    beta = sigmoid(b)
    g = -np.exp(m.draw(p + "A_log", heads, 0, 2)) * softplus(a + m.draw(p + "dt_bias", heads, -3, 0))
    y = np.zeros((TIME, heads, V))
    for h in range(heads):
        s = np.zeros((K, V))
        for t in range(TIME):
            s = np.exp(g[t, h]) * s
            key = k[t, h // r]
            s = s + np.outer(key, beta[t, h] * (v[t, h] - s.T @ key))
            y[t, h] = s.T @ q[t, h // r] / np.sqrt(K)
    y = rms(y, m.draw(p + "norm.weight", V, .5, 1.5), eps) * silu(z)
    return y.reshape(TIME, -1) @ m.matrix(p + "out_proj.weight", D, heads * V).T


def gated_attention(m, p, n, H, G, K, turning, base, eps):
    D = n.shape[1]
    both = (n @ m.matrix(p + "q_proj.weight", 2 * H * K, D).T).reshape(TIME, H, 2 * K)
    q, gate = both[:, :, :K], both[:, :, K:].reshape(TIME, -1)
    k = (n @ m.matrix(p + "k_proj.weight", G * K, D).T).reshape(TIME, G, K)
    v = (n @ m.matrix(p + "v_proj.weight", G * K, D).T).reshape(TIME, G, K)
    q = rope(rms(q, 1 + m.draw(p + "q_norm.weight", K, 0, 1, "BF16"), eps), base, turning)
    k = rope(rms(k, 1 + m.draw(p + "k_norm.weight", K, 0, 1, "BF16"), eps), base, turning)
    return (attend(q, k, v) * sigmoid(gate)) @ m.matrix(p + "o_proj.weight", D, H * K).T


def qwen_experts(m, p, n, experts, chosen, F, shared, packed):
    D = n.shape[1]
    logits = n @ m.matrix(p + "gate.weight", experts, D, 2).T
    scores = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    if packed:
        both = m.put(p + "experts.gate_up_proj", m.random.normal(size=(experts, 2 * F, D)) / 4, "BF16")
        down = m.put(p + "experts.down_proj", m.random.normal(size=(experts, D, F)) / 3, "BF16")
        weights = [(both[e, :F], both[e, F:], down[e]) for e in range(experts)]
    else:
        weights = [(m.matrix(p + f"experts.{e}.gate_proj.weight", F, D), m.matrix(p + f"experts.{e}.up_proj.weight", F, D),
                    m.matrix(p + f"experts.{e}.down_proj.weight", D, F)) for e in range(experts)]
    y = mlp(n, *(m.matrix(p + f"shared_expert.{part}.weight", *shape) for part, shape in
                 (("gate_proj", (shared, D)), ("up_proj", (shared, D)), ("down_proj", (D, shared)))))
    y = y * sigmoid(n @ m.matrix(p + "shared_expert_gate.weight", 1, D).T)
    for t in range(TIME):
        best = np.argsort(-scores[t])[:chosen]
        for e in best:
            y[t] += scores[t, e] / scores[t, best].sum() * mlp(n[t], *weights[e])
    return y


def qwen(name, seed, kind, root, fused, packed, experts):
    D, H, G, K, V, F, EPS = 16, 2, 1, 8, 40, 24, 1e-6
    kinds = ["linear_attention", "linear_attention", "linear_attention", "full_attention"]
    text = {"model_type": kind, "vocab_size": V, "hidden_size": D, "intermediate_size": F, "num_hidden_layers": 4,
            "num_attention_heads": H, "num_key_value_heads": G, "head_dim": K, "hidden_act": "silu",
            "rms_norm_eps": EPS, "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8,
            "linear_value_head_dim": 6, "linear_conv_kernel_dim": 4, "full_attention_interval": 4,
            "layer_types": kinds, "max_position_embeddings": 128, "tie_word_embeddings": not experts}
    if experts:
        text |= {"num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 8,
                 "shared_expert_intermediate_size": 12, "norm_topk_prob": True}
    if root == "model.":
        config = text | {"architectures": ["Qwen3NextForCausalLM"], "rope_theta": 10000000, "partial_rotary_factor": .5,
                         "mlp_only_layers": [1]}
    else:
        config = {"model_type": kind.replace("_text", ""), "tie_word_embeddings": not experts,
                  "vision_config": {"model_type": "vision", "hidden_size": 8},
                  "text_config": text | {"rope_parameters": {"rope_type": "default", "rope_theta": 10000000,
                                                              "partial_rotary_factor": .5}}}
    m, ids = Model(name, seed, config), tokens(seed, V)
    table = m.matrix(root + "embed_tokens.weight", V, D, 2)
    x = table[ids]
    for i, layer in enumerate(kinds):
        p = f"{root}layers.{i}."
        n = rms(x, 1 + m.draw(p + "input_layernorm.weight", D, -.5, .5, "BF16"), EPS)
        if layer == "linear_attention":
            x = x + delta_net(m, p + "linear_attn.", n, 2, 4, 8, 6, EPS, fused)
        else:
            x = x + gated_attention(m, p + "self_attn.", n, H, G, K, K // 2, 1e7, EPS)
        n = rms(x, 1 + m.draw(p + "post_attention_layernorm.weight", D, -.5, .5, "BF16"), EPS)
        if experts and not (root == "model." and i == 1):
            x = x + qwen_experts(m, p + "mlp.", n, 6, 3, 8, 12, packed)
        else:
            x = x + mlp(n, m.matrix(p + "mlp.gate_proj.weight", F, D), m.matrix(p + "mlp.up_proj.weight", F, D),
                        m.matrix(p + "mlp.down_proj.weight", D, F))
    x = rms(x, 1 + m.draw(root + "norm.weight", D, -.5, .5, "BF16"), EPS)
    if experts:
        head = m.matrix("lm_head.weight", V, D, 2)
        m.draw("mtp.fc.weight", (2, 4), -1, 1)
    else:
        head = table
        m.draw("model.visual.patch_embed.proj.weight", (2, 4), -1, 1)
    m.save(x @ head.T, ids)
    tiled = kind != "qwen3_next"

    def change(name, values):
        if name.endswith("A_log"):
            values = -np.exp(values)
        elif name.endswith("norm.weight") and not name.endswith("linear_attn.norm.weight"):
            values = values + 1
        if tiled and any(part in name for part in ("A_log", "dt_bias", "in_proj_a", "in_proj_b")):
            values = grouped(values, 2, 2, 1)
        elif tiled and "in_proj_z" in name:
            values = grouped(values, 2, 2, 6)
        elif tiled and ("in_proj_qkv." in name or "conv1d" in name):
            values = np.concatenate([values[:32], grouped(values[32:], 2, 2, 6)])
        elif tiled and "linear_attn.out_proj" in name:
            values = grouped(values, 2, 2, 6, 1)
        return values.reshape(-1) if name.endswith("shared_expert_gate.weight") else values

    if fused:
        for i in range(3):
            qkvz, _ = m.tensors.pop(f"model.layers.{i}.linear_attn.in_proj_qkvz.weight")
            q, k, v, z = np.split(qkvz.reshape(2, -1, D), [8, 16, 28], 1)
            m.tensors[f"model.layers.{i}.linear_attn.in_proj_qkv.weight"] = (
                np.concatenate([part.reshape(-1, D) for part in (q, k, v)]), "BF16")
            m.tensors[f"model.layers.{i}.linear_attn.in_proj_z.weight"] = (z.reshape(-1, D), "BF16")
    for i in range(4):
        if packed:
            both, _ = m.tensors.get(f"{root}layers.{i}.mlp.experts.gate_up_proj", (None, None))
            if both is not None:
                m.tensors[f"{root}layers.{i}.mlp.experts.gate_proj"] = (both[:, :8], "BF16")
                m.tensors[f"{root}layers.{i}.mlp.experts.up_proj"] = (both[:, 8:], "BF16")
    p, b, e = root + "layers.{i}.", "blk.{i}.", "" if packed else ".{e}"
    ending = "" if packed else ".weight"
    info = {"attention.layer_norm_rms_epsilon": EPS, "rope.freq_base": 1e7, "rope.dimension_count": K // 2,
            "context_length": 128, "ssm.group_count": 2, "ssm.time_step_rank": 4, "ssm.state_size": 8,
            "ssm.inner_size": 24, "ssm.conv_kernel": 4}
    llama(m, {"qwen3_next": "qwen3next", "qwen3_5_text": "qwen35", "qwen3_5_moe_text": "qwen35moe"}[kind],
          info | ({"expert_used_count": 3, "expert_count": 6} if experts else {}), [
        (root + "embed_tokens.weight", "token_embd.weight"), (root + "norm.weight", "output_norm.weight"),
        ("lm_head.weight", "output.weight"), (p + "input_layernorm.weight", b + "attn_norm.weight"),
        (p + "post_attention_layernorm.weight", b + "post_attention_norm.weight"),
        (p + "linear_attn.in_proj_qkv.weight", b + "attn_qkv.weight"),
        (p + "linear_attn.in_proj_z.weight", b + "attn_gate.weight"),
        (p + "linear_attn.in_proj_ba.weight", b + "ssm_ba.weight"),
        (p + "linear_attn.in_proj_b.weight", b + "ssm_beta.weight"),
        (p + "linear_attn.in_proj_a.weight", b + "ssm_alpha.weight"),
        (p + "linear_attn.conv1d.weight", b + "ssm_conv1d.weight"), (p + "linear_attn.A_log", b + "ssm_a"),
        (p + "linear_attn.dt_bias", b + "ssm_dt.bias"), (p + "linear_attn.norm.weight", b + "ssm_norm.weight"),
        (p + "linear_attn.out_proj.weight", b + "ssm_out.weight"),
        (p + "self_attn.q_proj.weight", b + "attn_q.weight"), (p + "self_attn.k_proj.weight", b + "attn_k.weight"),
        (p + "self_attn.v_proj.weight", b + "attn_v.weight"), (p + "self_attn.o_proj.weight", b + "attn_output.weight"),
        (p + "self_attn.q_norm.weight", b + "attn_q_norm.weight"),
        (p + "self_attn.k_norm.weight", b + "attn_k_norm.weight"),
        (p + "mlp.gate_proj.weight", b + "ffn_gate.weight"), (p + "mlp.up_proj.weight", b + "ffn_up.weight"),
        (p + "mlp.down_proj.weight", b + "ffn_down.weight"), (p + "mlp.gate.weight", b + "ffn_gate_inp.weight"),
        (p + "mlp.experts" + e + ".gate_proj" + ending, b + "ffn_gate_exps.weight"),
        (p + "mlp.experts" + e + ".up_proj" + ending, b + "ffn_up_exps.weight"),
        (p + "mlp.experts" + e + ".down_proj" + ending, b + "ffn_down_exps.weight"),
        (p + "mlp.shared_expert.gate_proj.weight", b + "ffn_gate_shexp.weight"),
        (p + "mlp.shared_expert.up_proj.weight", b + "ffn_up_shexp.weight"),
        (p + "mlp.shared_expert.down_proj.weight", b + "ffn_down_shexp.weight"),
        (p + "mlp.shared_expert_gate.weight", b + "ffn_gate_inp_shexp.weight")], change)


def nemotron_h():
    D, H, G, K, V, F, EPS = 16, 4, 2, 6, 40, 40, 1e-5
    pattern = "M-M*-ME"
    config = {"model_type": "nemotron_h", "architectures": ["NemotronHForCausalLM"], "vocab_size": V,
              "hidden_size": D, "hybrid_override_pattern": pattern, "num_hidden_layers": len(pattern),
              "num_attention_heads": H, "num_key_value_heads": G, "head_dim": K, "attention_bias": False,
              "intermediate_size": F, "mlp_hidden_act": "relu2", "mlp_bias": False, "mamba_num_heads": 4,
              "mamba_head_dim": 8, "ssm_state_size": 6, "n_groups": 2, "conv_kernel": 4, "use_conv_bias": True,
              "mamba_proj_bias": False, "use_bias": False, "layer_norm_epsilon": EPS,
              "time_step_limit": [0.0, {"__float__": "Infinity"}], "n_routed_experts": 4, "num_experts_per_tok": 2,
              "moe_intermediate_size": 8, "moe_shared_expert_intermediate_size": 10, "n_shared_experts": 1,
              "routed_scaling_factor": 2.5, "norm_topk_prob": True, "n_group": 1, "topk_group": 1,
              "max_position_embeddings": 128, "tie_word_embeddings": False}
    m, ids = Model("nemotron-h", 6, config), tokens(6, V)
    x = m.matrix("backbone.embeddings.weight", V, D, 2)[ids]

    def plain(n, p, inner):
        up = m.matrix(p + "up_proj.weight", inner, D)
        return np.maximum(n @ up.T, 0) ** 2 @ m.matrix(p + "down_proj.weight", D, inner).T

    for i, kind in enumerate(pattern):
        p = f"backbone.layers.{i}."
        n = rms(x, m.draw(p + "norm.weight", D, .5, 1.5), EPS)
        p += "mixer."
        if kind == "M":
            x = x + mamba2(m, p, n, 4, 8, 6, 2, EPS)
        elif kind == "*":
            q = (n @ m.matrix(p + "q_proj.weight", H * K, D).T).reshape(TIME, H, K)
            k = (n @ m.matrix(p + "k_proj.weight", G * K, D).T).reshape(TIME, G, K)
            v = (n @ m.matrix(p + "v_proj.weight", G * K, D).T).reshape(TIME, G, K)
            x = x + attend(q, k, v) @ m.matrix(p + "o_proj.weight", D, H * K).T
        elif kind == "-":
            x = x + plain(n, p, F)
        else:
            scores = sigmoid(n @ m.matrix(p + "gate.weight", 4, D, 2).T)
            bias = m.draw(p + "gate.e_score_correction_bias", 4, -.3, .3)
            ups = [(m.matrix(p + f"experts.{e}.up_proj.weight", 8, D), m.matrix(p + f"experts.{e}.down_proj.weight", D, 8))
                   for e in range(4)]
            y = plain(n, p + "shared_experts.", 10)
            for t in range(TIME):
                best = np.argsort(-(scores[t] + bias))[:2]
                for e in best:
                    one = np.maximum(n[t] @ ups[e][0].T, 0) ** 2 @ ups[e][1].T
                    y[t] += 2.5 * scores[t, e] / (scores[t, best].sum() + 1e-20) * one
            x = x + y
    x = rms(x, m.draw("backbone.norm_f.weight", D, .5, 1.5), EPS)
    m.save(x @ m.matrix("lm_head.weight", V, D, 2).T, ids)

    def change(name, values):
        if name.endswith("A_log"):
            return -np.exp(values).reshape(-1, 1)
        if name.endswith("mixer.D"):
            return values.reshape(-1, 1)
        return values.reshape(2, -1) if name.endswith("mixer.norm.weight") else values

    p, b = "backbone.layers.{i}.", "blk.{i}."
    llama(m, "nemotron_h_moe", {"attention.layer_norm_rms_epsilon": EPS, "attention.key_length": K, "context_length": 128,
                                "ssm.group_count": 2, "ssm.time_step_rank": 4, "ssm.state_size": 6, "ssm.inner_size": 32,
                                "expert_used_count": 2, "expert_count": 4, "expert_weights_scale": 2.5}, [
        ("backbone.embeddings.weight", "token_embd.weight"), ("backbone.norm_f.weight", "output_norm.weight"),
        ("lm_head.weight", "output.weight"), (p + "norm.weight", b + "attn_norm.weight"),
        (p + "mixer.in_proj.weight", b + "ssm_in.weight"), (p + "mixer.conv1d.weight", b + "ssm_conv1d.weight"),
        (p + "mixer.conv1d.bias", b + "ssm_conv1d.bias"), (p + "mixer.dt_bias", b + "ssm_dt.bias"),
        (p + "mixer.A_log", b + "ssm_a"), (p + "mixer.D", b + "ssm_d"), (p + "mixer.norm.weight", b + "ssm_norm.weight"),
        (p + "mixer.out_proj.weight", b + "ssm_out.weight"), (p + "mixer.q_proj.weight", b + "attn_q.weight"),
        (p + "mixer.k_proj.weight", b + "attn_k.weight"), (p + "mixer.v_proj.weight", b + "attn_v.weight"),
        (p + "mixer.o_proj.weight", b + "attn_output.weight"), (p + "mixer.up_proj.weight", b + "ffn_up.weight"),
        (p + "mixer.down_proj.weight", b + "ffn_down.weight"), (p + "mixer.gate.weight", b + "ffn_gate_inp.weight"),
        (p + "mixer.gate.e_score_correction_bias", b + "exp_probs_b.bias"),
        (p + "mixer.experts.{e}.up_proj.weight", b + "ffn_up_exps.weight"),
        (p + "mixer.experts.{e}.down_proj.weight", b + "ffn_down_exps.weight"),
        (p + "mixer.shared_experts.up_proj.weight", b + "ffn_up_shexp.weight"),
        (p + "mixer.shared_experts.down_proj.weight", b + "ffn_down_shexp.weight")], change)


def falcon_h1(name, seed, normed):
    D, H, G, K, V, F, EPS = 16, 4, 2, 4, 40, 24, 1e-5
    config = {"model_type": "falcon_h1", "architectures": ["FalconH1ForCausalLM"], "vocab_size": V, "hidden_size": D,
              "intermediate_size": F, "num_hidden_layers": 2, "num_attention_heads": H, "num_key_value_heads": G,
              "head_dim": K, "hidden_act": "silu", "rms_norm_eps": EPS, "mamba_d_ssm": 24, "mamba_n_heads": 3,
              "mamba_d_head": 8, "mamba_n_groups": 1, "mamba_d_state": 6, "mamba_d_conv": 4, "mamba_conv_bias": True,
              "mamba_proj_bias": False, "mamba_norm_before_gate": False, "mamba_rms_norm": normed,
              "projectors_bias": False, "attention_bias": False, "mlp_bias": False, "rope_theta": 100000000000.0,
              "lm_head_multiplier": .4, "embedding_multiplier": 2.5, "mlp_multipliers": [.7, .6],
              "key_multiplier": .3, "attention_out_multiplier": 1.2, "attention_in_multiplier": 1.1,
              "ssm_multipliers": [.4, .5, .8, 1.25, .6], "ssm_in_multiplier": 1.3, "ssm_out_multiplier": .9,
              "max_position_embeddings": 128, "tie_word_embeddings": False}
    m, ids = Model(name, seed, config), tokens(seed, V)
    x = m.matrix("model.embed_tokens.weight", V, D, 2)[ids] * 2.5
    for i in range(2):
        p = f"model.layers.{i}."
        n = rms(x, m.draw(p + "input_layernorm.weight", D, .5, 1.5), EPS)
        y = .9 * mamba2(m, p + "mamba.", 1.3 * n, 3, 8, 6, 1, EPS, (.4, .5, .8, 1.25, .6), normed)
        a = 1.1 * n
        q = (a @ m.matrix(p + "self_attn.q_proj.weight", H * K, D, 2).T).reshape(TIME, H, K)
        k = (a @ m.matrix(p + "self_attn.k_proj.weight", G * K, D, 2).T).reshape(TIME, G, K) * .3
        v = (a @ m.matrix(p + "self_attn.v_proj.weight", G * K, D).T).reshape(TIME, G, K)
        y = y + 1.2 * (attend(rope(q, 1e11, K), rope(k, 1e11, K), v) @ m.matrix(p + "self_attn.o_proj.weight", D,
                                                                             H * K).T)
        x = x + y
        n = rms(x, m.draw(p + "pre_ff_layernorm.weight", D, .5, 1.5), EPS)
        gate, up = m.matrix(p + "feed_forward.gate_proj.weight", F, D), m.matrix(p + "feed_forward.up_proj.weight", F, D)
        x = x + .6 * ((silu(.7 * (n @ gate.T)) * (n @ up.T)) @ m.matrix(p + "feed_forward.down_proj.weight", D, F).T)
    x = rms(x, m.draw("model.final_layernorm.weight", D, .5, 1.5), EPS)
    m.save(.4 * (x @ m.matrix("lm_head.weight", V, D, 2).T), ids)
    factors = {"embed_tokens": 2.5, "lm_head": .4, "gate_proj": .7, "down_proj": .6, "k_proj": .3 * 1.1, "q_proj": 1.1,
               "v_proj": 1.1, "o_proj": 1.2, "out_proj": .9, "in_proj": 1.3}

    def change(name, values):
        if name.endswith("A_log"):
            return -np.exp(values).reshape(-1, 1)
        if name.endswith("mamba.D"):
            return values.reshape(-1, 1)
        if name.endswith("mamba.norm.weight"):
            return values.reshape(1, -1)
        if name.endswith("mamba.in_proj.weight"):
            values = values * np.repeat([.4, .5, .8, 1.25, .6], [24, 24, 6, 6, 3])[:, None]
        part = name.split(".")[-2]
        return values * factors.get(part, 1)

    p, b = "model.layers.{i}.", "blk.{i}."
    llama(m, "falcon-h1", {"attention.layer_norm_rms_epsilon": EPS, "attention.key_length": K, "context_length": 128,
                           "rope.freq_base": 1e11, "ssm.group_count": 1, "ssm.time_step_rank": 3, "ssm.state_size": 6,
                           "ssm.inner_size": 24}, [
        ("model.embed_tokens.weight", "token_embd.weight"), ("model.final_layernorm.weight", "output_norm.weight"),
        ("lm_head.weight", "output.weight"), (p + "input_layernorm.weight", b + "attn_norm.weight"),
        (p + "mamba.in_proj.weight", b + "ssm_in.weight"), (p + "mamba.conv1d.weight", b + "ssm_conv1d.weight"),
        (p + "mamba.conv1d.bias", b + "ssm_conv1d.bias"), (p + "mamba.dt_bias", b + "ssm_dt.bias"),
        (p + "mamba.A_log", b + "ssm_a"), (p + "mamba.D", b + "ssm_d"), (p + "mamba.norm.weight", b + "ssm_norm.weight"),
        (p + "mamba.out_proj.weight", b + "ssm_out.weight"), (p + "self_attn.q_proj.weight", b + "attn_q.weight"),
        (p + "self_attn.k_proj.weight", b + "attn_k.weight"), (p + "self_attn.v_proj.weight", b + "attn_v.weight"),
        (p + "self_attn.o_proj.weight", b + "attn_output.weight"), (p + "pre_ff_layernorm.weight", b + "ffn_norm"),
        (p + "feed_forward.gate_proj.weight", b + "ffn_gate.weight"),
        (p + "feed_forward.up_proj.weight", b + "ffn_up.weight"),
        (p + "feed_forward.down_proj.weight", b + "ffn_down.weight")], change)


def granite(name, seed, kinds, experts, turned):
    D, H, G, K, V, EPS, EMBEDDED, SCORES, ADDED, LOGITS = 16, 4, 2, 4, 40, 1e-5, 3.0, .3, .4, 2.5
    config = {"architectures": ["GraniteMoeHybridForCausalLM"], "model_type": "granitemoehybrid", "attention_bias": False,
              "attention_dropout": 0.0, "attention_multiplier": SCORES, "embedding_multiplier": EMBEDDED,
              "hidden_act": "silu", "hidden_size": D, "intermediate_size": 8, "layer_types": kinds,
              "logits_scaling": LOGITS, "mamba_chunk_size": 256, "mamba_conv_bias": True, "mamba_d_conv": 4,
              "mamba_d_head": 8, "mamba_d_state": 6, "mamba_expand": 2, "mamba_n_groups": 1, "mamba_n_heads": 4,
              "mamba_proj_bias": False, "max_position_embeddings": 128, "normalization_function": "rmsnorm",
              "num_attention_heads": H, "num_experts_per_tok": 2 if experts else 0, "num_hidden_layers": len(kinds),
              "num_key_value_heads": G, "num_local_experts": 4 if experts else 0,
              "position_embedding_type": "rope" if turned else "nope", "residual_multiplier": ADDED,
              "rms_norm_eps": EPS, "rope_scaling": None, "rope_theta": 10000, "shared_intermediate_size": 12,
              "tie_word_embeddings": True, "vocab_size": V}
    m, ids = Model(name, seed, config), tokens(seed, V)
    table = m.matrix("model.embed_tokens.weight", V, D, 2)
    x = table[ids] * EMBEDDED
    for i, kind in enumerate(kinds):
        p = f"model.layers.{i}."
        n = rms(x, m.draw(p + "input_layernorm.weight", D, .5, 1.5), EPS)
        if kind == "mamba":
            x = x + ADDED * mamba2(m, p + "mamba.", n, 4, 8, 6, 1, EPS)
        else:
            q = (n @ m.matrix(p + "self_attn.q_proj.weight", H * K, D, 2).T).reshape(TIME, H, K)
            k = (n @ m.matrix(p + "self_attn.k_proj.weight", G * K, D, 2).T).reshape(TIME, G, K)
            v = (n @ m.matrix(p + "self_attn.v_proj.weight", G * K, D).T).reshape(TIME, G, K)
            if turned:
                q, k = rope(q, 1e4, K), rope(k, 1e4, K)
            # Scores are multiplied by SCORES; what divides by the root of K does so no more.
            x = x + ADDED * (attend(q * SCORES * np.sqrt(K), k, v) @ m.matrix(p + "self_attn.o_proj.weight", D, H * K).T)
        n = rms(x, m.draw(p + "post_attention_layernorm.weight", D, .5, 1.5), EPS)
        both = m.matrix(p + "shared_mlp.input_linear.weight", 24, D)
        y = mlp(n, both[:12], both[12:], m.matrix(p + "shared_mlp.output_linear.weight", D, 12))
        if experts:
            p += "block_sparse_moe."
            logits = n @ m.matrix(p + "router.layer.weight", 4, D, 2).T
            both = m.put(p + "input_linear.weight", m.random.normal(size=(4, 16, D)) / 4, "BF16")
            down = m.put(p + "output_linear.weight", m.random.normal(size=(4, D, 8)) / 3, "BF16")
            for t in range(TIME):
                best = np.argsort(-logits[t])[:2]
                weights = np.exp(logits[t, best]) / np.exp(logits[t, best]).sum()
                for e, weight in zip(best, weights):
                    y[t] += weight * mlp(n[t], both[e, :8], both[e, 8:], down[e])
        x = x + ADDED * y
    x = rms(x, m.draw("model.norm.weight", D, .5, 1.5), EPS)
    m.save(x @ table.T / LOGITS, ids)

    for name, (both, held) in list(m.tensors.items()):
        if name.endswith("input_linear.weight"):
            half = both.shape[-2] // 2
            m.tensors[name + ".gate"], m.tensors[name + ".up"] = (both[..., :half, :], held), (both[..., half:, :], held)
    hybrid, p, b = "mamba" in kinds, "model.layers.{i}.", "blk.{i}."
    told = {"context_length": 128, "embedding_length": D, "block_count": len(kinds), "vocab_size": V,
            "feed_forward_length": 8 if experts else 12, "attention.head_count": H,
            "attention.head_count_kv": [G if kind == "attention" else 0 for kind in kinds] if hybrid else G,
            "attention.layer_norm_rms_epsilon": EPS, "rope.dimension_count": K, "rope.freq_base": 1e4,
            "attention.scale": SCORES, "embedding_scale": EMBEDDED, "residual_scale": ADDED, "logit_scale": LOGITS}
    if hybrid:
        told |= {"ssm.conv_kernel": 4, "ssm.inner_size": 32, "ssm.state_size": 6, "ssm.time_step_rank": 4,
                 "ssm.group_count": 1, "rope.scaling.finetuned": turned}
    if experts:
        told |= {"expert_count": 4, "expert_used_count": 2, "expert_shared_feed_forward_length": 12}

    def change(theirs, values):
        if theirs.endswith("A_log"):
            return -np.exp(values)[:, None]
        if theirs.endswith("mamba.D"):
            return values[:, None]
        if theirs.endswith("mamba.norm.weight"):
            return values[None, :]
        if turned and theirs.endswith(("q_proj.weight", "k_proj.weight")):  # what turns together, side by side
            heads = H if theirs.endswith("q_proj.weight") else G
            return values.reshape(heads, 2, K // 2, D).swapaxes(1, 2).reshape(values.shape)
        return values

    llama(m, "granitehybrid" if hybrid else "granite", told, [
        ("model.embed_tokens.weight", "token_embd.weight"), ("model.norm.weight", "output_norm.weight"),
        (p + "input_layernorm.weight", b + "attn_norm.weight"),
        (p + "mamba.in_proj.weight", b + "ssm_in.weight"), (p + "mamba.conv1d.weight", b + "ssm_conv1d.weight"),
        (p + "mamba.conv1d.bias", b + "ssm_conv1d.bias"), (p + "mamba.dt_bias", b + "ssm_dt.bias"),
        (p + "mamba.A_log", b + "ssm_a"), (p + "mamba.D", b + "ssm_d"),
        (p + "mamba.norm.weight", b + "ssm_norm.weight"), (p + "mamba.out_proj.weight", b + "ssm_out.weight"),
        (p + "self_attn.q_proj.weight", b + "attn_q.weight"), (p + "self_attn.k_proj.weight", b + "attn_k.weight"),
        (p + "self_attn.v_proj.weight", b + "attn_v.weight"), (p + "self_attn.o_proj.weight", b + "attn_output.weight"),
        (p + "post_attention_layernorm.weight", b + "ffn_norm.weight"),
        (p + "shared_mlp.input_linear.weight.gate", b + ("ffn_gate_shexp.weight" if experts else "ffn_gate.weight")),
        (p + "shared_mlp.input_linear.weight.up", b + ("ffn_up_shexp.weight" if experts else "ffn_up.weight")),
        (p + "shared_mlp.output_linear.weight", b + ("ffn_down_shexp.weight" if experts else "ffn_down.weight")),
        (p + "block_sparse_moe.router.layer.weight", b + "ffn_gate_inp.weight"),
        (p + "block_sparse_moe.input_linear.weight.gate", b + "ffn_gate_exps.weight"),
        (p + "block_sparse_moe.input_linear.weight.up", b + "ffn_up_exps.weight"),
        (p + "block_sparse_moe.output_linear.weight", b + "ffn_down_exps.weight")], change,
        moved=("q_proj.weight", "k_proj.weight"))


def bamba():
    D, H, G, K, V, F, EPS = 16, 2, 1, 8, 40, 24, 1e-5
    config = {"architectures": ["BambaForCausalLM"], "model_type": "bamba", "attention_dropout": 0.0,
              "attn_layer_indices": [1], "attn_rotary_emb": K // 2, "hidden_act": "silu", "hidden_size": D,
              "intermediate_size": F, "mamba_chunk_size": 256, "mamba_conv_bias": True, "mamba_d_conv": 4,
              "mamba_d_head": 8, "mamba_d_state": 6, "mamba_expand": 2, "mamba_n_groups": 2, "mamba_n_heads": 4,
              "mamba_proj_bias": False, "max_position_embeddings": 128, "num_attention_heads": H,
              "num_hidden_layers": 3, "num_key_value_heads": G, "num_logits_to_keep": 1, "rms_norm_eps": EPS,
              "rope_scaling": None, "rope_theta": 10000.0, "tie_word_embeddings": False, "vocab_size": V}
    m, ids = Model("bamba", 15, config), tokens(15, V)
    x = m.matrix("model.embed_tokens.weight", V, D, 2)[ids]
    for i in range(3):
        p = f"model.layers.{i}."
        n = rms(x, m.draw(p + "input_layernorm.weight", D, .5, 1.5), EPS)
        if i == 1:
            q = (n @ m.matrix(p + "self_attn.q_proj.weight", H * K, D, 2).T).reshape(TIME, H, K)
            k = (n @ m.matrix(p + "self_attn.k_proj.weight", G * K, D, 2).T).reshape(TIME, G, K)
            v = (n @ m.matrix(p + "self_attn.v_proj.weight", G * K, D).T).reshape(TIME, G, K)
            x = x + attend(rope(q, 1e4, K // 2), rope(k, 1e4, K // 2), v) @ m.matrix(p + "self_attn.o_proj.weight", D,
                                                                                 H * K).T
        else:
            x = x + mamba2(m, p + "mamba.", n, 4, 8, 6, 2, EPS, normed_groups=1)
        n = rms(x, m.draw(p + "pre_ff_layernorm.weight", D, .5, 1.5), EPS)
        x = x + mlp(n, m.matrix(p + "feed_forward.gate_proj.weight", F, D), m.matrix(p + "feed_forward.up_proj.weight", F, D),
                    m.matrix(p + "feed_forward.down_proj.weight", D, F))
    x = rms(x, m.draw("model.final_layernorm.weight", D, .5, 1.5), EPS)
    m.save(x @ m.matrix("lm_head.weight", V, D, 2).T, ids)


def jamba():
    D, H, G, K, V, F, E, N, R, EPS = 16, 2, 1, 8, 40, 24, 32, 6, 3, 1e-6
    attention, experts = (1,), (1, 3)
    config = {"architectures": ["JambaForCausalLM"], "model_type": "jamba", "attention_dropout": 0.0,
              "attn_layer_offset": 1, "attn_layer_period": 4, "expert_layer_offset": 1, "expert_layer_period": 2,
              "hidden_act": "silu", "hidden_size": D, "intermediate_size": F, "mamba_conv_bias": True,
              "mamba_d_conv": 4, "mamba_d_state": N, "mamba_dt_rank": R, "mamba_expand": 2, "mamba_proj_bias": False,
              "max_position_embeddings": 128, "num_attention_heads": H, "num_experts": 4, "num_experts_per_tok": 2,
              "num_hidden_layers": 4, "num_key_value_heads": G, "num_logits_to_keep": 1, "output_router_logits": False,
              "rms_norm_eps": EPS, "sliding_window": None, "tie_word_embeddings": False, "use_mamba_kernels": True,
              "vocab_size": V}
    m, ids = Model("jamba", 18, config), tokens(18, V)
    x = m.matrix("model.embed_tokens.weight", V, D, 2)[ids]
    for i in range(4):
        p = f"model.layers.{i}."
        n = rms(x, m.draw(p + "input_layernorm.weight", D, .5, 1.5), EPS)
        if i in attention:
            q = (n @ m.matrix(p + "self_attn.q_proj.weight", H * K, D, 2).T).reshape(TIME, H, K)
            k = (n @ m.matrix(p + "self_attn.k_proj.weight", G * K, D, 2).T).reshape(TIME, G, K)
            v = (n @ m.matrix(p + "self_attn.v_proj.weight", G * K, D).T).reshape(TIME, G, K)
            x = x + attend(q, k, v) @ m.matrix(p + "self_attn.o_proj.weight", D, H * K).T
        else:
            o = p + "mamba."
            both = n @ m.matrix(o + "in_proj.weight", 2 * E, D, 2).T
            u = silu(conv(both[:, :E], m.draw(o + "conv1d.weight", (E, 1, 4), -.5, .5), m.draw(o + "conv1d.bias", E, -.3, .3)))
            low, write, read = np.split(u @ m.matrix(o + "x_proj.weight", R + 2 * N, E).T, [R, R + N], -1)
            low = rms(low, m.draw(o + "dt_layernorm.weight", R, .5, 1.5), EPS)
            write = rms(write, m.draw(o + "b_layernorm.weight", N, .5, 1.5), EPS)
            read = rms(read, m.draw(o + "c_layernorm.weight", N, .5, 1.5), EPS)
            step = softplus(low @ m.matrix(o + "dt_proj.weight", E, R).T + m.draw(o + "dt_proj.bias", E, -4, -1))
            rates = -np.exp(m.draw(o + "A_log", (E, N), 0, 2))
            skip, states, y = m.draw(o + "D", E, .5, 1.5), np.zeros((E, N)), np.zeros((TIME, E))
            for t in range(TIME):
                states = np.exp(step[t][:, None] * rates) * states + (step[t] * u[t])[:, None] * write[t]
                y[t] = states @ read[t] + skip * u[t]
            x = x + (y * silu(both[:, E:])) @ m.matrix(o + "out_proj.weight", D, E).T
        n = rms(x, m.draw(p + "pre_ff_layernorm.weight", D, .5, 1.5), EPS)
        p += "feed_forward."
        if i in experts:
            scores = n @ m.matrix(p + "router.weight", 4, D, 2).T
            weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
            three = [[m.matrix(p + f"experts.{e}.{which}_proj.weight", *shape) for which, shape in
                      (("gate", (F, D)), ("up", (F, D)), ("down", (D, F)))] for e in range(4)]
            added = np.zeros_like(x)
            for t in range(TIME):
                for e in np.argsort(-weights[t])[:2]:
                    added[t] += weights[t, e] * mlp(n[t], *three[e])
            x = x + added
        else:
            x = x + mlp(n, m.matrix(p + "gate_proj.weight", F, D), m.matrix(p + "up_proj.weight", F, D),
                        m.matrix(p + "down_proj.weight", D, F))
    x = rms(x, m.draw("model.final_layernorm.weight", D, .5, 1.5), EPS)
    m.save(x @ m.matrix("lm_head.weight", V, D, 2).T, ids)

    p, b = "model.layers.{i}.", "blk.{i}."
    llama(m, "jamba", {
        "context_length": 128, "embedding_length": D, "block_count": 4, "vocab_size": V, "feed_forward_length": F,
        "attention.head_count": H, "attention.head_count_kv": [G if i in attention else 0 for i in range(4)],
        "attention.layer_norm_rms_epsilon": EPS, "ssm.conv_kernel": 4, "ssm.inner_size": E, "ssm.state_size": N,
        "ssm.time_step_rank": R, "expert_count": 4, "expert_used_count": 2}, [
        ("model.embed_tokens.weight", "token_embd.weight"), ("model.final_layernorm.weight", "output_norm.weight"),
        ("lm_head.weight", "output.weight"), (p + "input_layernorm.weight", b + "attn_norm.weight"),
        (p + "mamba.in_proj.weight", b + "ssm_in.weight"), (p + "mamba.conv1d.weight", b + "ssm_conv1d.weight"),
        (p + "mamba.conv1d.bias", b + "ssm_conv1d.bias"), (p + "mamba.x_proj.weight", b + "ssm_x.weight"),
        (p + "mamba.dt_layernorm.weight", b + "ssm_dt_norm.weight"),
        (p + "mamba.b_layernorm.weight", b + "ssm_b_norm.weight"),
        (p + "mamba.c_layernorm.weight", b + "ssm_c_norm.weight"),
        (p + "mamba.dt_proj.weight", b + "ssm_dt.weight"), (p + "mamba.dt_proj.bias", b + "ssm_dt.bias"),
        (p + "mamba.A_log", b + "ssm_a"), (p + "mamba.D", b + "ssm_d"),
        (p + "mamba.out_proj.weight", b + "ssm_out.weight"),
        (p + "self_attn.q_proj.weight", b + "attn_q.weight"), (p + "self_attn.k_proj.weight", b + "attn_k.weight"),
        (p + "self_attn.v_proj.weight", b + "attn_v.weight"), (p + "self_attn.o_proj.weight", b + "attn_output.weight"),
        (p + "pre_ff_layernorm.weight", b + "ffn_norm.weight"),
        (p + "feed_forward.gate_proj.weight", b + "ffn_gate.weight"),
        (p + "feed_forward.up_proj.weight", b + "ffn_up.weight"),
        (p + "feed_forward.down_proj.weight", b + "ffn_down.weight"),
        (p + "feed_forward.router.weight", b + "ffn_gate_inp.weight"),
        (p + "feed_forward.experts.{e}.gate_proj.weight", b + "ffn_gate_exps.weight"),
        (p + "feed_forward.experts.{e}.up_proj.weight", b + "ffn_up_exps.weight"),
        (p + "feed_forward.experts.{e}.down_proj.weight", b + "ffn_down_exps.weight")],
        lambda name, values: -np.exp(values) if name.endswith("A_log") else values)


def unit(x):
    return x / np.sqrt(np.sum(x * x, -1, keepdims=True) + 1e-6)


def scan(q, k, v, g, beta=None):
    """S <- e^g S, then S + k v^T, or with a rate S + k (beta (v - S^T k))^T; reads S^T q. g [T,H,K or 1]."""
    state, read = np.zeros((q.shape[1], q.shape[2], v.shape[2])), np.zeros_like(v)
    for t in range(len(q)):
        state = np.exp(g[t])[:, :, None] * state
        written = v[t] if beta is None else beta[t][:, None] * (v[t] - np.einsum("hkv,hk->hv", state, k[t]))
        state = state + k[t][:, :, None] * written[:, None, :]
        read[t] = np.einsum("hkv,hk->hv", state, q[t])
    return read


def heads_of(x, heads):
    return x.reshape(len(x), heads, -1)


def flash_delta(m, a, n, D, H, G, K, V, eps, gated, decays, products=1):
    streams = []
    for name, width in (("q", G * K), ("k", products * G * K), ("v", products * H * V)):
        rows = n @ m.matrix(a + name + "_proj.weight", width, D, 2).T
        streams.append(silu(conv(rows, m.draw(a + name + "_conv1d.weight", (width, 1, 4), -.6, .6))))
    turn = TIME * products
    q, k = (np.repeat(unit(x.reshape(-1, G, K)), H // G, 1) for x in streams[:2])
    beta = sigmoid(n @ m.matrix(a + "b_proj.weight", products * H, D, 2).T) * (2 if not decays or products > 1 else 1)
    g = np.zeros((TIME, H, 1))
    if decays:
        rate = np.exp(m.draw(a + "A_log", H, -1, 1))
        step = softplus(n @ m.matrix(a + "a_proj.weight", H, D, 2).T + m.draw(a + "dt_bias", H, -4, -1))
        g = (-rate * step)[:, :, None]
    # A position decays before its first write and reads after its last.
    asked, lost = np.zeros((turn, H, K)), np.zeros((turn, H, 1))
    asked[products - 1::products], lost[::products] = q / np.sqrt(K), g
    y = scan(asked, k, streams[2].reshape(turn, H, V), lost, beta.reshape(turn, H))[products - 1::products]
    y = rms(y, m.draw(a + "o_norm.weight", V, .5, 1.5), eps).reshape(TIME, H * V)
    if gated:
        y = y * silu(n @ m.matrix(a + "g_proj.weight", H * V, D).T)
    return y


def flash(kind, seed, fused=False, **options):
    """The models of flash-linear-attention: a mixer and a SwiGLU layer, norms in front of both."""
    D, V, F, EPS, L = 16, 40, 24, 1e-6, 3
    config = {"architectures": [kind], "model_type": kind, "attn": None, "hidden_act": "swish", "hidden_size": D,
              "max_position_embeddings": 128, "norm_eps": EPS, "num_hidden_layers": L, "tie_word_embeddings": False,
              "vocab_size": V} | options
    m, ids = Model("flash-" + kind.replace("_", "-"), seed, config), tokens(seed, V)
    x = m.matrix("model.embeddings.weight", V, D, 2)[ids]
    if kind == "hgrn2":
        bounds = m.draw("model.lower_bounds", (L, D), -1.5, 1.5)
        share = np.exp(bounds) / np.exp(bounds).sum(0)
        bounds = np.cumsum(share, 0) - share[0]
    for i in range(L):
        p = f"model.layers.{i}."
        a = p + "attn."
        n = rms(x, m.draw(p + "attn_norm.weight", D, .5, 1.5), EPS)
        if kind == "gla":
            H, K = 2, 4
            q, k = (heads_of(n @ m.matrix(a + name, H * K, D, 2).T, H) for name in ("q_proj.weight", "k_proj.weight"))
            v = heads_of(n @ m.matrix(a + "v_proj.weight", D, D).T, H)
            z = n @ m.matrix(a + "gk_proj.0.weight", 5, D, 4).T @ m.matrix(a + "gk_proj.1.weight", H * K, 5, 4).T
            g = -softplus(-z - m.draw(a + "gk_proj.1.bias", H * K, -3, 1)) / 16
            y = rms(scan(q / np.sqrt(K), k, v, heads_of(g, H)), m.draw(a + "g_norm_swish_gate.weight", D // H, .5, 1.5), EPS)
            y = y.reshape(TIME, D) * silu(n @ m.matrix(a + "g_proj.weight", D, D).T)
        elif kind == "retnet":
            H, K = 2, 8
            q, k = (rope(heads_of(n @ m.matrix(a + name, D, D, 2).T, H), 1e4, K) for name in ("q_proj.weight", "k_proj.weight"))
            v = heads_of(n @ m.matrix(a + "v_proj.weight", 2 * D, D).T, H)
            g = np.broadcast_to(np.log(1 - 2. ** (-5 - np.arange(H)))[None, :, None], (TIME, H, 1))
            y = rms(scan(q / np.sqrt(K), k, v, g), m.draw(a + "g_norm_swish_gate.weight", 2 * D // H, .5, 1.5), EPS)
            y = y.reshape(TIME, 2 * D) * silu(n @ m.matrix(a + "g_proj.weight", 2 * D, D).T)
        elif kind == "hgrn2":
            q = silu(n @ m.matrix(a + "q_proj.weight", D, D, 2).T)
            forget = sigmoid(n @ m.matrix(a + "f_proj.weight", D, D, 2).T)
            forget = bounds[i] + (1 - bounds[i]) * forget
            v = n @ m.matrix(a + "i_proj.weight", D, D).T
            H = D // options["expand_ratio"]
            y = scan(*(heads_of(part, H) for part in (q, 1 - forget, v, np.log(forget)))).reshape(TIME, D)
            y = rms(y, m.draw(a + "g_norm.weight", D, .5, 1.5), EPS)
        elif kind == "delta_net":
            y = flash_delta(m, a, n, D, 2, 2, 8, 8, EPS, False, False)
        elif kind == "gated_deltanet":
            y = flash_delta(m, a, n, D, 4, 2, 6, 12, EPS, True, True)
        else:
            y = flash_delta(m, a, n, D, 2, 2, 6, 8, EPS, True, True, options["num_householder"])
        x = x + y @ m.matrix(a + "o_proj.weight", D, y.shape[1]).T
        n = rms(x, m.draw(p + "mlp_norm.weight", D, .5, 1.5), EPS)
        if fused:
            gate, up = np.split(m.matrix(p + "mlp.gate_proj.weight", 2 * F, D), 2)
        else:
            gate, up = m.matrix(p + "mlp.gate_proj.weight", F, D), m.matrix(p + "mlp.up_proj.weight", F, D)
        x = x + mlp(n, gate, up, m.matrix(p + "mlp.down_proj.weight", D, F))
    x = rms(x, m.draw("model.norm.weight", D, .5, 1.5), EPS)
    m.save(x @ m.matrix("lm_head.weight", V, D, 2).T, ids)


def xlstm_fused():
    """xLSTM with fused weights, and epsilons that differ."""
    D, H, K, V, F, L, EPS, NORM = 16, 2, 4, 40, 24, 2, 1e-2, 1e-3
    config = {"architectures": ["xLSTMForCausalLM"], "model_type": "xlstm", "eps": EPS, "ffn_proj_factor": 1.5,
              "gate_soft_cap": 15.0, "hidden_size": D, "norm_eps": NORM, "num_heads": H, "num_hidden_layers": L,
              "output_logit_soft_cap": 30.0, "qk_dim_factor": 0.5, "tie_word_embeddings": False, "vocab_size": V,
              "weight_mode": "fused"}
    m, ids = Model("xlstm-fused", 22, config), tokens(22, V)
    x = m.matrix("backbone.embeddings.weight", V, D, 2)[ids]
    for layer in range(L):
        p = f"backbone.blocks.{layer}."
        n = rms(x, m.draw(p + "norm_mlstm.weight", D, .5, 1.5), NORM)
        a = p + "mlstm_layer."
        q, k, v, o = np.split(n @ m.matrix(a + "qkv_opreact.weight", 2 * (H * K + D), D, 2).T,
                              [H * K, 2 * H * K, 2 * H * K + D], 1)
        gates = n @ m.matrix(a + "ifgate_preact.weight", 2 * H, D, 2).T + m.draw(a + "ifgate_preact.bias", 2 * H, -2, 2)
        i, f = np.split(15 * np.tanh(gates / 15), 2, 1)
        q, k, v = heads_of(q, H) / np.sqrt(K), heads_of(k, H), heads_of(v, H)
        state, sums, largest, read = np.zeros((H, K, D // H)), np.zeros((H, K)), np.zeros(H), np.zeros_like(v)
        for t in range(TIME):
            kept = -softplus(-f[t]) + largest
            largest = np.maximum(kept, i[t])
            old, new = np.exp(kept - largest)[:, None], np.exp(i[t] - largest)[:, None]
            state = old[:, :, None] * state + (new * k[t])[:, :, None] * v[t][:, None, :]
            sums = old * sums + new * k[t]
            divisor = np.maximum(np.abs((sums * q[t]).sum(-1)), np.exp(-largest)) + EPS
            read[t] = np.einsum("hkv,hk->hv", state, q[t]) / divisor[:, None]
        read = (read - read.mean(-1, keepdims=True)) / np.sqrt(read.var(-1, keepdims=True) + NORM)
        read = read.reshape(TIME, D) * m.draw(a + "multihead_norm.weight", D, .5, 1.5)
        x = x + (sigmoid(o) * read) @ m.matrix(a + "out_proj.weight", D, D).T
        n = rms(x, m.draw(p + "norm_ffn.weight", D, .5, 1.5), NORM)
        gate, up = np.split(m.matrix(p + "ffn.proj_up_gate_z.weight", 2 * F, D), 2)
        x = x + mlp(n, gate, up, m.matrix(p + "ffn.proj_down.weight", D, F))
    x = rms(x, m.draw("backbone.out_norm.weight", D, .5, 1.5), NORM)
    logits = x @ m.matrix("lm_head.weight", V, D, 2).T
    m.save(30 * np.tanh(logits / 30), ids)


if __name__ == "__main__":
    striped_hyena()
    lfm2()
    qwen("qwen3-next", 3, "qwen3_next", "model.", True, False, True)
    qwen("qwen3-5", 4, "qwen3_5_text", "model.language_model.", False, False, False)
    qwen("qwen3-5-moe", 5, "qwen3_5_moe_text", "model.language_model.", False, True, True)
    nemotron_h()
    falcon_h1("falcon-h1", 7, False)
    falcon_h1("falcon-h1-normed", 8, True)
    lfm2("lfm2-yarn", 9, 12, 100.0, (4.0, 64, 8.0, 1.0))
    slowed_lfm2()
    granite("granite-h", 13, ["mamba", "attention"], False, False)
    granite("granite-h-moe", 14, ["mamba", "attention"], True, False)
    bamba()
    granite("granite", 16, ["attention", "attention"], False, True)
    jamba()
    flash("gla", 17, fused=True)
    flash("delta_net", 18, allow_neg_eigval=True)
    flash("gated_deltanet", 19, head_dim=6, num_heads=2, num_v_heads=4)
    flash("hgrn2", 20, expand_ratio=8)
    flash("retnet", 21)
    flash("gated_deltaproduct", 23, num_householder=3, allow_neg_eigval=True)
    xlstm_fused()
