"""Adapter in PEFT = merged F32 GGUF in llama.cpp, by greedy text (part of `make parity`).

    python tools/oracle/export_parity.py BASE.gguf --tests build/release/model_test    # a seeded adapter
    python tools/oracle/export_parity.py BASE.gguf --adapter DIR --merged FILE.gguf    # an export of a real run

PEFT applies the adapter to the base model in float32 on its own; llama.cpp runs the merged file with a float32 KV cache.
Each prompt is continued greedily by both. A first differing token is accepted only where the two best logits of both
engines lie within 1e-3; from there on the texts may differ. Q and K rows are permuted in GGUF and not in PEFT, so a
permutation that is wrong in one direction shows at once. Exit code 0 = parity.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import PeftModel

sys.path.insert(0, str(Path(__file__).parent))
import hf_from_gguf  # noqa: E402

CLOSE = 1e-3
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
]


def llama_cpp(path, prompts, n_new):
    """For each prompt (ids): the greedy ids, and for each step the two best (id, log-probability)."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.warmup, params.no_extra_bufts = 1024, False, True
    # One thread: llama.cpp's threads spin at every step, which stops a machine that does anything else.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    # Its flash attention on the CPU rounds: log-probabilities move by 4e-3 from float64, without it by 1e-4.
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(params)
    out = []
    for ids in prompts:
        request = {"prompt": ids, "n_predict": n_new, "temperature": 0.0, "n_probs": 2, "cache_prompt": False}
        reply = server.handle_completions(request)
        if "choices" not in reply:
            raise SystemExit(f"llama.cpp: {reply}")
        steps = reply["choices"][0]["logprobs"]["content"]
        out.append([[(top["id"], top["logprob"]) for top in step["top_logprobs"]] for step in steps])
    return out


def torch_top_two(model, ids, n_new):
    """Greedy continuation with the two best (id, logit) of each step; one growing forward pass a token."""
    steps, cache, feed = [], None, torch.tensor([ids])
    with torch.inference_mode():
        for _ in range(n_new):
            result = model(feed, past_key_values=cache, use_cache=True)
            cache = result.past_key_values
            best = torch.topk(result.logits[0, -1].float(), 2)
            steps.append(list(zip(best.indices.tolist(), best.values.tolist())))
            feed = best.indices[:1].reshape(1, 1)
    return steps


def chatml_ids(base, prompts):
    """ChatML by the file's own tokens: control tokens by id, text by the PyPI package tokenizers."""
    import gguf
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    reader = gguf.GGUFReader(base)
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in reader.fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    start, end = tokens.index("<|im_start|>"), tokens.index("<|im_end|>")

    def turn(text):
        return tokenizer.encode(text).ids

    newline = turn("\n")
    rendered = []
    for prompt in prompts:
        system = [start, *turn("system\nYou answer questions."), end, *newline]
        user = [start, *turn("user\n" + prompt), end, *newline]
        rendered.append([*system, *user, start, *turn("assistant\n")])
    return rendered, tokenizer, end


def compare(theirs, peft, end):
    """(tokens that agree, None or the description of an unacceptable difference)"""
    for at, (a, b) in enumerate(zip(theirs, peft)):
        if a[0][0] != b[0][0]:
            gaps = [abs(step[0][1] - step[1][1]) for step in (a, b)]
            same_two = {a[0][0], a[1][0]} == {b[0][0], b[1][0]}
            if same_two and max(gaps) <= CLOSE:
                return at, None
            return at, f"token {at}: {a} against {b}"
        if a[0][0] == end:
            return at + 1, None
    return min(len(theirs), len(peft)), None


def exports(arguments, folder):
    if arguments.adapter:
        return Path(arguments.adapter), Path(arguments.merged)
    environment = {**os.environ, "FAQSMITH_MERGE_BASE": arguments.base, "FAQSMITH_WRITE_FILES": str(folder)}
    command = [arguments.tests, "--gtest_filter=Interchange.MergesASeededAdapter", "--gtest_brief=1"]
    subprocess.run(command, env=environment, check=True)
    return folder / "adapter", folder / "merged-f32.gguf"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--tests", help="the unit test program of src/model")
    parser.add_argument("--adapter")
    parser.add_argument("--merged")
    parser.add_argument("--tokens", type=int, default=32)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        adapter, merged = exports(arguments, Path(name))
        prompts, tokenizer, end = chatml_ids(arguments.base, PROMPTS)
        base = hf_from_gguf.load(arguments.base)
        before = [[step[0][0] for step in torch_top_two(base, ids, 8)] for ids in prompts[:3]]
        model = PeftModel.from_pretrained(base, adapter).eval()
        peft = [torch_top_two(model, ids, arguments.tokens) for ids in prompts]
        theirs = llama_cpp(merged, prompts, arguments.tokens)
    changed = sum(b != [step[0][0] for step in p[:8]] for b, p in zip(before, peft))
    failures, agreed = 0, 0
    for prompt, a, b in zip(PROMPTS, theirs, peft):
        same, difference = compare(a, b, end)
        agreed += same
        text = tokenizer.decode([step[0][0] for step in b[:same]], skip_special_tokens=False)
        print(f"{prompt}\n  {text!r}: {same} tokens agree")
        if difference:
            failures += 1
            print(f"  DIFFERS at {difference}")
    report = {"prompts": len(PROMPTS), "failures": failures, "tokens_agreed": agreed, "changed_by_adapter": f"{changed}/3"}
    print(json.dumps(report))
    sys.exit(1 if failures or not changed else 0)


if __name__ == "__main__":
    main()
