"""Small random models of every Llama kind, written as GGUF and as Hugging Face folders with the PyPI packages gguf and
safetensors. For tests/model_files_test.py and tools/oracle/hf_folders.py; the same seed gives the same values."""

import dataclasses
import json
import math

import gguf
import numpy as np
from gguf.quants import dequantize, quantize
from safetensors import TensorSpec, serialize_file
from tiny_model import byte_letters

LINEARS = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "gate_proj": "ffn_gate", "up_proj": "ffn_up",
           "down_proj": "ffn_down"}  # fmt: skip
ROPE_KINDS = ("none", "linear", "dynamic", "llama3", "yarn", "factors")  # RopeScaling::Kind
# Bytes of a block and where its float16 scales stand: blocks that gguf decodes but cannot encode.
RANDOM_ONLY = {"Q5_0": (22, [0]), "Q5_1": (24, [0, 2]), "Q2_K": (84, [80, 82]), "Q3_K": (110, [108]), "Q4_K": (144, [0, 2]), "Q5_K": (176, [0, 2]),
               "Q6_K": (210, [208])}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Shape:
    hidden: int = 64
    ffn: int = 96
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 16
    vocab: int = 260
    positions: int = 128
    theta: float = 10000.0
    eps: float = 1e-5
    tied: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False
    window: int = 0
    rope: tuple = ()  # items of Hugging Face's rope_scaling


def weights(shape, seed):
    """Hugging Face's names and values, in the order of faqsmith's for_each_tensor."""
    rng = np.random.default_rng(seed)
    sizes = {"q_proj": (shape.heads * shape.head_dim, shape.hidden), "k_proj": (shape.kv_heads * shape.head_dim, shape.hidden),
             "v_proj": (shape.kv_heads * shape.head_dim, shape.hidden), "o_proj": (shape.hidden, shape.heads * shape.head_dim),
             "gate_proj": (shape.ffn, shape.hidden), "up_proj": (shape.ffn, shape.hidden), "down_proj": (shape.hidden, shape.ffn)}  # fmt: skip
    out = {}

    def add(name, *size):
        out[name] = (rng.standard_normal(size) * 0.05 + (1 if name.endswith("norm.weight") else 0)).astype(np.float32)

    def add_linear(layer, name, part, bias):
        add(f"model.layers.{layer}.{part}.{name}.weight", *sizes[name])
        if bias:
            add(f"model.layers.{layer}.{part}.{name}.bias", sizes[name][0])

    add("model.embed_tokens.weight", shape.vocab, shape.hidden)
    for i in range(shape.layers):
        add(f"model.layers.{i}.input_layernorm.weight", shape.hidden)
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            add_linear(i, name, "self_attn", shape.attention_bias)
        add(f"model.layers.{i}.post_attention_layernorm.weight", shape.hidden)
        for name in ("gate_proj", "up_proj", "down_proj"):
            add_linear(i, name, "mlp", shape.mlp_bias)
    add("model.norm.weight", shape.hidden)
    if not shape.tied:
        add("lm_head.weight", shape.vocab, shape.hidden)
    return out


def in_order(values):
    return b"".join(np.ascontiguousarray(v, dtype=np.float32).tobytes() for v in values.values())


def gguf_name(name):
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
    if name in whole:
        return whole[name]
    _, _, layer, *module, part = name.split(".")
    suffix = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", **LINEARS}[module[-1]]
    return f"blk.{layer}.{suffix}.{part}"


def heads_of(name, shape):
    return shape.heads if "q_proj" in name else shape.kv_heads if "k_proj" in name else 0


def to_gguf_rows(name, values, shape):
    """llama.cpp's own permutation (convert_hf_to_gguf.py, LlamaModel.permute), of biases too."""
    heads = heads_of(name, shape)
    if not heads:
        return values
    return values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def to_hf_rows(name, values, shape):
    heads = heads_of(name, shape)
    if not heads:
        return values
    return values.reshape(heads, values.shape[0] // heads // 2, 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def tokens(shape):
    return ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *byte_letters().values(), *(f"th{i}" if i else "th" for i in range(shape.vocab - 259))]


