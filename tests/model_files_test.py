"""Model files and other people's libraries agree: what faqsmith writes is read by the PyPI packages gguf and safetensors
with equal values, and what gguf writes in each supported number format is read by faqsmith bit for bit.

The files are written and read by the unit test program that lies beside the binary (src/model/interchange_test.cc).
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import gguf
    import numpy as np
    from gguf.quants import dequantize, quantize
    from safetensors.numpy import load_file
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

TESTS = Path(os.environ["FAQSMITH"]).parent / "model_test"
HEADS, KV_HEADS, HIDDEN, FFN, LAYERS, VOCAB = 4, 2, 64, 96, 2, 260
LAYER_NAMES = {  # Hugging Face's order within a layer
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_names():
    names = {"model.embed_tokens.weight": "token_embd.weight"}
    for i in range(LAYERS):
        for ours, theirs in LAYER_NAMES.items():
            names[f"model.layers.{i}.{ours}.weight"] = f"blk.{i}.{theirs}.weight"
    names["model.norm.weight"] = "output_norm.weight"
    names["lm_head.weight"] = "output.weight"
    return names


def to_gguf_rows(name, values):
    """llama.cpp's own permutation (convert_hf_to_gguf.py, LlamaModel.permute)."""
    heads = HEADS if "q_proj" in name else KV_HEADS if "k_proj" in name else 0
    if not heads:
        return values
    rows, columns = values.shape
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def to_hf_rows(name, values):
    heads = HEADS if "q_proj" in name else KV_HEADS if "k_proj" in name else 0
    if not heads:
        return values
    rows, columns = values.shape
    return values.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def run(test, variable, folder):
    command = [str(TESTS), f"--gtest_filter=Interchange.{test}", "--gtest_brief=1"]
    subprocess.run(command, env={**os.environ, variable: str(folder)}, check=True)


def check_written(folder):
    run("WritesOneFileOfEachKind", "FAQSMITH_WRITE_FILES", folder)
    truth = load_file(folder / "f32.safetensors")
    in_order = np.concatenate([truth[name].reshape(-1) for name in gguf_names()])
    assert in_order.tobytes() == (folder / "values.f32").read_bytes(), "f32.safetensors"
    halves = load_file(folder / "f16.safetensors")
    for name, values in truth.items():
        assert halves[name].dtype == np.float16 and np.array_equal(halves[name], values.astype(np.float16)), name
    for kind in ("f32", "f16"):
        reader = gguf.GGUFReader(folder / f"{kind}.gguf")
        tensors = {tensor.name: tensor for tensor in reader.tensors}
        assert len(tensors) == len(truth) == len(gguf_names())
        for name, theirs in gguf_names().items():
            dtype = np.float16 if kind == "f16" and truth[name].ndim == 2 else np.float32
            expected = to_gguf_rows(name, truth[name]).astype(dtype)
            data = np.array(tensors[theirs].data)
            assert data.dtype == dtype and np.array_equal(data.reshape(expected.shape), expected), (kind, name)
        field = {key: value.contents() for key, value in reader.fields.items()}
        assert field["general.architecture"] == "llama" and field["llama.attention.head_count_kv"] == KV_HEADS
        assert field["general.file_type"] == {"f32": 0, "f16": 1}[kind]
        assert len(field["tokenizer.ggml.tokens"]) == VOCAB and field["tokenizer.ggml.merges"] == ["< 1"]
        assert field["tokenizer.chat_template"] == "{{ messages }}" and field["tokenizer.ggml.eos_token_id"] == 2
    adapter = load_file(folder / "adapter" / "adapter_model.safetensors")
    assert len(adapter) == LAYERS * 7 * 2
    assert adapter["base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"].shape == (4, FFN)
    assert json.loads((folder / "adapter" / "adapter_config.json").read_text())["r"] == 4
    return truth


def write_quantised(folder, truth, kind):
    writer = gguf.GGUFWriter(folder / f"{kind.name}.gguf", "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"<{i}>" for i in range(VOCAB)])
    writer.add_token_merges(["< 1"])
    expected = b""
    for name, theirs in gguf_names().items():
        values = to_gguf_rows(name, truth[name])
        if values.ndim == 1 or kind == gguf.GGMLQuantizationType.F32:
            writer.add_tensor(theirs, np.ascontiguousarray(values))
            decoded = values
        elif kind == gguf.GGMLQuantizationType.F16:
            writer.add_tensor(theirs, values.astype(np.float16))
            decoded = values.astype(np.float16).astype(np.float32)
        else:
            encoded = quantize(values, kind)
            writer.add_tensor(theirs, encoded, raw_dtype=kind)
            decoded = dequantize(encoded, kind).astype(np.float32)
        expected += np.ascontiguousarray(to_hf_rows(name, decoded)).tobytes()
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (folder / f"{kind.name}.f32").write_bytes(expected)


def main():
    if not TESTS.exists():
        print(f"skipped: {TESTS} is not built")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = check_written(folder)
        others = folder / "others"
        others.mkdir()
        for kind in ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"):
            write_quantised(others, truth, gguf.GGMLQuantizationType[kind])
        run("ReadsWhatOtherToolsWrote", "FAQSMITH_READ_FILES", others)
    print("model files agree with gguf and safetensors")


if __name__ == "__main__":
    main()
