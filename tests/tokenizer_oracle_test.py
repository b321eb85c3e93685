"""Token ids of 12,000 seeded strings equal to PyPI's tokenizers, and to llama.cpp's where its tables know the characters.

Needs the demo model (FAQSMITH_DEMO_MODEL, or *.gguf under ~/.cache/faqsmith/models) and the packages tokenizers and gguf;
xllamacpp is optional. Exits 77 with the reason when something is missing.
"""
import glob
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unicodedata
import urllib.parse

ROOT = pathlib.Path(os.environ.get("FAQSMITH_SOURCE_DIR", pathlib.Path(__file__).parents[1]))
sys.path.insert(0, str(ROOT / "tools/oracle"))
N_STRINGS = 12_000
SEED = 41


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def demo_model():
    named = os.environ.get("FAQSMITH_DEMO_MODEL")
    found = [named] if named else sorted(glob.glob(os.path.expanduser("~/.cache/faqsmith/models/**/*.gguf"), recursive=True))
    if not found or not os.path.exists(found[0]):
        skip("no demo model: set FAQSMITH_DEMO_MODEL or run `faqsmith models pull`")
    return found[0]


def encode_ours(helper, spec, lines):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(spec, file)
        file.flush()
        feed = "\n".join(json.dumps(line) for line in lines) + "\n"
        done = subprocess.run([helper, file.name], input=feed.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"encode_lines failed: {done.stderr.decode()}")
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode().strip()


def compare(name, texts, ours, theirs):
    wrong = [i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b]
    for i in wrong[:5]:
        print(f"  {name} differs on {texts[i]!r}\n    ours   {ours[i]}\n    theirs {theirs[i]}")
    print(f"{name}: {len(texts) - len(wrong)} of {len(texts)} equal")
    return len(wrong)


def every_code_point(helper, spec, tokenizer):
    """Each code point between letters and after spaces: the class tables of both sides."""
    points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    texts = ["\n".join(f"a{c}b  {c}!" for c in points[i : i + 32]) for i in range(0, len(points), 32)]
    ours, _ = encode_ours(helper, spec, [{"text": t} for t in texts])
    return compare("tokenizers, every code point", texts, ours, [e.ids for e in tokenizer.encode_batch(texts)])


def speed(helper, spec, tokenizer):
    from tokenizer_strings import CODE, SENTENCES

    text = "\n".join(SENTENCES[:12] + CODE) * 2000
    _, said = encode_ours(helper, spec, [{"text": text}])
    ours = len(text.encode()) / float(said.split()[-2])
    start = time.perf_counter()
    tokenizer.encode(text)
    theirs = len(text.encode()) / (time.perf_counter() - start)
    print(f"speed on {len(text.encode()) / 1e6:.1f} MB, one thread: ours {ours / 1e6:.1f} MB/s, tokenizers {theirs / 1e6:.1f} MB/s ({ours / theirs:.1f} x)")


def known_to_llama_cpp(text, spec):
    """Its tables are older, and it treats bytes that the vocabulary cannot say in its own way."""
    alphabet = set(spec["tokens"])
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    letter = {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(others)}}
    return all(unicodedata.category(c) != "Cn" and all(letter[b] in alphabet for b in c.encode()) for c in set(text))


def check_llama_cpp(model, spec, texts, ours):
    try:
        import xllamacpp
    except ImportError:
        print("llama.cpp: not compared (package xllamacpp is missing)")
        return 0
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 256
    params.verbosity = 0
    params.warmup = False
    server = xllamacpp.Server(params)
    host = urllib.parse.urlsplit(server.listening_address)
    connection = http.client.HTTPConnection(host.hostname, host.port)
    picked = [i for i, t in enumerate(texts) if known_to_llama_cpp(t, spec)]
    theirs = []
    for i in picked:
        body = json.dumps({"content": texts[i], "add_special": False, "parse_special": False})
        connection.request("POST", "/tokenize", body, {"Content-Type": "application/json"})
        theirs.append(json.loads(connection.getresponse().read())["tokens"])
    return compare("llama.cpp", [texts[i] for i in picked], [ours[i] for i in picked], theirs)


def main():
    try:
        from tokenizer_strings import read_spec, reference, strings
        import gguf  # noqa: F401
        import tokenizers  # noqa: F401
    except ImportError as error:
        skip(f"a package is missing: {error}")
    helper = os.path.join(os.environ.get("FAQSMITH_HELPERS", "build/release"), "encode_lines")
    if not os.path.exists(helper):
        skip(f"the helper {helper} is not built (set FAQSMITH_HELPERS to the build folder)")
    model = demo_model()
    spec = read_spec(model)
    tokenizer = reference(spec)
    raw = strings(N_STRINGS, SEED)
    texts = [r.decode("utf-8", errors="replace") for r in raw]
    ours, _ = encode_ours(helper, spec, [{"hex": r.hex()} for r in raw])
    wrong = compare("tokenizers", texts, ours, [e.ids for e in tokenizer.encode_batch(texts)])
    wrong += every_code_point(helper, spec, tokenizer)
    wrong += check_llama_cpp(model, spec, texts, ours)
    speed(helper, spec, tokenizer)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
