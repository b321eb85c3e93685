"""Broken GGUF files by class, small and generated: what tests/broken_models_test.py expects to be refused (hazards 5, 7, 8).

Everything is written byte by byte here, because no library writes files that lie. Each class changes one thing in a file that is
read when nothing is changed.
"""

import math
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
MAX64 = 2**64 - 1
HIDDEN, VOCAB = 32, 6
TOKENS = ["<|endoftext|>", "a", "b", "ab", "c", "<|im_end|>"]
TYPE_F32, TYPE_F16, TYPE_Q8_0, TYPE_Q4_K, TYPE_BF16 = 0, 1, 8, 12, 30


def u32(n):
    return struct.pack("<I", n & 0xFFFFFFFF)


def u64(n):
    return struct.pack("<Q", n & MAX64)


def text(value, length=None):
    data = value.encode() if isinstance(value, str) else value
    return u64(len(data) if length is None else length) + data


def entry(key, kind, value):
    """A metadata entry; value is already in bytes."""
    return text(key) + u32(kind) + value


def array(kind, items, count=None):
    return u32(kind) + u64(len(items) if count is None else count) + b"".join(items)


def floats(n, first=0.5):
    return struct.pack(f"<{n}f", first, *([0.25] * (n - 1)))


class Gguf:
    """A whole Llama model of one layer; fields and tensors may be replaced before bytes() is asked."""

    def __init__(self, hidden=HIDDEN):
        self.magic, self.version, self.n_keys, self.n_tensors, self.cut, self.more = b"GGUF", 3, None, None, None, b""
        self.fields = {
            "general.architecture": (STRING, text("llama")),
            "llama.block_count": (U32, u32(1)),
            "llama.context_length": (U32, u32(64)),
            "llama.embedding_length": (U32, u32(hidden)),
            "llama.feed_forward_length": (U32, u32(hidden)),
            "llama.attention.head_count": (U32, u32(4)),
            "llama.attention.head_count_kv": (U32, u32(2)),
            "llama.attention.layer_norm_rms_epsilon": (F32, struct.pack("<f", 1e-5)),
            "llama.rope.freq_base": (F32, struct.pack("<f", 1e4)),
            "tokenizer.ggml.model": (STRING, text("gpt2")),
            "tokenizer.ggml.pre": (STRING, text("gpt-2")),
            "tokenizer.ggml.tokens": (ARRAY, array(STRING, [text(t) for t in TOKENS])),
            "tokenizer.ggml.token_type": (ARRAY, array(I32, [u32(t) for t in (3, 1, 1, 1, 1, 3)])),
            "tokenizer.ggml.merges": (ARRAY, array(STRING, [text("a b")])),
            "tokenizer.ggml.eos_token_id": (U32, u32(5)),
        }  # fmt: skip
        half = hidden // 2
        shapes = {"token_embd": (hidden, VOCAB), "output_norm": (hidden,), "blk.0.attn_norm": (hidden,), "blk.0.ffn_norm": (hidden,),
                  "blk.0.attn_q": (hidden, hidden), "blk.0.attn_k": (hidden, half), "blk.0.attn_v": (hidden, half), "blk.0.attn_output": (hidden, hidden),
                  "blk.0.ffn_gate": (hidden, hidden), "blk.0.ffn_up": (hidden, hidden), "blk.0.ffn_down": (hidden, hidden)}  # fmt: skip
        # name → [name bytes, dims, type, offset or None, data]
        self.tensors = {n: [text(n + ".weight"), list(dims), TYPE_F32, None, floats(math.prod(dims))] for n, dims in shapes.items()}
        self.alignment = 32

    def change(self, **values):
        """Fields by the end of their key, with _ for the dots."""
        for name, value in values.items():
            found = [k for k in self.fields if k.replace(".", "_").endswith(name)]
            assert len(found) <= 1, name
            if value is None:
                del self.fields[found[0]]
            else:
                self.fields[found[0]] = value
        return self

    def add(self, key, kind, value):
        self.fields[key] = (kind, value)
        return self

    def raw(self, data):
        """One more entry that only says what it is."""
        self.more += data
        self.n_keys = len(self.fields) + 1
        return self

    def tensor(self, tensor_name, /, **parts):
        place = {"name": 0, "dims": 1, "kind": 2, "offset": 3, "data": 4}
        for key, value in parts.items():
            self.tensors[tensor_name][place[key]] = value
        return self

    def header(self):
        out = self.magic + u32(self.version)
        out += u64(len(self.tensors) if self.n_tensors is None else self.n_tensors) + u64(len(self.fields) if self.n_keys is None else self.n_keys)
        return out + b"".join(entry(k, *v) for k, v in self.fields.items()) + self.more

    def bytes(self):
        out, data = self.header(), b""
        for name, dims, kind, offset, values in self.tensors.values():
            out += name + u32(len(dims)) + b"".join(map(u64, dims)) + u32(kind) + u64(len(data) if offset is None else offset)
            data += values + bytes(-len(values) % self.alignment)
        out += bytes(-len(out) % self.alignment) + data
        return out[: self.cut] if self.cut is not None else out


