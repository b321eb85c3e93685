"""Every export form says the same in the programs that it is for, by greedy text (part of `make parity`).

    python tools/oracle/export_parity.py BASE.gguf --tests build/release/model_test

For a seeded LoRA, rsLoRA and DoRA: PEFT applies the adapter folder to the base model in float32 on its own; llama.cpp runs the
merged F32 file with a float32 KV cache, and (not for DoRA) the base file with the GGUF adapter. The merged Hugging Face folder in
F32 is run by transformers. The other forms are loaded: BF16 must hold the same values as folder and as GGUF, and llama.cpp must
begin most answers of F16, BF16, Q8_0, Q4_0 and Q4_K as those of F32.
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
from transformers import AutoModelForCausalLM

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


def llama_cpp(path, prompts, n_new, adapter=None):
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
    if adapter:
        lora = xllamacpp.CommonAdapterLoraInfo()
        lora.path, lora.scale = str(adapter), 1.0
        params.lora_adapters = [lora]
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
            agreed, difference = compare(x, y, self.end)
            same += agreed
            if difference:
                self.failures += 1
                print(f"{what}: {prompt}: DIFFERS at {difference}")
        print(f"{what}: {same} tokens agree over {len(PROMPTS)} prompts")


def check_adapter(arguments, folder, kind, prompts, texts):
    """Returns what llama.cpp says with the merged F32 file."""
    merged = llama_cpp(folder / "merged-f32.gguf", prompts, arguments.tokens)
    base = hf_from_gguf.load(arguments.base)
    before = [[step[0][0] for step in torch_top_two(base, ids, 8)] for ids in prompts[:3]]
    model = PeftModel.from_pretrained(base, folder / "adapter").eval()
    peft = [torch_top_two(model, ids, arguments.tokens) for ids in prompts]
    texts.equal(f"{kind}: PEFT with the adapter, llama.cpp with the merged file", merged, peft)
    if not any(b != [step[0][0] for step in p[:8]] for b, p in zip(before, peft)):
        raise SystemExit(f"the {kind} adapter changes nothing")
    if kind != "dora":
        adapted = llama_cpp(folder / "base-f32.gguf", prompts, arguments.tokens, folder / "adapter.gguf")
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
    for kind in ("f16", "bf16", "q8_0", "q4_0", "q4_k"):
        theirs = llama_cpp(folder / f"merged-{kind}.gguf", prompts, 8)
        begun = sum(a[0][0][0] == b[0][0][0] for a, b in zip(merged, theirs))
        print(f"{kind}: llama.cpp begins {begun} of {len(prompts)} answers as with F32")
        texts.failures += begun * 2 < len(prompts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--tests", required=True, help="the unit test program of src/model")
    parser.add_argument("--tokens", type=int, default=32)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    prompts, _, end = chatml_ids(arguments.base, PROMPTS)
    texts = Texts(end)
    for kind in ("lora", "rslora", "dora"):
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
