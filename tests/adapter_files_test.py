"""GGUF adapters mean the same to llama.cpp: base model + adapter file = our merged model, by greedy text, for LoRA and rsLoRA
(whose scale is folded into alpha). The files are written by src/model/interchange_test.cc.

Both run in llama.cpp (PyPI: xllamacpp) with a float32 KV cache. A first differing token is accepted only where the two best of
both lie within 1e-3; from there on the texts may differ.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import xllamacpp
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

TESTS = Path(os.environ["FAQSMITH"]).parent / "model_test"
CLOSE = 1e-3
PROMPTS = [[1, *((7 * i + 11 * j) % 250 + 5 for j in range(6))] for i in range(8)]


def greedy(model, adapter=None, n_new=24):
    """For each prompt the steps' two best (id, log-probability); the first of them was taken."""
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx, params.warmup, params.no_extra_bufts = 128, False, True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    if adapter:
        lora = xllamacpp.CommonAdapterLoraInfo()
        lora.path, lora.scale = str(adapter), 1.0
        params.lora_adapters = [lora]
    server = xllamacpp.Server(params)
    out = []
    for ids in PROMPTS:
        request = {"prompt": ids, "n_predict": n_new, "temperature": 0.0, "n_probs": 2, "cache_prompt": False, "ignore_eos": True}
        reply = server.handle_completions(request)
        if "choices" not in reply:
            raise SystemExit(f"llama.cpp: {reply}")
        steps = reply["choices"][0]["logprobs"]["content"]
        out.append([[(top["id"], top["logprob"]) for top in step["top_logprobs"]] for step in steps])
    return out


def agree(a, b):
    for x, y in zip(a, b):
        if x[0][0] != y[0][0]:
            close = all(abs(step[0][1] - step[1][1]) <= CLOSE for step in (x, y))
            return close and {x[0][0], x[1][0]} == {y[0][0], y[1][0]}
    return len(a) == len(b)


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
            assert all(agree(a, b) for a, b in zip(adapted, merged)), (kind, texts(adapted), texts(merged))
            said[kind] = texts(merged)
            changed = sum(a != b for a, b in zip(said[kind], texts(before)))
            assert changed >= len(PROMPTS) // 2, f"the {kind} adapter hardly changes anything: {changed}"
        assert said["lora"] != said["rslora"]
    print(f"llama.cpp: base + adapter = merged for {len(PROMPTS)} prompts of 24 tokens, LoRA and rsLoRA")


if __name__ == "__main__":
    main()
