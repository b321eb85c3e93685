"""Model files and other people's libraries agree: what faqsmith writes is read by the PyPI packages gguf, safetensors and
tokenizers with equal values, and what gguf and safetensors write is read by faqsmith bit for bit: every number format, files
in parts, biases, each RoPE scaling, folders with shards of bf16, f16 and f32.

The files are written and read by the unit test program that lies beside the binary (src/model/interchange_test.cc).
"""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
try:
    import gguf
    import numpy as np
    import tokenizers
    import xllamacpp
    from safetensors import deserialize
    from safetensors.numpy import load_file

    import model_writers as models
    from model_writers import Shape
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

TESTS = Path(os.environ["FAQSMITH"]).parent / "model_test"
PLAIN = Shape()
K_QUANTS = Shape(hidden=256, ffn=512, layers=1, head_dim=64)  # rows of whole super-blocks
LLAMA31 = (("rope_type", "llama3"), ("factor", 8.0), ("low_freq_factor", 1.0), ("high_freq_factor", 4.0), ("original_max_position_embeddings", 8192))
YARN = (("rope_type", "yarn"), ("factor", 4.0), ("original_max_position_embeddings", 32))
FOLDERS = {  # name: (shape, dtype, shards, generation of transformers)
    "tied": (Shape(tied=True), "float32", 1, 4),
    "untied_bf16_sharded": (PLAIN, "bfloat16", 3, 5),
    "attention_bias_f16": (Shape(attention_bias=True), "float16", 1, 5),
    "mlp_bias_mixed": (Shape(mlp_bias=True, tied=True), "mixed", 3, 5),
    "both_biases": (Shape(attention_bias=True, mlp_bias=True), "bfloat16", 2, 4),
    "wide_heads": (Shape(head_dim=24), "float32", 1, 4),
    "one_kv_head": (Shape(kv_heads=1), "float16", 3, 5),
    "linear_4": (Shape(rope=(("type", "linear"), ("factor", 2.5))), "float32", 1, 4),
    "linear_5": (Shape(rope=(("rope_type", "linear"), ("factor", 2.5)), theta=5e5), "float32", 1, 5),
    "dynamic": (Shape(rope=(("rope_type", "dynamic"), ("factor", 2.0))), "float32", 1, 5),
    "llama31": (Shape(rope=LLAMA31, theta=5e5, positions=131072), "bfloat16", 1, 4),
    "yarn": (Shape(rope=YARN), "float32", 1, 5),
    "yarn_own": (Shape(rope=(*YARN, ("beta_fast", 20.0), ("beta_slow", 0.5), ("attention_factor", 0.875))), "float32", 1, 4),
    "mistral": (Shape(window=48), "bfloat16", 3, 4),
}


def run(test, variable, folder):
    command = [str(TESTS), f"--gtest_filter=Interchange.{test}", "--gtest_brief=1"]
    subprocess.run(command, env={**os.environ, variable: str(folder)}, check=True)


def check_written(folder):
    run("WritesOneFileOfEachKind", "FAQSMITH_WRITE_FILES", folder)
    run("WritesWideFilesOfEachKind", "FAQSMITH_WRITE_FILES", folder)
    truth = load_file(folder / "f32.safetensors")
    names = list(models.weights(PLAIN, 0))
    assert sorted(names) == sorted(truth)
    assert models.in_order({n: truth[n] for n in names}) == (folder / "values.f32").read_bytes(), "f32.safetensors"
    halves = load_file(folder / "f16.safetensors")
    for name, values in truth.items():
        assert halves[name].dtype == np.float16 and np.array_equal(halves[name], values.astype(np.float16)), name
    check_quantised(folder, truth)
    for kind in ("f32", "f16"):
        tensors, field = read_gguf(folder / f"{kind}.gguf")
        assert len(tensors) == len(truth)
        for name in names:
            dtype = np.float16 if kind == "f16" and truth[name].ndim == 2 else np.float32
            check_tensor(tensors, name, truth[name], PLAIN, dtype)
        assert field["general.architecture"] == "llama" and field["llama.attention.head_count_kv"] == PLAIN.kv_heads
        assert field["general.file_type"] == {"f32": 0, "f16": 1}[kind]
        assert len(field["tokenizer.ggml.tokens"]) == PLAIN.vocab and field["tokenizer.ggml.merges"] == ["< 1"]
        assert field["tokenizer.chat_template"] == "{{ messages }}" and field["tokenizer.ggml.eos_token_id"] == 2
    adapter = load_file(folder / "adapter" / "adapter_model.safetensors")
    assert len(adapter) == PLAIN.layers * 7 * 2
    assert adapter["base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"].shape == (4, PLAIN.ffn)
    assert json.loads((folder / "adapter" / "adapter_config.json").read_text())["r"] == 4


