#!/usr/bin/env python3
"""Encoding speed of faqsmith against PyPI's tokenizers, one core each, on the same text and vocabularies.

    python3 bench/tokenizer_peer.py    # FAQSMITH_HELPERS: the folder with encode_lines; the text: docs and sources of this project

Prints MB/s, the best of five runs of each, in turn.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools/oracle"), str(ROOT / "tests")]
ROUNDS = 5
N_BYTES = 4_000_000


def lines():
    """Paragraphs, as documents come."""
    files = [p for pattern in ("docs/**/*.md", "src/**/*.cc", "*.md") for p in sorted(ROOT.glob(pattern))]
    text = "\n\n".join(p.read_text() for p in files)
    parts = [part for part in text.split("\n\n") if part.strip()]
    out, size = [], 0
    while size < N_BYTES:
        for part in parts:
            out.append(part)
            size += len(part.encode())
    return out, size


def ours(source, parts, size):
    helper = os.path.join(os.environ.get("FAQSMITH_HELPERS", str(ROOT / "build/release")), "encode_lines")
    feed = "".join(json.dumps({"text": part}) + "\n" for part in parts)
    done = subprocess.run([helper, str(source)], input=feed.encode(), capture_output=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return size / float(done.stderr.split()[-2])


def theirs(tokenizer, parts, size):
    start = time.perf_counter()
    for part in parts:
        tokenizer.encode(part, add_special_tokens=False)
    return size / (time.perf_counter() - start)


def measure(name, source, parts, size):
    from tokenizer_families import load_reference

    tokenizer = load_reference(source)
    ours(source, parts, size), theirs(tokenizer, parts, size)
    rates = [(ours(source, parts, size), theirs(tokenizer, parts, size)) for _ in range(ROUNDS)]
    a, b = max(r[0] for r in rates) / 1e6, max(r[1] for r in rates) / 1e6
    print(f"{name}: faqsmith {a:.1f} MB/s, tokenizers {b:.1f} MB/s, {a / b:.1f} x")


def main():
    import tokenizers
    from tokenizer_families import llama3_vocabulary, trained_vocabulary, write_llama2_folder, write_llama3_folder
    from tokenizer_families_test import meta_llama3

    parts, size = lines()
    print(f"{size / 1e6:.1f} MB in {len(parts)} paragraphs, tokenizers {tokenizers.__version__}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tokens = json.loads((ROOT / "tests/golden/tokenizer_llama2.json").read_text())["tokens"]
        write_llama2_folder(folder / "llama2", tokens, "prepend")
        measure("Llama 2", folder / "llama2", parts, size)
        path = meta_llama3()
        write_llama3_folder(folder / "llama3", *(llama3_vocabulary(path) if path else trained_vocabulary()))
        measure("Llama 3" if path else "Llama 3's rules, trained vocabulary", folder / "llama3", parts, size)


if __name__ == "__main__":
    main()