def encoded(values, kind, rng):
    """Blocks of a kind and what gguf decodes them to; random blocks where gguf cannot encode."""
    if kind.name not in RANDOM_ONLY:
        blocks = quantize(values, kind)
    else:
        size, places = RANDOM_ONLY[kind.name]
        per_block = gguf.GGML_QUANT_SIZES[kind][0]
        blocks = rng.integers(0, 256, (values.size // per_block, size), dtype=np.uint8)
        for place in places:
            scales = (rng.standard_normal((len(blocks), 1)) * 1e-3).astype(np.float16)
            blocks[:, place : place + 2] = scales.view(np.uint8)
        blocks = blocks.reshape(values.shape[0], -1)
    return blocks, dequantize(blocks, kind).astype(np.float32).reshape(values.shape)


def write_gguf(path, shape, values, kind="F32", keys=lambda writer: None, skip=(), extra=(), split_tensors=0):
    """Returns the values as a reader should see them. skip: GGUF names that are left out; extra: (name, array) more."""
    kind = gguf.GGMLQuantizationType[kind]
    rng = np.random.default_rng(3)
    writer = gguf.GGUFWriter(path, "llama", split_max_tensors=split_tensors)
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.positions)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_freq_base(shape.theta)
    writer.add_layer_norm_rms_eps(shape.eps)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens(shape))
    writer.add_token_types([3] * 3 + [1] * (shape.vocab - 3))
    writer.add_token_merges(["t h"])
    writer.add_eos_token_id(2)
    keys(writer)
    seen = {}
    for name, exact in values.items():
        if gguf_name(name) in skip:
            seen[name] = np.zeros_like(exact)
            continue
        rows = np.ascontiguousarray(to_gguf_rows(name, exact, shape))
        if rows.ndim == 1 or kind == gguf.GGMLQuantizationType.F32:
            writer.add_tensor(gguf_name(name), rows)
        elif kind == gguf.GGMLQuantizationType.F16:
            writer.add_tensor(gguf_name(name), rows.astype(np.float16))
            rows = rows.astype(np.float16).astype(np.float32)
        else:
            blocks, rows = encoded(rows, kind, rng)
            writer.add_tensor(gguf_name(name), blocks, raw_dtype=kind)
        seen[name] = to_hf_rows(name, rows, shape)
    for name, array in extra:
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return seen


