"""GGUF adapters mean the same to llama.cpp: base model + adapter file = our merged model, by greedy text, for LoRA and rsLoRA
(whose scale is folded into alpha). The files are written by src/model/interchange_test.cc.

How texts are compared: llama_cpp.py.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import llama_cpp

try:
    import xllamacpp  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

TESTS = Path(os.environ["FAQSMITH"]).parent / "model_test"
PROMPTS = [[1, *((7 * i + 11 * j) % 250 + 5 for j in range(6))] for i in range(8)]


def greedy(model, adapter=None):
    return llama_cpp.greedy(model, PROMPTS, n_new=24, adapter=adapter, ignore_eos=True)


def texts(answers):
    return [[step[0][0] for step in answer] for answer in answers]


def main():
    if not TESTS.exists():
        print(f"skipped: {TESTS} is not built")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [str(TESTS), "--gtest_filter=Interchange.WritesAdaptersAndMergedModels", "--gtest_brief=1"]
        subprocess.run(command, env={**os.environ, "FAQSMITH_WRITE_FILES": name}, check=True)
        before = greedy(folder / "base.gguf")
        said = {}
        for kind in ("lora", "rslora"):
            adapted, merged = greedy(folder / "base.gguf", folder / f"{kind}.gguf"), greedy(folder / f"{kind}-merged.gguf")
            for a, b in zip(adapted, merged):
                _, difference = llama_cpp.compare(a, b)
                assert not difference, (kind, difference)
            said[kind] = texts(merged)
            changed = sum(a != b for a, b in zip(said[kind], texts(before)))
            assert changed >= len(PROMPTS) // 2, f"the {kind} adapter hardly changes anything: {changed}"
        assert said["lora"] != said["rslora"]
    print(f"llama.cpp: base + adapter = merged for {len(PROMPTS)} prompts of 24 tokens, LoRA and rsLoRA")


if __name__ == "__main__":
    main()