def quantised_by_ggml(kind, rows):
    """ggml's own quantiser, which the package xllamacpp carries: the bytes of a tensor."""
    library = ctypes.CDLL(next(Path(xllamacpp.__file__).parent.glob("xllamacpp*.so")))
    quantise = library.ggml_quantize_chunk
    quantise.restype, quantise.argtypes = ctypes.c_size_t, [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    rows = np.ascontiguousarray(rows, np.float32)
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros((rows.shape[0], rows.shape[1] // elements * size), np.uint8)
    assert quantise(int(kind), rows.ctypes.data, out.ctypes.data, 0, rows.shape[0], rows.shape[1], None) == out.nbytes
    return out


def check_quantised(folder, truth):
    """Each type as llama.cpp writes it: Q8_0, Q4_0 and BF16 the same bytes as the package gguf, Q5_0 as ggml; the K-quants are
    searches of our own, whose error must be at most ggml's."""
    errors = {}
    for kind in ("bf16", "q8_0", "q4_0", "q4_k"):
        for prefix in ("", "wide-"):
            exact, _ = read_gguf(folder / f"{prefix}f32.gguf")
            tensors, field = read_gguf(folder / f"{prefix}{kind}.gguf")
            assert field["general.file_type"] == {"bf16": 32, "q8_0": 7, "q4_0": 2, "q4_k": 15}[kind]
            for name, tensor in tensors.items():
                values, data = np.array(exact[name].data), np.array(tensor.data)
                quant = tensor.tensor_type
                if quant.name == "F32":
                    assert values.ndim == 1 and np.array_equal(values, data), name
                elif quant.name in ("BF16", "Q8_0", "Q4_0"):
                    assert np.array_equal(gguf.quants.quantize(values, quant).view(np.uint8), data.view(np.uint8)), (kind, name)
                elif quant.name == "Q5_0":
                    assert np.array_equal(quantised_by_ggml(quant, values), data), name
                elif quant.name in ("Q4_K", "Q6_K"):
                    theirs = gguf.quants.dequantize(quantised_by_ggml(quant, values), quant)
                    ours = gguf.quants.dequantize(data, quant)
                    sums = errors.setdefault(quant.name, [0.0, 0.0, 0.0])
                    for i, other in enumerate((ours, theirs, np.zeros_like(values))):
                        sums[i] += float(((values.astype(np.float64) - other) ** 2).sum())
                else:
                    assert quant.name == "F16" and values.shape[1] % 32, (kind, name, quant)
    for name, (ours, theirs, power) in errors.items():
        print(f"{name}: relative RMS error {(ours / power) ** 0.5:.5f}, ggml's {(theirs / power) ** 0.5:.5f}")
        assert ours <= theirs, name
    assert errors.keys() == {"Q4_K", "Q6_K"}


def read_gguf(path):
    reader = gguf.GGUFReader(path)
    return {t.name: t for t in reader.tensors}, {key: value.contents() for key, value in reader.fields.items()}


def check_tensor(tensors, name, values, shape, dtype):
    expected = models.to_gguf_rows(name, values, shape).astype(dtype)
    data = np.array(tensors[models.gguf_name(name)].data)
    assert data.dtype == dtype and np.array_equal(data.reshape(expected.shape), expected), name


def write_ggufs(folder, cases):
    """Each case: name -> (shape, values as they should be read)."""
    for kind in ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"):
        cases[f"{kind}.gguf"] = PLAIN, models.write_gguf(folder / f"{kind}.gguf", PLAIN, models.weights(PLAIN, 42), kind)
    for kind in ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"):
        cases[f"{kind}.gguf"] = K_QUANTS, models.write_gguf(folder / f"{kind}.gguf", K_QUANTS, models.weights(K_QUANTS, 43), kind)
    biased = Shape(attention_bias=True, mlp_bias=True)
    values = models.weights(biased, 44)
    cases["biases.gguf"] = biased, models.write_gguf(folder / "biases.gguf", biased, values)
    skip = {n for n in map(models.gguf_name, values) if n.endswith(".bias") and n not in ("blk.1.attn_q.bias", "blk.0.ffn_up.bias")}
    cases["few_biases.gguf"] = biased, models.write_gguf(folder / "few_biases.gguf", biased, values, skip=skip)
    models.write_gguf(folder / "parts.gguf", PLAIN, models.weights(PLAIN, 45), split_tensors=8)
    cases["parts-00002-of-00003.gguf"] = PLAIN, models.weights(PLAIN, 45)
    for name, rope, keys in (
        ("linear", (("type", "linear"), ("factor", 2.0)), lambda w: (w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR), w.add_rope_scaling_factor(2.0))),
        ("yarn", YARN, lambda w: (w.add_rope_scaling_type(gguf.RopeScalingType.YARN), w.add_rope_scaling_factor(4.0), w.add_rope_scaling_orig_ctx_len(32))),
        ("window", (), lambda w: w.add_sliding_window(48)),
    ):
        shape = Shape(rope=rope, window=48 if name == "window" else 0)
        cases[f"{name}.gguf"] = shape, models.write_gguf(folder / f"{name}.gguf", shape, models.weights(shape, 46), keys=keys)
    llama3 = Shape(rope=LLAMA31, theta=5e5)
    extra = [("rope_freqs.weight", models.llama3_factors(llama3))]
    cases["llama3.gguf"] = llama3, models.write_gguf(folder / "llama3.gguf", llama3, models.weights(llama3, 47), extra=extra)


def check_folder_copy(copy, shape, values):
    """What save_hf_folder wrote in bf16 shards."""
    index = json.loads((copy / "model.safetensors.index.json").read_text())
    found = {}
    for file in sorted(set(index["weight_map"].values())):
        for name, tensor in deserialize((copy / file).read_bytes()):
            assert index["weight_map"][name] == file and tensor["dtype"] == "BF16", (copy, name)
            found[name] = np.frombuffer(bytes(tensor["data"]), np.uint16).reshape(tensor["shape"])
    assert len(set(index["weight_map"].values())) >= 3 and found.keys() == index["weight_map"].keys() == values.keys()
    assert index["metadata"]["total_size"] == sum(v.nbytes for v in found.values())
    for name, exact in values.items():
        assert np.array_equal(found[name], models.as_bf16(exact)), (copy, name)
    config = json.loads((copy / "config.json").read_text())
    for key, value in models.config_json(shape, 5).items():
        if key not in ("_name_or_path", "rope_parameters"):
            assert config[key] == value, (copy, key, config[key], value)
    theirs = tokenizers.Tokenizer.from_file(str(copy / "tokenizer.json"))
    assert theirs.get_vocab_size() == shape.vocab and theirs.encode("th").ids == [theirs.token_to_id("th")] and theirs.encode("<|im_end|>").ids == [2]


def check_gguf_copy(copy, shape, values):
    tensors, field = read_gguf(copy)
    for name, exact in values.items():
        check_tensor(tensors, name, exact, shape, np.float32)
    kind = dict(shape.rope).get("rope_type", dict(shape.rope).get("type"))
    assert len(tensors) == len(values) + (kind == "llama3")
    if kind == "llama3":
        factors = np.array(tensors["rope_freqs.weight"].data)
        assert factors.dtype == np.float32 and np.allclose(factors, models.llama3_factors(shape), rtol=1e-6), factors
    assert field.get("llama.rope.scaling.type") == (kind if kind in ("linear", "yarn") else None)
    assert field.get("llama.attention.sliding_window", 0) == shape.window


def check_read(folder, cases):
    (folder / "list").write_text("\n".join(cases) + "\n")
    for name, (_, values) in cases.items():
        (folder / f"{name}.f32").write_bytes(models.in_order(values))
    run("ReadsWhatOtherToolsWrote", "FAQSMITH_READ_FILES", folder)
    for name, (shape, values) in cases.items():
        read = json.loads((folder / f"{name}.shape").read_text())
        assert models.same(read, models.expected_shape(shape)), (name, read, models.expected_shape(shape))
        if not (shape.window and (shape.attention_bias or shape.mlp_bias)):
            check_folder_copy(folder / f"{name}.copy", shape, values)
        check_gguf_copy(folder / f"{name}.copy.gguf", shape, values)


def main():
    if not TESTS.exists():
        print(f"skipped: {TESTS} is not built")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        check_written(folder)
        others = folder / "others"
        others.mkdir()
        cases = {}
        write_ggufs(others, cases)
        for seed, (kind, (shape, dtype, shards, generation)) in enumerate(FOLDERS.items()):
            cases[kind] = shape, models.write_folder(others / kind, shape, models.weights(shape, 60 + seed), dtype, shards, generation)
        check_read(others, cases)
    print(f"model files agree with gguf, safetensors and tokenizers: {len(cases)} models read and written again")


if __name__ == "__main__":
    main()
