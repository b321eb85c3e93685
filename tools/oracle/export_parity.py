"""Every export form says the same in the programs that it is for, by greedy text (part of `make parity`).

    python tools/oracle/export_parity.py BASE.gguf --tests build/release/model_test

For a seeded LoRA, rsLoRA and DoRA: PEFT applies the adapter folder to the base model in float32 on its own; llama.cpp runs the
merged F32 file with a float32 KV cache, and (not for DoRA) the base file with the GGUF adapter. The merged Hugging Face folder in
F32 is run by transformers. BF16 must hold the same values as folder and as GGUF. On F16, BF16, Q8_0, Q4_0 and Q4_K the next tokens of
llama.cpp must lie within a bound (mean KL) of float32 over the values in the file.
How texts are compared: tests/llama_cpp.py. Q and K rows are permuted in GGUF and not in PEFT, so a
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
from transformers import AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).parent))
import chatml_prompts  # noqa: E402
import hf_from_gguf  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
import llama_cpp  # noqa: E402

SYSTEM = "You answer questions."
# Mean KL of llama.cpp's next token from float32 over the file's own values. Where weights are quantised llama.cpp rounds activations too.
KL_BOUNDS = {"f16": 0.001, "bf16": 0.002, "q8_0": 0.02, "q4_0": 0.02, "q4_k": 0.02}
KINDS = ("lora", "rslora", "dora")
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


def mean_kl(path, prompts, n_new=8, n_probs=500):
    """Over llama.cpp's own greedy text, of its n_probs best tokens; float32 over the values that the package gguf reads from the file."""
    model, all_kl = hf_from_gguf.load(path), []
    for ids, steps in zip(prompts, llama_cpp.greedy(path, prompts, n_new, n_probs=n_probs)):
        text = torch.tensor([[*ids, *(step[0][0] for step in steps[:-1])]])
        with torch.inference_mode():
            ours = torch.log_softmax(model(text).logits[0, len(ids) - 1 :].double(), -1)
        for step, row in zip(steps, ours):
            tokens, theirs = (torch.tensor(column) for column in zip(*step))
            all_kl.append((theirs.double().exp() * (theirs.double() - row[tokens])).sum().item())
    return sum(all_kl) / len(all_kl)


def write_exports(arguments, folder, kind):
    environment = {**os.environ, "FAQSMITH_MERGE_BASE": arguments.base, "FAQSMITH_WRITE_FILES": str(folder), "FAQSMITH_ADAPTER_KIND": kind}
    command = [arguments.tests, "--gtest_filter=Interchange.MergesASeededAdapter", "--gtest_brief=1"]
    subprocess.run(command, env=environment, check=True)


class Texts:
    """Compares greedy texts prompt by prompt and counts."""

    def __init__(self, end):
        self.end, self.failures = end, 0

    def equal(self, what, a, b):
        same = 0
        for prompt, x, y in zip(PROMPTS, a, b):
            agreed, difference = llama_cpp.compare(x, y, self.end)
            same += agreed
            if difference:
                self.failures += 1
                print(f"{what}: {prompt}: DIFFERS at {difference}")
        print(f"{what}: {same} tokens agree over {len(PROMPTS)} prompts")


def check_adapter(arguments, folder, kind, prompts, texts):
    """Returns what llama.cpp says with the merged F32 file."""
    merged = llama_cpp.greedy(folder / "merged-f32.gguf", prompts, arguments.tokens)
    base = hf_from_gguf.load(arguments.base)
    before = [[step[0][0] for step in torch_top_two(base, ids, 8)] for ids in prompts[:3]]
    model = PeftModel.from_pretrained(base, folder / "adapter").eval()
    peft = [torch_top_two(model, ids, arguments.tokens) for ids in prompts]
    texts.equal(f"{kind}: PEFT with the adapter, llama.cpp with the merged file", merged, peft)
    if not any(b != [step[0][0] for step in p[:8]] for b, p in zip(before, peft)):
        raise SystemExit(f"the {kind} adapter changes nothing")
    if kind != "dora":
        adapted = llama_cpp.greedy(folder / "base-f32.gguf", prompts, arguments.tokens, adapter=folder / "adapter.gguf")
        texts.equal(f"{kind}: llama.cpp with the GGUF adapter, with the merged file", merged, adapted)
    return merged


def check_whole_models(arguments, folder, prompts, texts, merged):
    whole = AutoModelForCausalLM.from_pretrained(folder / "merged-hf-f32", dtype=torch.float32).eval()
    texts.equal("hf f32: transformers, llama.cpp with the merged file", merged, [torch_top_two(whole, ids, arguments.tokens) for ids in prompts])
    bf16 = AutoModelForCausalLM.from_pretrained(folder / "merged-hf-bf16", dtype=torch.float32).state_dict()
    for name, values in hf_from_gguf.load(folder / "merged-bf16.gguf").state_dict().items():
        is_norm = values.dim() == 1  # F32 in GGUF
        if not torch.equal(values.to(torch.bfloat16).float() if is_norm else values, bf16[name]):
            raise SystemExit(f"{name}: BF16 as a folder and as GGUF differ")
    print("hf bf16 = bf16.gguf, value by value")
    for kind, bound in KL_BOUNDS.items():
        kl = mean_kl(folder / f"merged-{kind}.gguf", prompts)
        print(f"{kind}: llama.cpp's mean KL from the file's values in float32 is {kl:.5f} (bound {bound})")
        texts.failures += not kl <= bound


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--tests", required=True, help="the unit test program of src/model")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    prompts, end = chatml_prompts.render(arguments.base, SYSTEM, PROMPTS)
    texts = Texts(end)
    for kind in arguments.kinds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_exports(arguments, folder, kind)
            merged = check_adapter(arguments, folder, kind, prompts, texts)
            if kind == "lora":
                check_whole_models(arguments, folder, prompts, texts, merged)
    print(json.dumps({"prompts": len(PROMPTS), "failures": texts.failures}))
    sys.exit(1 if texts.failures else 0)


if __name__ == "__main__":
    main()
