"""Reference tokenizers of the Llama families, built from vocabularies alone: Hugging Face folders for PyPI's tokenizers, and
SentencePiece models for PyPI's sentencepiece.

Used by tests/tokenizer_families_test.py, tests/fuzz/make_corpus.py, llama3_golden.py and bench/tokenizer_peer.py. Control tokens are not added to the
references, so text never becomes one.
"""
import base64
import json
import pathlib

ROOT = pathlib.Path(__file__).parents[2]
SPACE = "\u2581"
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
N_LLAMA2_SPECIAL, N_LLAMA2_FIRST = 3, 259  # <unk> <s> </s>, then the bytes


def byte_letters():
    """GPT-2's printable letter for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(others)}}


# Llama 2


def llama2_scores(tokens):
    """As in the published file: pieces fall with their id, runs of spaces score lowest, all alike."""
    runs = [len(t) > 1 and set(t) == {SPACE} for t in tokens]
    return [0.0 if i < N_LLAMA2_FIRST else -1e9 if runs[i] else float(N_LLAMA2_FIRST - i) for i in range(len(tokens))]


def llama2_merges(tokens):
    """As transformers' converter makes them: every cut of every piece, by score, then by the ids of the two parts."""
    ids, scores = {t: i for i, t in enumerate(tokens)}, llama2_scores(tokens)
    cuts = []
    for i, token in enumerate(tokens[N_LLAMA2_FIRST:], N_LLAMA2_FIRST):
        for cut in range(1, len(token)):
            left, right = ids.get(token[:cut]), ids.get(token[cut:])
            if left is not None and right is not None:
                cuts.append((-scores[i], left, right))
    return [(tokens[left], tokens[right]) for _, left, right in sorted(cuts)]


def special(content, i):
    return {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def write_llama2_folder(folder, tokens, prefix):
    """prefix: "prepend" (Llama 2, TinyLlama) or Metaspace's "first", "always", "never" (Mistral v0.3)."""
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    metaspace = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": prefix, "split": False}
    prepends = prefix == "prepend"
    strip = [] if prefix == "never" else [{"type": "Strip", "content": " ", "start": 1, "stop": 0}]
    root = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special(t, i) for i, t in enumerate(tokens[:N_LLAMA2_SPECIAL])],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": SPACE}, replace]} if prepends else None,
        "pre_tokenizer": None if prepends else metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [{"type": "Replace", "pattern": {"String": SPACE}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, *strip],
        },
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
            "vocab": {t: i for i, t in enumerate(tokens)}, "merges": [list(m) for m in llama2_merges(tokens)],
        },
    }  # fmt: skip
    config = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True, "add_eos_token": False}
    write_folder(folder, root, config)


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([0x80 | (value & 0x7F)])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """One field of a protocol buffer: an int or bool as a number, a float as 32 bits, text and bytes with their length."""
    import struct

    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(int(value))
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def llama2_model_file(tokens, user_defined=()):
    """The bytes of a tokenizer.model with Llama 2's settings (field numbers: sentencepiece_model.proto)."""
    scores = llama2_scores(tokens)
    added = b"".join(field(1, field(1, t) + field(2, 0.0) + field(3, 4)) for t in user_defined)
    kinds = {0: 2, 1: 3, 2: 3, **{i: 6 for i in range(N_LLAMA2_SPECIAL, N_LLAMA2_FIRST)}}
    pieces = b"".join(field(1, field(1, t) + field(2, scores[i]) + field(3, kinds.get(i, 1))) for i, t in enumerate(tokens))
    trainer = field(3, 2) + field(4, len(tokens)) + field(35, True)
    normalizer = field(1, "identity") + field(2, b"") + field(3, True) + field(4, False) + field(5, True)
    return pieces + added + field(2, trainer) + field(3, normalizer)


# Llama 3


def llama3_vocabulary(path):
    """Tokens by id and merges from Meta's tokenizer.model (lines of base64 and rank), as transformers' converter makes them."""
    ranks = {}
    for line in pathlib.Path(path).read_bytes().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    letters = byte_letters()
    spell = lambda token: "".join(letters[b] for b in token)
    merges = []
    for token, rank in ranks.items():
        cuts = []
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in ranks and right in ranks:
                cuts.append((ranks[left], ranks[right], left, right))
        merges += [(rank, spell(left), spell(right)) for _, _, left, right in sorted(cuts)]
    merges.sort(key=lambda m: m[0])  # stable: cuts of one token keep their order
    tokens = [spell(t) for t, _ in sorted(ranks.items(), key=lambda item: item[1])]
    return tokens, [(left, right) for _, left, right in merges]


def trained_vocabulary(n_tokens=12_000):
    """A byte-level BPE learned with Llama 3's words from the texts of this project."""
    from tokenizer_strings import CODE, SENTENCES
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(LLAMA3_PATTERN), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    files = [p for pattern in ("docs/*.md", "docs/decisions/*.md", "src/*/*.cc", "src/*/*.h") for p in sorted(ROOT.glob(pattern))]
    texts = [p.read_text() for p in files] + SENTENCES * 50 + CODE * 20
    texts += [case[0] for case in json.loads((ROOT / "tests/golden/tokenizer_llama2.json").read_text())["cases"]]
    trainer = trainers.BpeTrainer(vocab_size=n_tokens, initial_alphabet=sorted(byte_letters().values()), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = [t for t, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    return tokens, [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]


def write_llama3_folder(folder, tokens, merges, ignore_merges=True):
    n = len(tokens)
    root = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special(t, n + i) for i, t in enumerate(("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"))],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": LLAMA3_PATTERN}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
            ],
        },
        "post_processor": {
            "type": "Sequence",
            "processors": [
                {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
                {
                    "type": "TemplateProcessing",
                    "single": [{"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                    "special_tokens": {"<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [n], "tokens": ["<|begin_of_text|>"]}},
                },
            ],
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": False, "byte_fallback": False, "ignore_merges": ignore_merges,
            "vocab": {t: i for i, t in enumerate(tokens)}, "merges": [" ".join(m) for m in merges],
        },
    }  # fmt: skip
    write_folder(folder, root, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"})


def write_gpt2_folder(folder, tokens, merges):
    write_llama3_folder(folder, tokens, merges, ignore_merges=False)
    path = pathlib.Path(folder) / "tokenizer.json"
    root = json.loads(path.read_text())
    root["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    path.write_text(json.dumps(root, ensure_ascii=False))


def add_user_defined(folder, contents):
    """Appends tokens to a folder's tokenizer.json that are found in the text."""
    path = pathlib.Path(folder) / "tokenizer.json"
    root = json.loads(path.read_text())
    first = 1 + max(*root["model"]["vocab"].values(), *(t["id"] for t in root["added_tokens"]))
    root["added_tokens"] += [{**special(t, first + i), "special": False} for i, t in enumerate(contents)]
    path.write_text(json.dumps(root, ensure_ascii=False))


def write_folder(folder, root, config):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(root, ensure_ascii=False))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def load_reference(folder):
    """PyPI's tokenizers on that folder's tokenizer.json, its control tokens left out."""
    from tokenizers import Tokenizer

    root = json.loads((pathlib.Path(folder) / "tokenizer.json").read_text())
    for token in root["added_tokens"]:  # what is left out there keeps its id here, where no merge makes it
        if token["special"]:
            root["model"]["vocab"].setdefault(token["content"], token["id"])
    root["added_tokens"] = [t for t in root["added_tokens"] if not t["special"]]
    root["post_processor"] = None
    return Tokenizer.from_str(json.dumps(root))