def as_bf16(values):
    """To nearest even, as uint16."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def narrowed(values, dtype):
    """What stands in a file and the values that a reader sees."""
    if dtype == "bfloat16":
        bits = as_bf16(values)
        return bits, from_bf16(bits)
    narrow = np.ascontiguousarray(values.astype(np.dtype(dtype)))
    return narrow, narrow.astype(np.float32)


def write_safetensors(path, values, dtypes):
    entries, stored, seen = {}, {}, {}
    for name, exact in values.items():
        stored[name], seen[name] = narrowed(exact, dtypes[name])  # stored: the addresses below stay valid
        entries[name] = TensorSpec(dtype=dtypes[name], shape=exact.shape, data_ptr=stored[name].ctypes.data, data_len=stored[name].nbytes)
    serialize_file(entries, path, {"format": "pt"})
    return seen


def config_json(shape, generation):
    """As transformers 4 or 5 writes it."""
    mistral = shape.window > 0
    config = {"architectures": ["MistralForCausalLM" if mistral else "LlamaForCausalLM"], "model_type": "mistral" if mistral else "llama",
              "hidden_size": shape.hidden, "intermediate_size": shape.ffn, "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads,
              "num_key_value_heads": shape.kv_heads, "vocab_size": shape.vocab, "max_position_embeddings": shape.positions,
              "rms_norm_eps": shape.eps, "hidden_act": "silu", "tie_word_embeddings": shape.tied, "_name_or_path": "team/small"}  # fmt: skip
    if shape.head_dim * shape.heads != shape.hidden or generation == 5:
        config["head_dim"] = shape.head_dim
    if generation == 4:
        config |= {"rope_theta": shape.theta, "rope_scaling": dict(shape.rope) or None}
    else:
        config["rope_parameters"] = {"rope_theta": shape.theta, "rope_type": "default", **dict(shape.rope)}
    config |= {"sliding_window": shape.window} if mistral else {"attention_bias": shape.attention_bias, "mlp_bias": shape.mlp_bias}
    return config


def write_tokenizer(folder, shape):
    names = tokens(shape)
    added = [{"id": i, "content": names[i], "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for i in range(3)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    pre = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
             "byte_fallback": False, "vocab": {name: i for i, name in enumerate(names)}, "merges": ["t h"]}  # fmt: skip
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "pre_tokenizer": pre,
             "post_processor": None, "decoder": byte_level, "model": model}  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(whole, ensure_ascii=False), encoding="utf8")
    config = {"eos_token": "<|im_end|>", "bos_token": {"content": "<|im_start|>"}, "chat_template": "{{ messages }}"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def write_folder(folder, shape, values, dtype="float32", shards=1, generation=5):
    """dtype may be "mixed". Returns the values as a reader should see them."""
    folder.mkdir()
    kinds = ("float32", "bfloat16", "float16")
    dtypes = {name: kinds[i % 3] if dtype == "mixed" else dtype for i, name in enumerate(values)}
    (folder / "config.json").write_text(json.dumps(config_json(shape, generation), indent=2))
    write_tokenizer(folder, shape)
    if shards == 1:
        return write_safetensors(folder / "model.safetensors", values, dtypes)
    seen, where, names = {}, {}, list(values)
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: values[name] for name in names[shard::shards]}  # any tensor may be anywhere
        seen |= write_safetensors(folder / file, part, dtypes)
        where |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": sum(v.nbytes for v in values.values())}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    return {name: seen[name] for name in names}


def llama3_factors(shape):
    """llama.cpp's rope_freqs.weight (convert_hf_to_gguf.py, LlamaModel.generate_extra_tensors)."""
    rope = dict(shape.rope)
    factor, low, high, context = (rope[k] for k in ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"))
    out = []
    for i in range(0, shape.head_dim, 2):
        wave = 2 * math.pi * shape.theta ** (i / shape.head_dim)
        if wave < context / high:
            out.append(1)
        elif wave > context / low:
            out.append(factor)
        else:
            smooth = (context / wave - low) / (high - low)
            out.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(out, dtype=np.float32)


def expected_shape(shape):
    """What src/model/interchange_test.cc says that it read."""
    rope = dict(shape.rope)
    kind = rope.get("rope_type", rope.get("type", "none"))
    llama3, yarn = kind == "llama3", kind == "yarn"
    original = rope["original_max_position_embeddings"] if llama3 else rope.get("original_max_position_embeddings", shape.positions) if yarn else 0
    numbers = [ROPE_KINDS.index(kind), rope.get("factor", 1.0), original, rope.get("low_freq_factor", 1.0), rope.get("high_freq_factor", 4.0),
               rope.get("beta_fast", 32.0), rope.get("beta_slow", 1.0), rope.get("attention_factor", 0.0), rope.get("truncate", True),
               rope.get("factors", [])]  # fmt: skip
    return {"heads": shape.heads, "kv_heads": shape.kv_heads, "head_dim": shape.head_dim, "positions": shape.positions, "theta": shape.theta,
            "eps": shape.eps, "tied": shape.tied, "attention_bias": shape.attention_bias, "mlp_bias": shape.mlp_bias, "window": shape.window,
            "rope": numbers}  # fmt: skip


def same(a, b):
    """Numbers by their float32."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b if isinstance(a, (bool, str)) else np.float32(a) == np.float32(b)
