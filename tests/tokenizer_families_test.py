"""Token ids of every Llama family, 12,000 seeded strings each, equal to PyPI's tokenizers and sentencepiece; and texts come back.

Llama 2: its whole vocabulary (tests/golden/tokenizer_llama2.json) as tokenizer.json of each published kind and as
tokenizer.model. Llama 3: Meta's vocabulary if the package llama-models is installed (or FAQSMITH_LLAMA3_VOCABULARY names its
tokenizer.model), and always a vocabulary trained here with Llama 3's rules. SmolLM2: the demo model's, if it is there, as
tokenizer.json. Exits 77 with the reason when something is missing.
"""
import glob
import http.client
import importlib.util
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata
import urllib.parse

ROOT = pathlib.Path(os.environ.get("FAQSMITH_SOURCE_DIR", pathlib.Path(__file__).parents[1]))
sys.path.insert(0, str(ROOT / "tools/oracle"))
N_STRINGS = 12_000
N_FEWER = 3_000
SEED = 43
SPACE = "\u2581"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


class Helper:
    def __init__(self):
        self.program = os.path.join(os.environ.get("FAQSMITH_HELPERS", "build/release"), "encode_lines")
        if not os.path.exists(self.program):
            skip(f"the helper {self.program} is not built (set FAQSMITH_HELPERS to the build folder)")

    def encode(self, source, raw):
        feed = "".join(json.dumps({"hex": r.hex()}) + "\n" for r in raw)
        done = subprocess.run([self.program, str(source), "--decode"], input=feed.encode(), capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"encode_lines failed: {done.stderr.decode()}")
        lines = [json.loads(line) for line in done.stdout.decode().split("\n") if line]
        return [line["ids"] for line in lines], [line["text"] for line in lines]


def compare(name, texts, ours, theirs):
    wrong = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
    for i in wrong[:5]:
        print(f"  {name} differs on {texts[i]!r}\n    ours   {ours[i]}\n    theirs {theirs[i]}")
    print(f"{name}: {len(texts) - len(wrong)} of {len(texts)} equal")
    return len(wrong)


def came_back(name, texts, decoded):
    """Texts with U+2581 itself are left out: SentencePiece takes it for a space."""
    picked = [i for i, text in enumerate(texts) if SPACE not in text]
    return compare(f"{name}, decoded again", [texts[i] for i in picked], [decoded[i] for i in picked], [texts[i] for i in picked])


def every_code_point():
    """Each assigned code point between letters, after spaces and line ends, next to digits and in a contraction; of the other
    nine tenths, which no rule tells apart, every 64th."""
    points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and chr(c) != SPACE and (c % 64 == 0 or unicodedata.category(chr(c)) not in ("Cn", "Co"))]
    return ["\n".join(f"a{c}b  {c}!\n{c}1 {c} a'{c}e'{c}" for c in points[i : i + 32]) for i in range(0, len(points), 32)]


def check(helper, name, source, reference, texts, raw=None):
    ours, decoded = helper.encode(source, raw or [t.encode() for t in texts])
    wrong = compare(name, texts, ours, reference(texts))
    return wrong, decoded


def llama2(helper, folder, texts, raw):
    import sentencepiece
    from tokenizer_families import llama2_model_file, load_reference, write_llama2_folder

    golden = json.loads((ROOT / "tests/golden/tokenizer_llama2.json").read_text())
    tokens = golden["tokens"]
    wrong = 0
    for prefix in ("prepend", "first", "always", "never"):
        source = folder / f"llama2-{prefix}"
        write_llama2_folder(source, tokens, prefix)
        tokenizer = load_reference(source)
        n = N_STRINGS if prefix == "prepend" else N_FEWER
        encode = lambda batch, t=tokenizer: [e.ids for e in t.encode_batch(batch)]
        fresh, decoded = check(helper, f"Llama 2, tokenizer.json, {prefix}: tokenizers", source, encode, texts[:n], raw[:n])
        wrong += fresh
        if prefix in ("prepend", "never"):
            wrong += came_back(f"Llama 2, {prefix}", texts[:n], decoded)
    source = folder / "llama2-model"
    source.mkdir()
    (source / "tokenizer.model").write_bytes(llama2_model_file(tokens))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(source / "tokenizer.model"))
    fresh, decoded = check(helper, "Llama 2, tokenizer.model: sentencepiece", source, processor.encode, texts, raw)
    wrong += fresh + came_back("Llama 2, tokenizer.model", texts, decoded)
    # NUL is left out: sentencepiece ends a text there.
    points = [t.replace("\0", "") for t in every_code_point()]
    return wrong + check(helper, "Llama 2, every code point: sentencepiece", source, processor.encode, points)[0]


