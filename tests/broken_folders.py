"""Broken Hugging Face folders and adapters by class, small and generated: what tests/broken_models_test.py expects to be refused
(hazards 6 to 8). As in broken_gguf.py, each class changes one thing in files that are read when nothing is changed.
"""

import copy
import json
import math
import struct

from broken_gguf import HIDDEN, MAX64, TOKENS, VOCAB, floats, u64

CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": HIDDEN, "num_hidden_layers": 1,
          "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": VOCAB, "max_position_embeddings": 64, "hidden_act": "silu", "rms_norm_eps": 1e-5,
          "rope_theta": 10000.0, "tie_word_embeddings": True}  # fmt: skip
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
TOKENIZER = {"version": "1.0", "added_tokens": [{"id": i, "content": TOKENS[i], "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
                                                for i in (0, 5)],
             "normalizer": None, "pre_tokenizer": BYTE_LEVEL, "post_processor": None, "decoder": BYTE_LEVEL,
             "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "byte_fallback": False,
                       "vocab": {t: i for i, t in enumerate(TOKENS)}, "merges": ["a b"]}}  # fmt: skip
TOKENIZER_CONFIG = {"eos_token": "<|im_end|>"}
SHAPES = {"model.embed_tokens": (VOCAB, HIDDEN), "model.norm": (HIDDEN,), "model.layers.0.input_layernorm": (HIDDEN,), "model.layers.0.post_attention_layernorm": (HIDDEN,),
          **{f"model.layers.0.self_attn.{n}_proj": (rows, HIDDEN) for n, rows in (("q", HIDDEN), ("k", HIDDEN // 2), ("v", HIDDEN // 2), ("o", HIDDEN))},
          **{f"model.layers.0.mlp.{n}_proj": (HIDDEN, HIDDEN) for n in ("gate", "up", "down")}}  # fmt: skip


def safe_entries(names=None):
    out, at = {}, 0
    for name, shape in SHAPES.items():
        if names is not None and name not in names:
            continue
        size = 4 * math.prod(shape)
        out[name + ".weight"] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    return out, floats(at // 4)


def safetensors(entries=None, data=None, header=None, length=None):
    good, values = safe_entries()
    header = json.dumps(good if entries is None else entries).encode() if header is None else header
    return u64(len(header) if length is None else length) + header + (values if data is None else data)


def folder(weights=None, config=None, tokenizer=None, tokenizer_config=None, more=None):
    def dump(value, default):
        value = default if value is None else value
        return value if isinstance(value, bytes) else json.dumps(value).encode()

    files = {"config.json": dump(config, CONFIG), "tokenizer.json": dump(tokenizer, TOKENIZER), "tokenizer_config.json": dump(tokenizer_config, TOKENIZER_CONFIG)}
    if weights != b"none":
        files["model.safetensors"] = safetensors() if weights is None else weights
    return files | (more or {})


def changed(value, path, new):
    """A copy with one item replaced (or removed: new is ...)."""
    value = copy.deepcopy(value)
    at = value
    for key in path[:-1]:
        at = at[key]
    if new is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return value


def safetensors_classes():
    good, data = safe_entries()
    q = "model.layers.0.self_attn.q_proj.weight"
    begin, end = good[q]["data_offsets"]

    def with_entry(**fields):
        return safetensors({**good, q: {**good[q], **fields}})

    def without(field):
        return safetensors(changed(good, (q, field), ...))

    text_of = json.dumps(good)
    out = {
        "empty file": (b"", "is empty"),
        "seven bytes": (bytes(7), "7 bytes are too few for a header"),
        "header of 2^64-1 bytes": (safetensors(length=MAX64), "a header of 18446744073709551615 bytes is more than"),
        "header of 2^63 bytes": (safetensors(length=2**63), "is more than the 100000000 allowed"),
        "header of 100,000,001 bytes": (safetensors(length=100_000_001), "is more than the 100000000 allowed"),
        "header longer than the file": (safetensors(length=99_000_000), "is longer than the file"),
        "header of 0 bytes": (safetensors(length=0), "does not begin with '{'"),
        "header that begins with a space": (safetensors(header=b" " + text_of.encode()), "does not begin with '{'"),
        "header that is a list": (safetensors(header=b"[]"), "does not begin with '{'"),
        "header that ends early": (safetensors(header=text_of[:-9].encode()), "is no JSON"),
        "text behind the header's end": (safetensors(header=text_of.encode() + b"{}"), "is no JSON"),
        "NaN in the header": (safetensors(header=text_of.replace("[0,", "[NaN,").encode()), "is no JSON"),
        "header that is no UTF-8": (safetensors(header=text_of.replace("model.norm", "model.n\udcff").encode("utf8", "surrogateescape")), "is no JSON"),
        "header nested 1,000 deep": (safetensors(header=b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}"), "nested too deeply"),
        "tensor twice": (safetensors(header=(text_of[:-1] + f', "{q}": {json.dumps(good[q])}}}').encode()), "twice"),
        "field twice": (safetensors(header=text_of.replace('"dtype": "F32"', '"dtype": "F32", "dtype": "F16"', 1).encode()), "twice"),
        "no dtype": (without("dtype"), "has other fields than"),
        "no shape": (without("shape"), "has other fields than"),
        "no offsets": (without("data_offsets"), "has other fields than"),
        "one field more": (with_entry(strides=[1]), "has other fields than"),
        "entry that is a number": (safetensors({**good, q: 1}), "has other fields than"),
        "unknown dtype": (with_entry(dtype="F31"), 'has the unknown type "F31"'),
        "dtype that is a number": (with_entry(dtype=32), "has fields of wrong types"),
        "shape that is a number": (with_entry(shape=1024), "has fields of wrong types"),
        "negative size": (with_entry(shape=[-32, 32]), "has a size that is no whole number"),
        "size 32.0": (with_entry(shape=[32.0, 32]), "has a size that is no whole number"),
        "size 2^63": (with_entry(shape=[2**63, 1]), "has an impossible shape"),
        "size past 2^64": (with_entry(shape=[2**70, 1]), "has a size that is no whole number"),
        "shape whose product wraps": (with_entry(shape=[2**32, 2**32]), "has an impossible shape"),
        "shape whose bytes wrap": (with_entry(shape=[2**62, 1]), "do not fit its shape"),
        "nine dimensions": (with_entry(shape=[1] * 7 + [32, 32]), "has 9 dimensions"),
        "three offsets": (with_entry(data_offsets=[begin, end, end]), "has fields of wrong types"),
        "offsets backwards": (with_entry(data_offsets=[end, begin]), "do not fit its shape"),
        "offset -1": (with_entry(data_offsets=[-1, end]), "has a size that is no whole number"),
        "shape smaller than its bytes": (with_entry(shape=[31, 32]), "do not fit its shape"),
        "dtype smaller than its bytes": (with_entry(dtype="F16"), "do not fit its shape"),
        "overlap": (with_entry(data_offsets=[begin - 128, end - 128]), "overlap or hole"),
        "two tensors at one place": (safetensors({**good, "x": good[q]}), "overlap or hole"),
        "hole": (with_entry(data_offsets=[begin + 128, end + 128]), "overlap or hole"),
        "hole at the start": (safetensors({k: {**v, "data_offsets": [n + 64 for n in v["data_offsets"]]} for k, v in good.items()}, data + bytes(64)), "overlap or hole"),
        "bytes behind the last tensor": (safetensors(data=data + b"x"), "1 bytes follow the last tensor"),
        "data cut": (safetensors(data=data[:-4]), "ends after the file's"),
        "no data": (safetensors(data=b""), "ends after the file's"),
        "offsets near 2^64": (with_entry(data_offsets=[MAX64 - 4096, MAX64]), "overlap or hole"),
        "metadata that is a list": (safetensors({**good, "__metadata__": [1]}), "__metadata__ is no map"),
        "metadata with a number": (safetensors({**good, "__metadata__": {"a": 1}}), "is no text"),
        "NaN": (safetensors(data=floats(len(data) // 4, math.nan)), "is not a finite number at index 0"),
        "weights of F64": (safetensors({**good, q: {**good[q], "dtype": "F64", "shape": [16, 32]}}), "but config.json says [32, 32]"),
        "tensor missing": (safetensors({("x" if k == q else k): v for k, v in good.items()}), "is missing"),
        "tensor of another shape": (with_entry(shape=[64, 16]), "but config.json says"),
        "tensor nobody knows": (safetensors({**good, "model.layers.0.scale": {"dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}}, data + bytes(4)), "is not part of a Llama model"),
    }  # fmt: skip
    return {name: (folder(weights), words) for name, (weights, words) in out.items()}


def shard_classes():
    names = list(SHAPES)
    good_map = {f"{n}.weight": f"s{i // 6}.safetensors" for i, n in enumerate(names)}

    def shard(part):
        return safetensors(*safe_entries(part))

    shards = {"s0.safetensors": shard(names[:6]), "s1.safetensors": shard(names[6:])}

    def files(index, **change):
        index = json.dumps(index).encode() if not isinstance(index, bytes) else index
        kept = {k: v for k, v in {**shards, **change}.items() if v is not None}
        return folder(b"none", more={"model.safetensors.index.json": index, **kept})

    def mapped(name, to):
        return files({"weight_map": {**good_map, name + ".weight": to}})

    return {
        "index that is no JSON": (files(b"{"), "is no JSON"),
        "index without a map": (files({"metadata": {}}), "weight_map"),
        "index with an empty map": (files({"weight_map": {}}), "weight_map"),
        "index that maps to numbers": (mapped(names[0], 1), "is no text"),
        "shard outside of the folder": (mapped(names[0], "../s0.safetensors"), "which is no .safetensors file of the folder"),
        "shard by an absolute path": (mapped(names[0], "/etc/passwd"), "which is no .safetensors file of the folder"),
        "hidden shard": (mapped(names[0], ".s.safetensors"), "which is no .safetensors file of the folder"),
        "shard that is a pickle": (mapped(names[0], "pytorch_model.bin"), "which is no .safetensors file of the folder"),
        "shard missing": (files({"weight_map": good_map}, **{"s1.safetensors": None}), "s1.safetensors"),
        "shard broken": (files({"weight_map": good_map}, **{"s1.safetensors": b"x"}), "too few for a header"),
        "tensor in another shard than said": (mapped(names[0], "s1.safetensors"), "does not say so"),
        "tensor in two shards": (files({"weight_map": good_map}, **{"s1.safetensors": shard(names[5:])}), "does not say so"),
        "tensor in no shard": (files({"weight_map": {**good_map, "x": "s0.safetensors"}}), "puts here, is missing"),
        "pickle instead of safetensors": (folder(b"none", more={"pytorch_model.bin": b"\x80"}), "which can hold program code"),
        "no weights": (folder(b"none"), "there is neither"),
    }  # fmt: skip


def config_classes():
    def config(key, value):
        return folder(config=changed(CONFIG, (key,), value))

    return {
        "config: empty": (folder(config=b""), "is no JSON"),
        "config: cut": (folder(config=json.dumps(CONFIG)[:-5].encode()), "is no JSON"),
        "config: list": (folder(config=b"[]"), "no JSON object"),
        "config: key twice": (folder(config=b'{"vocab_size": 6, ' + json.dumps(CONFIG)[1:].encode()), "twice"),
        "config: 100,000 nested": (folder(config=b'{"a":' + b"[" * 100_000), "nested too deeply"),
        "config: another architecture": (config("architectures", ["GPT2LMHeadModel"]), "is not supported yet"),
        "config: quantised": (config("quantization_config", {"quant_method": "awq"}), 'quantised by "awq"'),
        "config: no width": (config("hidden_size", ...), '"hidden_size" is missing'),
        "config: width -32": (config("hidden_size", -32), "no whole number"),
        "config: width 2^63": (config("hidden_size", 2**63), "no whole number"),
        "config: width as text": (config("hidden_size", "32"), "no whole number"),
        "config: width 2^40": (config("hidden_size", 2**40), "hidden_size is 1099511627776"),
        "config: 10^9 layers": (config("num_hidden_layers", 10**9), "layers need more than"),
        "config: vocabulary 2^31": (config("vocab_size", 2**31), "vocab_size is 2147483648"),
        "config: heads do not divide": (config("num_attention_heads", 5), "no multiple of 5 heads"),
        "config: theta NaN": (folder(config=json.dumps(CONFIG).replace("10000.0", "NaN").encode()), "is no JSON"),
        "config: epsilon 0": (config("rms_norm_eps", 0), "rms_norm_eps is 0"),
        "config: unknown RoPE scaling": (config("rope_scaling", {"rope_type": "su", "factor": 2.0}), '"su"'),
        "config: vocabulary is not the embedding's": (config("vocab_size", 7), "but config.json says [7, 32]"),
        "config: missing": ({k: v for k, v in folder().items() if k != "config.json"}, "config.json"),
    }  # fmt: skip


def tokenizer_classes():
    def tokens(path, value):
        return folder(tokenizer=changed(TOKENIZER, path, value))

    def vocab(**change):
        return tokens(("model", "vocab"), {**TOKENIZER["model"]["vocab"], **change})

    def merges(*items):
        return tokens(("model", "merges"), list(items))

    added = TOKENIZER["added_tokens"][1]
    return {
        "tokenizer: empty": (folder(tokenizer=b""), "is no JSON"),
        "tokenizer: no model": (tokens(("model",), ...), "model"),
        "tokenizer: Unigram": (tokens(("model", "type"), "Unigram"), '"Unigram"'),
        "tokenizer: dropout": (tokens(("model", "dropout"), 0.1), "dropout"),
        "tokenizer: no vocabulary": (tokens(("model", "vocab"), {}), "model.vocab"),
        "tokenizer: ids with a gap": (vocab(c=6, d=7), "no token has the id 4"),
        "tokenizer: id 2^31": (vocab(c=2**31), "but there are"),
        "tokenizer: id 2^64-1": (vocab(c=MAX64), "but there are"),
        "tokenizer: id -1": (vocab(c=-1), "but there are"),
        "tokenizer: id 1.5": (vocab(c=1.5), "but there are"),
        "tokenizer: id as text": (vocab(c="4"), "but there are"),
        "tokenizer: two tokens with one id": (vocab(c=1), "have the same id 1"),
        "tokenizer: empty token": (vocab(**{"": 6}), "is empty"),
        "tokenizer: added token past the vocabulary": (tokens(("added_tokens",), [{**added, "id": 900, "content": "z"}]), "is missing or not below"),
        "tokenizer: added token with two ids": (tokens(("added_tokens",), [{**added, "id": 1}]), "elsewhere"),
        "tokenizer: added token without content": (tokens(("added_tokens",), [{"id": 5}]), "added_tokens[0]"),
        "tokenizer: added tokens are no list": (tokens(("added_tokens",), {"a": 1}), "it is no list"),
        "tokenizer: merges missing": (tokens(("model", "merges"), ...), "it is missing or no list"),
        "tokenizer: merge of numbers": (merges([1, 2]), "it is neither a text nor a pair"),
        "tokenizer: merge of three": (merges(["a", "b", "c"]), "it is neither a text nor a pair"),
        "tokenizer: merge without a space": (merges("ab"), "is not two parts with a space between"),
        "tokenizer: merge of unknown tokens": (merges("x y"), "which is no text token"),
        "tokenizer: merge to no token": (merges("b a"), "which is no text token"),
        "tokenizer: 100,000 merges that are the same": (merges(*(["a b"] * 100_000)), "are both"),
        "tokenizer: unknown pre_tokenizer": (tokens(("pre_tokenizer",), {"type": "Whitespace"}), "Whitespace"),
        "tokenizer: unknown normalizer": (tokens(("normalizer",), {"type": "Lowercase"}), "Lowercase"),
        "tokenizer: unknown decoder": (tokens(("decoder",), {"type": "WordPiece"}), "WordPiece"),
        "tokenizer: post_processor names no token": (tokens(("post_processor",), {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<x>"}}, {"Sequence": {"id": "A"}}]}), "names no token"),
        "tokenizer: unknown token is none": (tokens(("model", "unk_token"), "<unk>"), "is no token"),
        "tokenizer_config: no JSON": (folder(tokenizer_config=b"{,}"), "is no JSON"),
        "tokenizer_config: end token is none": (folder(tokenizer_config={"eos_token": "</s>"}), "is no token of"),
        "tokenizer_config: end token is a number": (folder(tokenizer_config={"eos_token": 5}), "it names no token"),
        "tokenizer_config: bos asked for, but none there": (folder(tokenizer_config={"add_bos_token": True}), "there is no such token"),
        "tokenizer_config: flag as text": (folder(tokenizer_config={"add_eos_token": "yes"}), "neither true nor false"),
        "tokenizer: missing": ({k: v for k, v in folder().items() if k != "tokenizer.json"}, "neither tokenizer.json nor tokenizer.model"),
    }  # fmt: skip


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([0x80 | n & 0x7F])
        n >>= 7
    return out + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def sentencepiece_classes():
    def piece(content, kind=1, score=struct.pack("<f", -1)):
        return field(1, field(1, content.encode()) + b"\x15" + score + b"\x18" + varint(kind))

    trainer = field(2, b"\x18\x02" + varint(35 << 3) + b"\x01")
    normalizer = field(3, field(1, b"identity") + b"\x18\x01\x20\x00\x28\x01")
    base = piece("<unk>", 2) + piece("<s>", 3) + piece("</s>", 3) + b"".join(piece(f"<0x{b:02X}>", 6) for b in range(256))
    good = base + piece("a") + trainer + normalizer
    nan = struct.pack("<f", math.nan)
    out = {
        "tokenizer.model: empty": (b"", "the file is empty"),
        "tokenizer.model: text": (b"hello world, this is no model", "wire type 4 is unknown"),
        "tokenizer.model: cut": (good[: len(base) - 3], "a field of 15 bytes, but 12 remain"),
        "tokenizer.model: piece longer than the file": (good + b"\x0a" + varint(2**40), "a field of 1099511627776 bytes"),
        "tokenizer.model: piece of 2^64-1 bytes": (good + b"\x0a" + varint(MAX64), "a field of 18446744073709551615 bytes"),
        "tokenizer.model: number without an end": (good + b"\xff" * 11, "more than 64 bits"),
        "tokenizer.model: wire type 7": (good + b"\x0f", "wire type 7 is unknown"),
        "tokenizer.model: field 0": (good + b"\x02\x00", "a field has the number 0"),
        "tokenizer.model: no pieces": (trainer + normalizer, "the file has no pieces"),
        "tokenizer.model: piece type 9": (base + piece("a", 9) + trainer + normalizer, "has the unknown type 9"),
        "tokenizer.model: score NaN": (base + piece("a", 1, nan) + trainer + normalizer, "is not a finite number"),
        "tokenizer.model: piece twice": (base + piece("a") + piece("a") + trainer + normalizer, "are both"),
        "tokenizer.model: empty piece": (base + piece("") + trainer + normalizer, "piece 259 is empty"),
        "tokenizer.model: unigram": (base + field(2, b"\x18\x01") + normalizer, "a unigram model is not supported"),
        "tokenizer.model: normalises by a table": (base + trainer + field(3, field(1, b"nmt_nfkc") + field(2, b"xx")), 'the normalisation "nmt_nfkc"'),
        "tokenizer.model: a byte missing": (good.replace(piece("<0x41>", 6), b""), 'the byte token "<0x41>" is missing'),
    }
    files = folder()
    del files["tokenizer.json"]
    return {name: ({**files, "tokenizer_config.json": b"{}", "tokenizer.model": data}, words) for name, (data, words) in out.items()}


ADAPTER = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "lora_dropout": 0.0, "target_modules": ["q_proj"], "bias": "none"}


def adapter_classes():
    prefix = "base_model.model.model.layers.0.self_attn.q_proj."

    def weights(a=(2, HIDDEN), b=(HIDDEN, 2), names=("lora_A", "lora_B"), first=0.5):
        entries, at = {}, 0
        for name, shape in zip(names, (a, b), strict=True):
            size = 4 * math.prod(shape)
            entries[f"{prefix}{name}.weight"] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
            at += size
        return safetensors(entries, floats(at // 4, first))

    def files(config=None, data=None):
        out = {"adapter_config.json": config if isinstance(config, bytes) else json.dumps(config or ADAPTER).encode()}
        return out if data == b"none" else {**out, "adapter_model.safetensors": weights() if data is None else data}

    def changed_config(**values):
        return files({**ADAPTER, **values})

    return {
        "adapter: config is no JSON": (files(b"x"), "is no JSON"),
        "adapter: another kind": (changed_config(peft_type="IA3"), 'is not "LORA"'),
        "adapter: rank 0": (changed_config(r=0), '"r" is 0'),
        "adapter: rank 2^40": (changed_config(r=2**40), '"r"'),
        "adapter: rank as text": (changed_config(r="2"), '"r" is missing or no number'),
        "adapter: alpha missing": (files(changed(ADAPTER, ("lora_alpha",), ...)), '"lora_alpha"'),
        "adapter: unknown module": (changed_config(target_modules=["q_proj", "lm_head"]), "is none of this model's linears"),
        "adapter: module twice": (changed_config(target_modules=["q_proj", "q_proj"]), "is there twice"),
        "adapter: no modules": (changed_config(target_modules=[]), "is neither a name nor a list of names"),
        "adapter: biases": (changed_config(bias="all"), '"bias"'),
        "adapter: modules to save": (changed_config(modules_to_save=["lm_head"]), '"modules_to_save"'),
        "adapter: weights broken": (files(data=b"1234"), "too few for a header"),
        "adapter: tensor missing": (files(data=weights(names=("lora_A", "lora_C"))), "is missing"),
        "adapter: another rank than said": (files(data=weights(a=(3, HIDDEN))), "is [3, 32], expected [2, 32]"),
        "adapter: another width than the model's": (files(data=weights(a=(2, 64))), "is [2, 64], expected [2, 32]"),
        "adapter: NaN": (files(data=weights(first=math.nan)), "is not a finite number"),
    }  # fmt: skip
