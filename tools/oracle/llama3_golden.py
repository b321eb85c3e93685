"""Writes tests/golden/tokenizer_llama3.json: a small vocabulary trained with Llama 3's rules, some of whose words lost their
merges, and strings with the ids that PyPI's tokenizers gives them under it. (Meta's own vocabulary, whose licence is not ours,
is compared in tests/tokenizer_families_test.py.)

Usage: python3 tools/oracle/llama3_golden.py
"""
import json
import pathlib
import tempfile

from tokenizer_families import load_reference, trained_vocabulary, write_llama3_folder
from tokenizer_strings import strings

N_TOKENS = 2_100
N_STRINGS = 400
CONTROL = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]


def cut(tokens, merges):
    """Every third of the later words is made by no merge any more: only a model that ignores merges finds it."""
    inside = {part for merge in merges for part in merge}
    lone = [t for t in tokens[600:] if t not in inside][::3]
    return tokens, [m for m in merges if "".join(m) not in set(lone)], lone


def main():
    tokens, merges, lone = cut(*trained_vocabulary(N_TOKENS))
    with tempfile.TemporaryDirectory() as folder:
        write_llama3_folder(folder, tokens, merges)
        tokenizer = load_reference(folder)
    ids = {t: i for i, t in enumerate(tokens)}
    cases = []
    for raw in strings(N_STRINGS, seed=21):
        found = tokenizer.encode(raw.decode("utf-8", errors="replace")).ids
        cases.append({"hex": raw.hex(), "ids": found, "decoded": tokenizer.decode(found, skip_special_tokens=False)})
    shown = {ids[t] for t in lone} & {i for case in cases for i in case["ids"]}
    golden = {
        "script": "tools/oracle/llama3_golden.py", "model": "gpt2", "pre": "llama-bpe", "tokens": tokens + CONTROL,
        "token_types": [1] * len(tokens) + [3] * len(CONTROL), "merges": [" ".join(m) for m in merges], "cases": cases,
    }  # fmt: skip
    path = pathlib.Path(__file__).parents[2] / "tests/golden/tokenizer_llama3.json"
    path.write_text(json.dumps(golden, ensure_ascii=True, separators=(",", ":")) + "\n")
    print(f"{path}: {len(cases)} strings, {len(tokens)} tokens, {len(shown)} of {len(lone)} words without merges occur, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