def user_defined(helper, folder, texts):
    """Tokens that are found in the text: overlapping ones, at its ends, next to spaces."""
    import sentencepiece
    from tokenizer_families import add_user_defined, llama2_model_file, load_reference, trained_vocabulary, write_llama2_folder, write_llama3_folder

    contents = ["<tool>", "<tool><", "ool>x", "[X]", "[X][Y]", "\u00e9\u00e9", "  ", "the"]
    rng = random.Random(SEED)
    mixed = []
    for text in texts:
        parts = [text[: rng.randrange(40)]] + [p for _ in range(rng.randrange(6)) for p in (rng.choice([*contents, " ", ""]), rng.choice(texts)[: rng.randrange(9)])]
        rng.shuffle(parts)
        mixed.append("".join(parts))
    tokens = json.loads((ROOT / "tests/golden/tokenizer_llama2.json").read_text())["tokens"]
    added = [t for t in contents if t not in tokens]
    wrong = 0
    writers = {prefix: lambda f, p=prefix: write_llama2_folder(f, tokens, p) for prefix in ("prepend", "first", "always", "never")}
    for name, write in {**writers, "byte-level": lambda f: write_llama3_folder(f, *trained_vocabulary())}.items():
        source = folder / f"added-{name}"
        write(source)
        add_user_defined(source, added if name != "byte-level" else ["<tool>", "<tool><", "ool>x", "[X]", "[X][Y]", "\u00e9\u00e9", "  "])
        tokenizer = load_reference(source)
        wrong += check(helper, f"user-defined tokens, {name}: tokenizers", source, lambda batch, t=tokenizer: [e.ids for e in t.encode_batch(batch)], mixed)[0]
    source = folder / "added-model"
    source.mkdir()
    (source / "tokenizer.model").write_bytes(llama2_model_file(tokens, [t for t in added if t != "  "]))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(source / "tokenizer.model"))
    return wrong + check(helper, "user-defined tokens, tokenizer.model: sentencepiece", source, processor.encode, mixed)[0]


