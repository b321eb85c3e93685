"""Hugging Face folders against transformers, both ways.

    python tools/oracle/hf_folders.py --tests build/release/model_test

1. transformers writes seeded small models (save_pretrained: tied and untied, biases, heads of their own size, each RoPE
   scaling, Mistral with a window; float32, float16 and bfloat16; one file and shards); faqsmith reads each, bit for bit.
2. faqsmith writes each again in bf16 shards; transformers loads that without a missing or unexpected tensor, with the values
   rounded to nearest even, the same rotary frequencies and a tokenizer.
3. faqsmith writes each again as GGUF; llama.cpp (PyPI: xllamacpp) gives the next token of a long prompt the same
   log-probabilities as transformers: it understands the biases and the words for each RoPE scaling. Not where it has no words
   (YaRN that does not round) or ignores them (sliding windows in its "llama" architecture).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import model_writers as models  # noqa: E402
import llama_cpp  # noqa: E402

LLAMA_CPP_BOUND = 1e-4  # natural logarithm, of the 8 likeliest tokens; without the scaling they are off by 0.3 to 1.7

SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 260,
         "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}  # fmt: skip
LLAMA3 = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}
KINDS = {  # name: (settings, dtype, shards)
    "untied": ({}, torch.float32, False),
    "tied_sharded": ({"tie_word_embeddings": True}, torch.bfloat16, True),
    "attention_bias": ({"attention_bias": True}, torch.float16, False),
    "mlp_bias": ({"mlp_bias": True}, torch.bfloat16, True),
    "wide_heads": ({"head_dim": 24}, torch.float32, False),
    "linear": ({"rope_parameters": {"rope_theta": 10000.0, "rope_type": "linear", "factor": 2.5}}, torch.float32, False),
    "dynamic": ({"rope_parameters": {"rope_theta": 10000.0, "rope_type": "dynamic", "factor": 2.0}}, torch.float32, False),
    "llama3": ({"rope_parameters": {"rope_theta": 500000.0, **LLAMA3}}, torch.bfloat16, True),
    "yarn": ({"rope_parameters": {"rope_theta": 10000.0, **YARN}}, torch.float32, False),
    "yarn_all": ({"rope_parameters": {"rope_theta": 10000.0, **YARN, "beta_fast": 20.0, "beta_slow": 0.5, "attention_factor": 0.875, "truncate": False}},
                 torch.float32, False),
    "yarn_mscale": ({"rope_parameters": {"rope_theta": 10000.0, **YARN, "mscale": 1.0, "mscale_all_dim": 0.8}}, torch.float32, False),
    "mistral": ({"sliding_window": 48}, torch.bfloat16, True),
    "mistral_without_window": ({"sliding_window": None}, torch.float32, False),
}  # fmt: skip


def make(name, settings, dtype):
    """The model, and its rotary frequencies before they are rounded to dtype with it."""
    torch.manual_seed(sum(map(ord, name)))
    mistral = "sliding_window" in settings
    config = (MistralConfig if mistral else LlamaConfig)(**SIZES, **settings)
    model = (MistralForCausalLM if mistral else LlamaForCausalLM)(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)  # biases and norms too
        for layer in model.model.layers:  # attention that is far from even, so that places matter
            layer.self_attn.q_proj.weight.mul_(6)
            layer.self_attn.k_proj.weight.mul_(6)
    frequencies = rotary(model)
    return model.to(dtype).eval(), frequencies


def values_of(model):
    """In faqsmith's order: within each layer as transformers declares them, norms before what they feed."""
    state = {name: tensor for name, tensor in model.state_dict().items() if "rotary" not in name}
    if model.config.tie_word_embeddings:
        state.pop("lm_head.weight", None)

    def place(name):
        parts = name.split(".")
        if not name.startswith("model.layers."):
            return {"model.embed_tokens.weight": (0,), "model.norm.weight": (2,), "lm_head.weight": (3,)}[name]
        order = ("input_layernorm", "q_proj", "k_proj", "v_proj", "o_proj", "post_attention_layernorm", "gate_proj", "up_proj", "down_proj")
        return (1, int(parts[2]), order.index(parts[-2]), parts[-1] == "bias")

    return {name: state[name].float().numpy() for name in sorted(state, key=place)}


