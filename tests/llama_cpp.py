"""Greedy text of llama.cpp (PyPI: xllamacpp) as exact as it can be: float32 KV cache, no repacked weights, no flash attention
(on the CPU it rounds: log-probabilities move by 4e-3 from float64, without it by 1e-4)."""

CLOSE = 1e-3


def greedy(model, prompts, n_new, *, n_probs=2, adapter=None, ignore_eos=False):
    """For each prompt (ids) the steps: the n_probs best (id, log-probability), the first of which was taken."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx, params.warmup, params.no_extra_bufts = 1024, False, True
    # One thread: llama.cpp's threads spin at every step, which stops a machine that does anything else.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    if adapter:
        lora = xllamacpp.CommonAdapterLoraInfo()
        lora.path, lora.scale = str(adapter), 1.0
        params.lora_adapters = [lora]
    server = xllamacpp.Server(params)
    out = []
    for ids in prompts:
        request = {"prompt": ids, "n_predict": n_new, "temperature": 0.0, "n_probs": n_probs, "cache_prompt": False, "ignore_eos": ignore_eos}
        reply = server.handle_completions(request)
        if "choices" not in reply:
            raise SystemExit(f"llama.cpp: {reply}")
        steps = reply["choices"][0]["logprobs"]["content"]
        out.append([[(top["id"], top["logprob"]) for top in step["top_logprobs"]] for step in steps])
    return out


def compare(a, b, end=None):
    """Steps of two engines: (tokens that agree, None or the description of an unacceptable difference). A first differing token is
    accepted where the two best of both lie within CLOSE; from there on the texts may differ. `end` ends a text; one engine may then have
    fewer steps."""
    for at, (x, y) in enumerate(zip(a, b)):
        if x[0][0] != y[0][0]:
            same_two = {x[0][0], x[1][0]} == {y[0][0], y[1][0]}
            if same_two and all(abs(step[0][1] - step[1][1]) <= CLOSE for step in (x, y)):
                return at, None
            return at, f"token {at}: {x[:2]} against {y[:2]}"
        if x[0][0] == end:
            return at + 1, None
    if end is None and len(a) != len(b):
        return min(len(a), len(b)), f"{len(a)} tokens against {len(b)}"
    return min(len(a), len(b)), None