def write_gguf(path, tokens):
    """A tiny model with Llama 2's vocabulary, as llama.cpp's converter writes it."""
    import gguf
    import numpy as np
    from tokenizer_families import N_LLAMA2_FIRST, llama2_scores

    hidden, ffn, rng = 32, 32, np.random.default_rng(1)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(ffn)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(llama2_scores(tokens))
    writer.add_token_types([2, 3, 3] + [6] * (N_LLAMA2_FIRST - 3) + [1] * (len(tokens) - N_LLAMA2_FIRST))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    shapes = {"token_embd": (len(tokens), hidden), "output": (len(tokens), hidden), "output_norm": (hidden,)}
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        shapes["blk.0." + name] = (hidden, hidden)
    for name in ("attn_norm", "ffn_norm"):
        shapes["blk.0." + name] = (hidden,)
    for name, shape in shapes.items():
        writer.add_tensor(name + ".weight", rng.standard_normal(shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp(helper, folder, texts):
    """llama.cpp runs on that file; texts with NUL are left out, it ends there."""
    try:
        import xllamacpp
    except ImportError:
        print("Llama 2, GGUF: not compared with llama.cpp (package xllamacpp is missing)")
        return 0
    path = folder / "llama2.gguf"
    write_gguf(path, json.loads((ROOT / "tests/golden/tokenizer_llama2.json").read_text())["tokens"])
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = 64
    params.verbosity = 0
    params.warmup = False
    server = xllamacpp.Server(params)
    host = urllib.parse.urlsplit(server.listening_address)
    connection = http.client.HTTPConnection(host.hostname, host.port)

    def encode(batch):
        out = []
        for text in batch:
            body = json.dumps({"content": text, "add_special": False, "parse_special": False})
            connection.request("POST", "/tokenize", body, {"Content-Type": "application/json"})
            out.append(json.loads(connection.getresponse().read())["tokens"])
        return out

    return check(helper, "Llama 2, GGUF: llama.cpp", path, encode, [t for t in texts if t and "\0" not in t])[0]


def meta_llama3():
    named = os.environ.get("FAQSMITH_LLAMA3_VOCABULARY")
    if named:
        return named
    package = importlib.util.find_spec("llama_models")
    found = glob.glob(str(pathlib.Path(package.origin).parent / "llama3/**/tokenizer.model"), recursive=True) if package and package.origin else []
    return found[0] if found else None


def byte_level(helper, folder, name, write, texts, raw, points=True):
    from tokenizer_families import load_reference

    source = folder / name.replace(" ", "-")
    write(source)
    tokenizer = load_reference(source)
    encode = lambda batch: [e.ids for e in tokenizer.encode_batch(batch)]
    wrong, decoded = check(helper, f"{name}: tokenizers", source, encode, texts, raw)
    wrong += came_back(name, texts, decoded)
    if not points:
        return wrong
    return wrong + check(helper, f"{name}, every code point: tokenizers", source, encode, every_code_point())[0]


def tiktoken_check(helper, folder, name, path, texts):
    try:
        import tiktoken
        import tiktoken.load
    except ImportError:
        print(f"{name}: not compared with tiktoken (the package is missing)")
        return 0
    from tokenizer_families import LLAMA3_PATTERN

    encoding = tiktoken.Encoding("llama3", pat_str=LLAMA3_PATTERN, mergeable_ranks=tiktoken.load.load_tiktoken_bpe(path), special_tokens={})
    return check(helper, f"{name}: tiktoken", folder / name.replace(" ", "-"), lambda batch: [encoding.encode_ordinary(t) for t in batch], texts)[0]


def smollm2(helper, folder, texts, raw):
    found = [os.environ.get("FAQSMITH_DEMO_MODEL")] if os.environ.get("FAQSMITH_DEMO_MODEL") else glob.glob(os.path.expanduser("~/.cache/faqsmith/models/**/*.gguf"), recursive=True)
    if not found or not os.path.exists(found[0]):
        print("SmolLM2: not compared (no demo model)")
        return 0
    from tokenizer_families import special
    from tokenizer_strings import read_spec, reference

    spec = read_spec(found[0])
    tokenizer = reference(spec)
    root = json.loads(tokenizer.to_str())
    root["added_tokens"] = [special(t, i) for i, t in enumerate(spec["tokens"]) if spec["token_types"][i] == 3]
    source = folder / "smollm2"
    source.mkdir()
    (source / "tokenizer.json").write_text(json.dumps(root))
    encode = lambda batch: [e.ids for e in tokenizer.encode_batch(batch)]
    return check(helper, "SmolLM2, tokenizer.json: tokenizers", source, encode, texts, raw)[0]


def main():
    try:
        import gguf  # noqa: F401
        import sentencepiece  # noqa: F401
        import tokenizers  # noqa: F401
        from tokenizer_families import llama3_vocabulary, trained_vocabulary, write_gpt2_folder, write_llama3_folder
        from tokenizer_strings import strings
    except ImportError as error:
        skip(f"a package is missing: {error}")
    helper = Helper()
    raw = strings(N_STRINGS, SEED)
    texts = [r.decode("utf-8", errors="replace") for r in raw]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        wrong = llama2(helper, folder, texts, raw)
        wrong += user_defined(helper, folder, texts[:N_FEWER])
        wrong += llama_cpp(helper, folder, texts[:N_FEWER])
        trained = trained_vocabulary()
        wrong += byte_level(helper, folder, "Llama 3 rules", lambda f: write_llama3_folder(f, *trained), texts, raw)
        wrong += byte_level(helper, folder, "Llama 3 words with merges", lambda f: write_llama3_folder(f, *trained, ignore_merges=False), texts, raw, points=False)
        wrong += byte_level(helper, folder, "GPT-2 rules", lambda f: write_gpt2_folder(f, *trained), texts, raw)
        path = meta_llama3()
        if path:
            wrong += byte_level(helper, folder, "Llama 3", lambda f: write_llama3_folder(f, *llama3_vocabulary(path)), texts, raw)
            wrong += tiktoken_check(helper, folder, "Llama 3", path, texts)
        else:
            print("Llama 3: Meta's own vocabulary is not here (package llama-models)")
        wrong += smollm2(helper, folder, texts, raw)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