def header_classes():
    out = {}

    def add(name, words, **values):
        model = Gguf()
        for key, value in values.items():
            setattr(model, key, value)
        out[name] = (model.bytes(), words)

    whole, header = len(Gguf().bytes()), len(Gguf().header())
    for name, cut in (("empty file", 0), ("three bytes", 3), ("cut in the version", 6), ("cut in the counts", 20), ("cut in a key", 30), ("cut in a value", 60),
                      ("cut before the tensors", header), ("cut in a tensor's name", header + 12), ("cut in a tensor's shape", header + 40)):  # fmt: skip
        add(name, "is empty" if cut == 0 else "bytes are needed" if cut < 16 else "cannot fit into the", cut=cut)
    add("cut in the data", "ends after the file's", cut=whole - 4)
    add("cut before the data", "ends after the file's", cut=whole - 30000 if whole > 34000 else header + 700)
    add("another magic", "does not begin with GGUF", magic=b"GGML")
    add("magic backwards", "does not begin with GGUF", magic=b"FUGG")
    for version in (0, 1, 4, 0xFFFFFFFF):
        add(f"version {version}", "is not supported, only 2 and 3 are", version=version)
    add("big-endian", "big-endian files are not supported", version=0x03000000)
    for count in (2**32 - 1, 2**63, MAX64, MAX64 // 33 + 1):
        add(f"{count} tensors", "number of tensors", n_tensors=count)
        add(f"{count} metadata keys", "number of metadata keys", n_keys=count)
    add("one tensor more than there are", "tensor 11", n_tensors=12)
    add("one tensor fewer than there are", "is missing", n_tensors=10)
    add("one key more than there are", "is more than the 64 allowed", n_keys=16)
    return out


def metadata_classes():
    raw = {
        "empty key": (u64(0) + u32(U8) + b"\1", "the key is empty"),
        "key of 2^64-1 bytes": (text("k", MAX64), "a length of 18446744073709551615 is more than"),
        "key of 65,536 bytes": (text("k" * 65536) + u32(U8) + b"\1", "a length of 65536 is more than"),
        "key twice": (entry("llama.block_count", U32, u32(1)), "is there twice"),
        "value type 13": (entry("k", 13, bytes(16)), "value type 13 is unknown"),
        "value type 2^32-1": (entry("k", MAX64, bytes(16)), "value type 4294967295 is unknown"),
        "string longer than the file": (entry("k", STRING, u64(2**40)), "1099511627776 bytes are needed"),
        "string of 2^64-1 bytes": (entry("k", STRING, u64(MAX64)), "18446744073709551615 bytes are needed"),
        "array longer than the file": (entry("k", ARRAY, u32(U32) + u64(2**31)), "a count of 2147483648 cannot fit"),
        "array whose size wraps": (entry("k", ARRAY, u32(U64) + u64(2**61)), "cannot fit"),
        "array of 2^64-1 strings": (entry("k", ARRAY, u32(STRING) + u64(MAX64)), "cannot fit"),
        "nested array": (entry("k", ARRAY, u32(ARRAY) + u64(1) + array(U8, [b"\1"])), "nested arrays are not accepted"),
        "array of an unknown type": (entry("k", ARRAY, u32(99) + u64(1) + bytes(8)), "value type 99 is unknown"),
        "boolean 2": (entry("k", BOOL, b"\2"), "2 is no boolean"),
        "boolean 2 in an array": (entry("k", ARRAY, array(BOOL, [b"\2"])), "2 is no boolean"),
        "string in an array longer than the file": (entry("k", ARRAY, u32(STRING) + u64(1) + u64(2**50)), "bytes are needed"),
    }  # fmt: skip
    out = {name: (Gguf().raw(data).bytes(), words) for name, (data, words) in raw.items()}
    for value in (0, 4, 13, 2**31):
        out[f"alignment {value}"] = (Gguf().add("general.alignment", U32, u32(value)).bytes(), "is no power of two from 8 to")
    out["alignment of text"] = (Gguf().add("general.alignment", STRING, text("32")).bytes(), "is no power of two from 8 to")
    return out


def tensor_classes():
    q, norm = "blk.0.attn_q", "output_norm"
    changes = {
        "empty name": (norm, {"name": u64(0)}, "the name is empty"),
        "name of 65 bytes": (norm, {"name": text("n" * 65)}, "a length of 65 is more than"),
        "name of 2^63 bytes": (norm, {"name": text("n", 2**63)}, "is more than the 64 allowed"),
        "no dimension": (norm, {"dims": []}, "0 dimensions, only 1 to 4"),
        "five dimensions": (norm, {"dims": [32, 1, 1, 1, 1]}, "5 dimensions, only 1 to 4"),
        "eight dimensions": (norm, {"dims": [32] + [1] * 7}, "8 dimensions, only 1 to 4"),
        "dimension 0": (q, {"dims": [32, 0]}, "dimension 1 of size 0 is impossible"),
        "dimension 2^64-1": (q, {"dims": [32, MAX64]}, "is impossible"),
        "dimensions INT64_MAX x 2": (q, {"dims": [2**63 - 1, 2]}, "dimension 1 of size 2 is impossible"),
        "dimensions whose product wraps to 0": (q, {"dims": [2**32, 2**32]}, "is impossible"),
        "dimensions whose bytes wrap": (q, {"dims": [2**62]}, "overflows"),
        "type that was removed": (q, {"kind": 4}, "element type 4 is unknown"),
        "type 2^32-1": (q, {"kind": MAX64}, "element type 4294967295 is unknown"),
        "type of a later format": (q, {"kind": 39}, "not supported yet: MXFP4"),
        "row that is no whole Q8_0 block": (q, {"kind": TYPE_Q8_0, "dims": [31, 32]}, "are no whole Q8_0 blocks of 32"),
        "row that is no whole K-quant block": (q, {"kind": TYPE_Q4_K, "dims": [32, 32]}, "are no whole Q4_K blocks of 256"),
        "offset that is not aligned": (q, {"offset": 4}, "is no multiple of 32"),
        "offset past the end": (q, {"offset": 2**40}, "ends after the file's"),
        "offset that wraps": (q, {"offset": MAX64 - 31}, "ends after the file's"),
        "data that reach past the end": ("blk.0.ffn_down", {"dims": [32, 4096]}, "ends after the file's"),
        "data inside another tensor": (q, {"offset": 32}, "its data overlaps that of"),
        "data of another tensor": (q, {"offset": 0}, "its data overlaps that of"),
        "name twice": ("blk.0.attn_k", {"name": text("blk.0.attn_v.weight")}, "the name is there twice"),
    }  # fmt: skip
    out = {name: (Gguf().tensor(tensor, **parts).bytes(), words) for name, (tensor, parts, words) in changes.items()}
    many = Gguf()
    many.tensors["output_norm"][0] = text("output_norm.weight") + u32(2**32 - 1)
    out["4,294,967,295 dimensions"] = (many.bytes(), "4294967295 dimensions")
    return out


def meaning_classes():
    nan, inf = struct.pack("<f", math.nan), struct.pack("<f", math.inf)
    size = HIDDEN * HIDDEN
    half = struct.pack("<e", math.inf) + struct.pack(f"<{size - 1}e", *([0.5] * (size - 1)))
    blocks = [struct.pack("<e", math.nan if i == 3 else 0.5) + bytes(32) for i in range(size // 32)]
    ints = array(U32, [u32(1)] * VOCAB)
    out = {
        "no architecture": (Gguf().change(architecture=None), '"general.architecture" is missing'),
        "architecture is a number": (Gguf().change(architecture=(U32, u32(1))), '"general.architecture" has an unexpected type'),
        "another architecture": (Gguf().change(architecture=(STRING, text("mamba"))), 'architecture "mamba" is not supported yet'),
        "mixture of experts": (Gguf().add("llama.expert_count", U32, u32(8)), "mixture-of-experts"),
        "no layers said": (Gguf().change(block_count=None), '"llama.block_count" is missing'),
        "0 layers": (Gguf().change(block_count=(U32, u32(0))), "n_layers is 0"),
        "-1 layers": (Gguf().change(block_count=(I32, u32(-1))), "is no integer from 0"),
        "2^31 layers": (Gguf().change(block_count=(U64, u64(2**31))), "n_layers is 2147483648"),
        "10^9 layers": (Gguf().change(block_count=(U32, u32(10**9))), "layers need more than the file's"),
        "layers as text": (Gguf().change(block_count=(STRING, text("1"))), '"llama.block_count" is no integer'),
        "0 heads": (Gguf().change(head_count=(U32, u32(0))), "head_count is 0"),
        "heads that the groups do not divide": (Gguf().change(head_count_kv=(U32, u32(3))), "is no multiple of n_kv_heads 3"),
        "heads that do not divide the width": (Gguf().change(attention_head_count=(U32, u32(5))), "is no multiple of 5 heads"),
        "odd head size": (Gguf().add("llama.attention.key_length", U32, u32(7)), "head_dim 7 is odd"),
        "head size 2^40": (Gguf().add("llama.attention.key_length", U64, u64(2**40)), "head_dim is 1099511627776"),
        "values of another size than keys": (Gguf().add("llama.attention.value_length", U32, u32(16)), "another size than key heads"),
        "half rotation": (Gguf().add("llama.rope.dimension_count", U32, u32(4)), "rotary embedding of a part"),
        "width 0": (Gguf().change(embedding_length=(U32, u32(0))), "hidden_size is 0"),
        "width 2^40": (Gguf().change(embedding_length=(U64, u64(2**40))), "hidden_size is 1099511627776"),
        "width that no tensor has": (Gguf().change(embedding_length=(U32, u32(64))), "but the metadata say"),
        "context 0": (Gguf().change(context_length=(U32, u32(0))), "max_positions is 0"),
        "epsilon NaN": (Gguf().change(epsilon=(F32, nan)), "rms_norm_eps is nan"),
        "epsilon -1": (Gguf().change(epsilon=(F32, struct.pack("<f", -1))), "rms_norm_eps is -1"),
        "epsilon of an integer": (Gguf().change(epsilon=(U32, u32(1))), "has an unexpected type"),
        "theta infinite": (Gguf().change(freq_base=(F32, inf)), "rope_theta is inf"),
        "theta 0": (Gguf().change(freq_base=(F32, bytes(4))), "rope_theta is 0"),
        "unknown RoPE scaling": (Gguf().add("llama.rope.scaling.type", STRING, text("magic")), "magic"),
        "RoPE factor NaN": (Gguf().add("llama.rope.scaling.type", STRING, text("linear")).add("llama.rope.scaling.factor", F32, nan), "factor is nan"),
        "window past 2^31": (Gguf().add("llama.attention.sliding_window", U64, u64(2**33)), "sliding_window is 8589934592"),
        "tensor missing": (Gguf().tensor("blk.0.ffn_up", name=text("blk.1.ffn_up.weight")), "is missing"),
        "tensor of another shape": (Gguf().tensor("blk.0.attn_k", dims=[16, 32]), "but the metadata say"),
        "norm with two dimensions": (Gguf().tensor("output_norm", dims=[32, 1]), "but the metadata say"),
        "tensor nobody knows": (Gguf().add("k", U8, b"\1"), "is not part of a Llama model"),
        "integers as weights": (Gguf().tensor("blk.0.attn_q", kind=26), "not supported yet: I32"),
        "NaN in F32": (Gguf().tensor("blk.0.attn_q", data=floats(size, math.nan)), "is not a finite number at index 0"),
        "infinity in F16": (Gguf().tensor("blk.0.attn_q", kind=TYPE_F16, data=half), "is not a finite number at index 0"),
        "NaN in BF16": (Gguf().tensor("blk.0.attn_q", kind=TYPE_BF16, data=b"\xc0\x7f" + bytes(2 * size - 2)), "is not a finite number at index 0"),
        "NaN as the scale of a block": (Gguf().tensor("blk.0.attn_q", kind=TYPE_Q8_0, data=b"".join(blocks)), "is not a finite number at index 96"),
        "NaN in a norm": (Gguf().tensor("blk.0.attn_norm", data=floats(HIDDEN, math.nan)), "is not a finite number at index 0"),
        "no tokens": (Gguf().change(ggml_tokens=None), '"tokenizer.ggml.tokens" is missing'),
        "tokens of numbers": (Gguf().change(ggml_tokens=(ARRAY, ints)), "has an unexpected type"),
        "one token fewer than rows": (Gguf().change(ggml_tokens=(ARRAY, array(STRING, [text(t) for t in TOKENS[:-1]]))), "5 tokens, but 6 token types"),
        "one token more than rows": (Gguf().change(ggml_tokens=(ARRAY, array(STRING, [text(t) for t in [*TOKENS, "d"]]))), "7 tokens, but 6 token types"),
        "token types missing for some": (Gguf().change(token_type=(ARRAY, array(I32, [u32(1)]))), "token types"),
        "token type 9": (Gguf().change(token_type=(ARRAY, array(I32, [u32(9)] * VOCAB))), "token type 9 is unknown"),
        "merge without a space": (Gguf().change(merges=(ARRAY, array(STRING, [text("ab")]))), "is not two parts with a space between"),
        "merge of unknown tokens": (Gguf().change(merges=(ARRAY, array(STRING, [text("x y")]))), "which is no text token"),
        "merge to no token": (Gguf().change(merges=(ARRAY, array(STRING, [text("b a")]))), "which is no text token"),
        "end token past the vocabulary": (Gguf().change(eos_token_id=(U32, u32(VOCAB))), "but there are 6 tokens"),
        "end token 2^32-1": (Gguf().change(eos_token_id=(U32, u32(MAX64))), "but there are 6 tokens"),
        "end token -1": (Gguf().change(eos_token_id=(I32, u32(-1))), "is no integer from 0"),
        "unknown kind of tokenizer": (Gguf().change(ggml_model=(STRING, text("bert"))), "bert"),
        "unknown pre-tokeniser": (Gguf().change(ggml_pre=(STRING, text("qwen2"))), "qwen2"),
        "token twice": (Gguf().change(ggml_tokens=(ARRAY, array(STRING, [text(t) for t in [*TOKENS[:-1], "a"]]))), "are both"),
    }  # fmt: skip
    out["tensor nobody knows"][0].tensors["scale"] = [text("blk.0.scale.weight"), [32], TYPE_F32, None, floats(32)]
    wide = Gguf(256).tensor("blk.0.attn_q", kind=TYPE_Q4_K, data=struct.pack("<e", math.inf) + bytes(142) + bytes(144 * 255))
    out["infinity as the scale of a super-block"] = (wide, "is not a finite number at index 0")
    return {name: (model.bytes(), words) for name, (model, words) in out.items()}


def split_classes():
    """name → ({file: bytes}, the file to open, words)."""

    def part(number, count, tensors, total=11, **change):
        model = Gguf()
        names = list(model.tensors)
        model.tensors = {n: model.tensors[n] for n in names[tensors[0] : tensors[1]]}
        for key, value in {"no": number, "count": count, "tensors.count": total, **change}.items():
            model.add("split." + key, U32, u32(value))
        return model.bytes()

    first, second = part(0, 2, (0, 6)), part(1, 2, (6, 11))
    one, two = "m-00001-of-00002.gguf", "m-00002-of-00002.gguf"
    return {
        "part missing": ({one: first}, one, "this part of"),
        "part of another model": ({one: first, two: Gguf().bytes()}, one, '"split.count" is missing'),
        "parts in the wrong order": ({one: second, two: first}, one, "it says that it is part 2, its name says 1"),
        "the same part twice": ({one: first, two: first}, one, "it says that it is part 1, its name says 2"),
        "count and name differ": ({one: part(0, 3, (0, 6)), two: second}, one, "it says that it is one of 3 parts"),
        "tensor in both parts": ({one: part(0, 2, (0, 7)), two: second}, one, "is in another part too"),
        "tensors lost": ({one: part(0, 2, (0, 5)), two: second}, one, '"split.tensors.count" is 11'),
        "65,535 parts": ({one: part(0, 65535, (0, 6))}, one, "65535 parts are more than"),
        "name without numbers": ({"m.gguf": first}, "m.gguf", "its name does not end in"),
        "part number past the count": ({"m-00003-of-00002.gguf": part(2, 2, (0, 6))}, "m-00003-of-00002.gguf", "3"),
        "second part cut": ({one: first, two: second[:100]}, one, "cannot fit into the 84 bytes"),
    }  # fmt: skip
