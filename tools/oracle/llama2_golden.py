"""Writes tests/golden/tokenizer_llama2.json: Llama 2's vocabulary and every fourth of 6,000 texts with the ids (without BOS)
that an independent implementation gives them.

Usage: python3 tools/oracle/llama2_golden.py FOLDER, which holds vocabulary.json (id to piece) and vectors.jsonl ({"text", "ids"}).
"""
import json
import pathlib
import sys

BOS = 1


def main():
    folder = pathlib.Path(sys.argv[1])
    tokens = json.loads((folder / "vocabulary.json").read_text())
    vectors = [json.loads(line) for line in (folder / "vectors.jsonl").read_text().split("\n") if line]
    assert all(v["ids"][0] == BOS for v in vectors if v["text"])  # the empty text has none at all
    vectors = [v for v in vectors if "://pypi" not in v["text"]]  # this repository names no registry's host
    cases = [[v["text"], v["ids"][1:]] for v in vectors[::4]]
    golden = {"script": "tools/oracle/llama2_golden.py", "tokens": tokens, "cases": cases}
    path = pathlib.Path(__file__).parents[2] / "tests/golden/tokenizer_llama2.json"
    path.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{path}: {len(cases)} strings, {len(tokens)} tokens, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
