"""Greedy text of 20 ChatML prompts: faqsmith = llama.cpp (part of `make parity`).

    python tools/oracle/llama_cpp_greedy.py --model BASE.gguf --build build/release [--keep FILE.json]

1. faqsmith writes BASE as an F32 GGUF (save_gguf); llama.cpp (PyPI: xllamacpp) continues each prompt greedily with a
   float32 KV cache; faqsmith's f32 engine must give the same tokens. A first differing token is accepted only where the
   two best of both engines lie within 1e-3; from there on the texts may differ.
2. On BASE itself (Q4_1: llama.cpp also rounds activations, faqsmith does not) the mean Kullback-Leibler divergence over
   the positions of llama.cpp's own text must stay within the bound that src/infer/parity_test.cc states.

Prompts are tokenized here by the PyPI package tokenizers, not by faqsmith. Exit code 0 = parity.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import chatml_prompts

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
import llama_cpp  # noqa: E402

SYSTEM = "You answer questions briefly."
PROMPTS = [
    "What is Debian?",
    "How do I install a package?",
    "Explain what a kernel is in one sentence.",
    "Who may become a developer?",
    "Write a haiku about the sea.",
    "List three colours.",
    "Which mirror should I use?",
    "What does apt-get update do?",
    "Is it legal to sell copies?",
    "Translate 'good morning' into French.",
    "What is 17 + 25?",
    "Reword: How can I report a bug?",
    "Wie heißt die Hauptstadt von Österreich?",
    "def add(a, b):  # finish this function",
    "Why is the sky blue?",
    "Name the planets of the solar system in order.",
    "What is the difference between TCP and UDP?",
    "Summarise: The cat sat on the mat. It was warm. It slept.",
    "Give me a title for a story about a robot 🤖.",
    "How many days are there in February 2024?",
]


def run_tests(program, names, **environment):
    command = [str(program), f"--gtest_filter={names}", "--gtest_brief=1"]
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="the Q4_1 GGUF")
    parser.add_argument("--build", required=True, help="the folder of infer_test")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--keep", help="also write llama.cpp's side here")
    arguments = parser.parse_args()
    tests = Path(arguments.build) / "infer_test"
    prompts, _ = chatml_prompts.render(arguments.model, SYSTEM, PROMPTS)
    with tempfile.TemporaryDirectory() as name:
        full, record = Path(name) / "f32.gguf", Path(name) / "llama_cpp.json"
        base = {"FAQSMITH_DEMO_MODEL": arguments.model}
        if run_tests(tests, "ParityFiles.WritesTheModelAsF32", FAQSMITH_WRITE_FILES=str(full), **base):
            sys.exit(1)
        theirs = {
            "prompts": [{"system": SYSTEM, "user": user, "ids": ids} for user, ids in zip(PROMPTS, prompts)],
            "f32": llama_cpp.greedy(full, prompts, arguments.tokens),
            "quantised": llama_cpp.greedy(arguments.model, prompts, 16, n_probs=500),
        }
        record.write_text(json.dumps(theirs))
        if arguments.keep:
            Path(arguments.keep).write_text(json.dumps(theirs))
        sys.exit(run_tests(tests, "Parity.*", FAQSMITH_PARITY_RECORD=str(record), **base))


if __name__ == "__main__":
    main()
