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

import gguf
from tokenizers import Tokenizer, models, pre_tokenizers

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


def render(path):
    """ChatML by the file's own tokens: control tokens by id, text by the PyPI package tokenizers."""
    reader = gguf.GGUFReader(path)
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in reader.fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    start, end = tokens.index("<|im_start|>"), tokens.index("<|im_end|>")

    def text(piece):
        return tokenizer.encode(piece).ids

    prompts = []
    for prompt in PROMPTS:
        system = [start, *text("system\n" + SYSTEM), end, *text("\n")]
        user = [start, *text("user\n" + prompt), end, *text("\n")]
        prompts.append([*system, *user, start, *text("assistant\n")])
    return prompts


def llama_cpp(path, prompts, n_new, n_probs):
    """For each prompt the steps: the n_probs best (id, log-probability), the first of which was taken."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.warmup, params.no_extra_bufts = 1024, False, True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = os.cpu_count()
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    # Its flash attention on the CPU rounds: log-probabilities move by 4e-3 from float64, without it by 1e-4.
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(params)
    replies = []
    for ids in prompts:
        request = {"prompt": ids, "n_predict": n_new, "temperature": 0.0, "n_probs": n_probs, "cache_prompt": False}
        reply = server.handle_completions(request)
        if "choices" not in reply:
            raise SystemExit(f"llama.cpp: {reply}")
        steps = reply["choices"][0]["logprobs"]["content"]
        replies.append([[[top["id"], top["logprob"]] for top in step["top_logprobs"]] for step in steps])
    return replies


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
    prompts = render(arguments.model)
    with tempfile.TemporaryDirectory() as name:
        full, record = Path(name) / "f32.gguf", Path(name) / "llama_cpp.json"
        base = {"FAQSMITH_DEMO_MODEL": arguments.model}
        if run_tests(tests, "ParityFiles.WritesTheModelAsF32", FAQSMITH_WRITE_FILES=str(full), **base):
            sys.exit(1)
        theirs = {
            "prompts": [{"system": SYSTEM, "user": user, "ids": ids} for user, ids in zip(PROMPTS, prompts)],
            "f32": llama_cpp(full, prompts, arguments.tokens, 2),
            "quantised": llama_cpp(arguments.model, prompts, 16, 500),
        }
        record.write_text(json.dumps(theirs))
        if arguments.keep:
            Path(arguments.keep).write_text(json.dumps(theirs))
        sys.exit(run_tests(tests, "Parity.*", FAQSMITH_PARITY_RECORD=str(record), **base))


if __name__ == "__main__":
    main()
