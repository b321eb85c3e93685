"""A transformers LlamaForCausalLM in float32 with exactly the values of a GGUF file.

Numbers come from the PyPI package gguf, rows of Q and K are put back into Hugging Face's order; transformers' own GGUF
loader is not used (it drops a step of SmolLM's tokenizer and is slow).
"""

import gguf
import numpy as np
import torch
from gguf.quants import dequantize
from transformers import LlamaConfig, LlamaForCausalLM

LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
WHOLE_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}


def hf_name(name):
    if name in WHOLE_NAMES:
        return WHOLE_NAMES[name]
    _, layer, kind, _ = name.split(".")
    return f"model.layers.{layer}.{LAYER_NAMES[kind]}.weight"


def hf_rows(values, heads):
    rows, columns = values.shape
    return values.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def load(path):
    reader = gguf.GGUFReader(path)
    field = {key: value.contents() for key, value in reader.fields.items() if not key.startswith("tokenizer.ggml.")}
    heads = field["llama.attention.head_count"]
    kv_heads = field.get("llama.attention.head_count_kv", heads)
    state = {}
    for tensor in reader.tensors:
        values = np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        values = values.reshape([int(d) for d in reversed(tensor.shape)])
        if ".attn_q." in tensor.name:
            values = hf_rows(values, heads)
        if ".attn_k." in tensor.name:
            values = hf_rows(values, kv_heads)
        state[hf_name(tensor.name)] = torch.from_numpy(np.ascontiguousarray(values))
    tied = "lm_head.weight" not in state
    embedding = state["model.embed_tokens.weight"]
    config = LlamaConfig(
        vocab_size=embedding.shape[0],
        hidden_size=embedding.shape[1],
        intermediate_size=field["llama.feed_forward_length"],
        num_hidden_layers=field["llama.block_count"],
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=field["llama.context_length"],
        rms_norm_eps=field["llama.attention.layer_norm_rms_epsilon"],
        rope_theta=field.get("llama.rope.freq_base", 10000.0),
        tie_word_embeddings=tied,
    )
    model = LlamaForCausalLM(config).float().eval()
    if tied:
        state["lm_head.weight"] = embedding
    model.load_state_dict(state)
    return model