def rotary(model):
    embedding = model.model.rotary_emb
    return embedding.inv_freq.float().numpy(), float(embedding.attention_scaling)


def check_again(copy, model, frequencies, values):
    again, info = AutoModelForCausalLM.from_pretrained(copy, dtype=torch.float32, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], (copy, info)
    window = getattr(model.config, "sliding_window", None)
    assert type(again) is (MistralForCausalLM if window else LlamaForCausalLM), copy  # without a window both compute the same
    for name, rounded in values_of(again).items():
        assert np.array_equal(rounded, models.from_bf16(models.as_bf16(values[name])).reshape(rounded.shape)), (copy, name)
    (theirs, scale), (ours, our_scale) = frequencies, rotary(again)
    assert np.allclose(theirs, ours, rtol=1e-6) and abs(scale - our_scale) < 1e-6, (copy, theirs, ours, scale, our_scale)
    tokenizer = AutoTokenizer.from_pretrained(copy)
    names = models.tokens(models.Shape())
    assert tokenizer("th").input_ids == [names.index("th")] and tokenizer.convert_ids_to_tokens(range(len(names))) == names, copy
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.chat_template) == (1, 2, "{{ messages }}"), copy
    for key in ("sliding_window", "attention_bias", "mlp_bias", "head_dim", "tie_word_embeddings", "max_position_embeddings", "rms_norm_eps"):
        theirs, ours = getattr(model.config, key, None), getattr(again.config, key, None)
        assert (theirs or None) == (ours or None), (copy, key, theirs, ours)


def check_llama_cpp(path, folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = torch.randint(3, 259, (1, 700), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        logits = model(ids).logits[0]
    # llama.cpp tells log-probabilities only of tokens that are text by themselves: here ASCII letters, ids from 3 + 33.
    last = max(i for i in range(300, 700) if 36 <= int(logits[i].argmax()) < 130)
    expected = torch.log_softmax(logits[last].double(), -1)
    step = llama_cpp.greedy(path, [ids[0, : last + 1].tolist()], 1, n_probs=8)[0][0]
    worst = max(abs(float(expected[token]) - log_probability) for token, log_probability in step)
    assert step[0][0] == int(expected.argmax()) and worst < LLAMA_CPP_BOUND, (path, worst, step)
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", required=True, type=Path, help="the program model_test")
    arguments = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = {}
        for name, (settings, dtype, sharded) in KINDS.items():
            model, frequencies = make(name, settings, dtype)
            model.save_pretrained(folder / name, max_shard_size="60KB" if sharded else "1GB")
            assert (folder / name / "model.safetensors.index.json").exists() == sharded, name
            models.write_tokenizer(folder / name, models.Shape())
            made[name] = model, frequencies, values_of(model)
            (folder / f"{name}.f32").write_bytes(models.in_order(made[name][2]))
        (folder / "list").write_text("\n".join(KINDS) + "\n")
        command = [str(arguments.tests), "--gtest_filter=Interchange.ReadsWhatOtherToolsWrote", "--gtest_brief=1"]
        subprocess.run(command, env={**os.environ, "FAQSMITH_READ_FILES": str(folder)}, check=True)
        for name, (model, frequencies, values) in made.items():
            check_again(folder / f"{name}.copy", model, frequencies, values)
            read = json.loads((folder / f"{name}.shape").read_text())
            kind, words = models.ROPE_KINDS[read["rope"][0]], read["rope"][8] and not read["window"]
            llama = f"llama.cpp within {check_llama_cpp(folder / f'{name}.copy.gguf', folder / name):.1e}" if words else "llama.cpp has no words"
            print(f"{name}: {len(values)} tensors bit for bit, written again and loaded; RoPE {kind}, window {read['window']}; {llama}", flush=True)
    print(f"Hugging Face folders agree with transformers {transformers.__version__}: {len(KINDS)} models")


if __name__ == "__main__":
    main()
