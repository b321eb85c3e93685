"""Writes a Llama-shaped Hugging Face folder of seeded random weights in bf16, in shards, a few megabytes at a time: as large as
the disk allows, in little memory. Tokenizer: byte-level BPE learned from a text (tiny_model.py), with ChatML. The same seed gives
the same bytes.

Usage: large_model.py FOLDER TEXT_FILE SHAPE, where SHAPE is a name of SHAPES.
"""

import dataclasses
import json
import struct
import sys
from pathlib import Path

import numpy as np
import tiny_model

SHARD_BYTES = 5 << 30
PIECE_VALUES = 1 << 22


@dataclasses.dataclass(frozen=True)
class Shape:
    hidden: int
    ffn: int
    layers: int
    heads: int
    kv_heads: int
    vocab: int


SHAPES = {
    "llama2-7b": Shape(hidden=4096, ffn=11008, layers=32, heads=32, kv_heads=32, vocab=32000),
    "tinyllama-1b": Shape(hidden=2048, ffn=5632, layers=22, heads=32, kv_heads=4, vocab=32000),
    "50m": Shape(hidden=640, ffn=1728, layers=10, heads=10, kv_heads=5, vocab=4096),
}


def tensors(shape):
    """Name and [rows, columns] of each, in the order of the layers."""
    kv = shape.hidden // shape.heads * shape.kv_heads
    yield "model.embed_tokens.weight", (shape.vocab, shape.hidden)
    for i in range(shape.layers):
        layer = f"model.layers.{i}"
        yield f"{layer}.input_layernorm.weight", (shape.hidden,)
        for name, rows, columns in (("q_proj", shape.hidden, shape.hidden), ("k_proj", kv, shape.hidden), ("v_proj", kv, shape.hidden), ("o_proj", shape.hidden, shape.hidden)):
            yield f"{layer}.self_attn.{name}.weight", (rows, columns)
        yield f"{layer}.post_attention_layernorm.weight", (shape.hidden,)
        for name, rows, columns in (("gate_proj", shape.ffn, shape.hidden), ("up_proj", shape.ffn, shape.hidden), ("down_proj", shape.hidden, shape.ffn)):
            yield f"{layer}.mlp.{name}.weight", (rows, columns)
    yield "model.norm.weight", (shape.hidden,)
    yield "lm_head.weight", (shape.vocab, shape.hidden)


def bytes_of(dims):
    return 2 * int(np.prod(dims))


def shards_of(shape):
    shards = [[]]
    for name, dims in tensors(shape):
        if shards[-1] and sum(bytes_of(d) for _, d in shards[-1]) + bytes_of(dims) > SHARD_BYTES:
            shards.append([])
        shards[-1].append((name, dims))
    return shards


def write_values(file, dims, rng, norm):
    left = int(np.prod(dims))
    while left:
        n = min(left, PIECE_VALUES)
        values = np.ones(n, np.float32) if norm else 0.02 * rng.standard_normal(n, dtype=np.float32)
        file.write((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
        left -= n


def write_shard(path, shard, rng):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, dims in shard:
        header[name] = {"dtype": "BF16", "shape": list(dims), "data_offsets": [at, at + bytes_of(dims)]}
        at += bytes_of(dims)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, dims in shard:
            write_values(file, dims, rng, norm=name.endswith("norm.weight"))


def write_tokenizer(folder, text):
    merges = tiny_model.learn_merges(text, tiny_model.N_MERGES)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    words = [*special, *tiny_model.byte_letters().values(), *dict.fromkeys("".join(m) for m in merges)]
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for i, t in enumerate(special)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, byte_level]},
        "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "vocab": {w: i for i, w in enumerate(words)}, "merges": [" ".join(m) for m in merges]},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    config = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "unk_token": None, "chat_template": tiny_model.CHAT_TEMPLATE,
              "add_bos_token": False}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def write_folder(folder, text, shape, seed=7):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.Generator(np.random.SFC64(seed))
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": shape.hidden,
        "intermediate_size": shape.ffn, "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads, "vocab_size": shape.vocab, "max_position_embeddings": 4096, "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    write_tokenizer(folder, text)
    shards = shards_of(shape)
    names = [f"model-{i + 1:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
    for name, shard in zip(names, shards):
        write_shard(folder / name, shard, rng)
    places = {tensor: name for name, shard in zip(names, shards) for tensor, _ in shard}
    total = sum(bytes_of(dims) for _, dims in tensors(shape))
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return total


def write_pairs(path):
    """Questions and answers for a few steps of training, as `faqsmith import` takes them."""
    rows = [{"question": f"How often is plant {i} watered?", "answer": f"Plant {i} is watered every {3 + i % 7} days, in winter half as often."} for i in range(24)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    print(write_folder(Path(sys.argv[1]), Path(sys.argv[2]).read_text(), SHAPES[sys.argv[3]]), "bytes of weights")
