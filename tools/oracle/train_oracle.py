"""Writes tests/golden/train_*.{safetensors,json}: what PyTorch, transformers and PEFT compute on tiny seeded models of each
Llama family: grouped heads, tied embeddings, biases, heads of their own width, each RoPE scaling, a sliding window.

    python3 tools/oracle/train_oracle.py [folder]        (needs PyPI: torch transformers peft safetensors)
    python3 tools/oracle/train_oracle.py --check         compares with the committed files instead

Each model has logits, the gradient of every weight, the gradient of every LoRA matrix, the losses of ten AdamW steps (full
and LoRA) and 64 greedy tokens. The loss of a step is the sum over its labelled tokens divided by their number, as in
src/train. Not a speed comparison: that is bench/.
"""
import copy
import json
import pathlib
import sys
import tempfile

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SHAPES = {  # name: (key/value heads, tied embeddings, LoRA targets, what else the configuration says)
    "mha_untied": (4, False, LINEARS, {}),
    "mha_tied": (4, True, ["q_proj", "v_proj"], {}),
    "gqa_untied": (2, False, ["k_proj", "o_proj", "up_proj"], {}),
    "gqa_tied": (2, True, LINEARS, {}),
    "bias": (2, False, LINEARS, {"attention_bias": True, "mlp_bias": True}),
    "wide_heads": (1, True, LINEARS, {"head_dim": 12}),
    "rope_linear": (2, True, ["q_proj", "k_proj"], {"rope": {"rope_type": "linear", "factor": 4.0}}),
    "rope_llama3": (2, True, ["q_proj", "k_proj"], {"rope": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32}}),
    "rope_yarn": (2, True, ["q_proj", "k_proj"], {"rope": {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}}),
    "rslora": (2, True, LINEARS, {"rslora": True}),
    "dora": (2, True, LINEARS, {"dora": True}),
    "dora_bias": (2, False, ["q_proj", "v_proj", "up_proj"], {"dora": True, "attention_bias": True, "mlp_bias": True}),
    "window": (2, False, ["q_proj", "v_proj"], {"sliding_window": 6}),  # Mistral
}
ADAM = {"lr": 3e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.1, "clip": 1.0}
RANK, ALPHA, STEPS = 4, 8.0, 10
STEADY = 3e-6  # what float32 may be off, relative


def build(kv_heads, tied, more):
    common = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                  num_key_value_heads=kv_heads, head_dim=more.get("head_dim", 8), vocab_size=64,
                  max_position_embeddings=128, rope_theta=10000.0, rms_norm_eps=1e-5, tie_word_embeddings=tied)
    if "rope" in more:
        common["rope_parameters"] = {"rope_theta": 10000.0, **more["rope"]}
    if "sliding_window" in more:
        config = MistralConfig(**common, sliding_window=more["sliding_window"])
    else:
        config = LlamaConfig(**common, attention_bias=more.get("attention_bias", False), mlp_bias=more.get("mlp_bias", False))
    config._attn_implementation = "eager"
    model = (MistralForCausalLM if "sliding_window" in more else LlamaForCausalLM)(config).float().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():  # larger than the default 0.02, so that every path matters
            p.copy_(1 + 0.1 * torch.randn_like(p) if "norm" in name else 0.2 * torch.randn_like(p))
    return model


def batch():
    """Three sequences of unequal length; labels[i] is the token to predict at i, or -100 (prompt)."""
    rows = []
    for length, prompt in [(11, 4), (7, 2), (17, 9)]:
        ids = torch.randint(0, 64, (length,)).tolist()
        rows.append({"ids": ids, "trained": [i >= prompt for i in range(length)]})
    return rows


def step_loss(model, rows):
    total, count, logits = 0.0, 0, []
    for row in rows:
        out = model(input_ids=torch.tensor([row["ids"]])).logits[0]
        logits.append(out.detach())
        labels = torch.tensor([i if t else -100 for i, t in zip(row["ids"], row["trained"])][1:])
        total = total + torch.nn.functional.cross_entropy(out[:-1], labels, ignore_index=-100, reduction="sum")
        count += int((labels != -100).sum())
    return total / count, torch.cat(logits)


def adam_losses(model, rows):
    is_plain = lambda name: "norm" in name or name.endswith(".bias")
    decayed = [p for n, p in model.named_parameters() if p.requires_grad and not is_plain(n)]
    plain = [p for n, p in model.named_parameters() if p.requires_grad and is_plain(n)]
    groups = [{"params": decayed, "weight_decay": ADAM["weight_decay"]}]
    if plain:
        groups.append({"params": plain, "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, lr=ADAM["lr"], betas=(ADAM["beta1"], ADAM["beta2"]), eps=ADAM["eps"])
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss, _ = step_loss(model, rows)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], ADAM["clip"])
        optimizer.step()
        losses.append(loss.item())
    return losses


def float32_is_off_by(model, rows, losses):
    """By how much the same steps in float64 end elsewhere. A gradient near Adam's epsilon makes every rounding show: with such
    a model the test would measure luck."""
    torch.set_default_dtype(torch.float64)
    exact = adam_losses(copy.deepcopy(model).double(), rows)
    torch.set_default_dtype(torch.float32)
    return max(abs(a / b - 1) for a, b in zip(losses, exact))


def greedy(model, prompt, n):
    ids = list(prompt)
    for _ in range(n):
        ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt):]


def add_lora(model, targets, more):
    peft = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets, lora_dropout=0.0,
                                            use_rslora=more.get("rslora", False), use_dora=more.get("dora", False)))
    with torch.no_grad():
        for name, p in peft.named_parameters():
            if "lora_B" in name:  # zero at the start of a real training: then the gradients of A would be zero too
                p.copy_(0.1 * torch.randn_like(p))
            if "magnitude" in name:  # the rows' own length at the start of a real training
                p.mul_(1 + 0.2 * torch.randn_like(p))
    return peft


def plain_name(name):  # base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight
    return name.replace("base_model.model.", "").replace(".default.weight", "")


def write(folder, name, seed):
    """False if float32 cannot tell this seed's losses."""
    torch.manual_seed(seed)
    kv_heads, tied, targets, more = SHAPES[name]
    model, rows, tensors = build(kv_heads, tied, more), batch(), {}
    start = {k: v.clone() for k, v in model.state_dict().items()}
    tensors |= {"weight." + n: p.detach().clone() for n, p in model.named_parameters()}
    loss, tensors["logits"] = step_loss(model, rows)
    loss.backward()
    tensors |= {"grad." + n: p.grad.clone() for n, p in model.named_parameters()}
    prompt = torch.randint(0, 64, (5,)).tolist()
    info = {"seed": seed, "torch": torch.__version__, "config": {
        "hidden_size": 32, "intermediate_size": 48, "n_layers": 2, "n_heads": 4, "n_kv_heads": kv_heads, "head_dim": 8,
        "vocab_size": 64, "max_positions": 128, "rope_theta": 10000.0, "rms_norm_eps": 1e-5, "tied_embeddings": tied, **more},
        "rows": rows, "loss": loss.item(), "prompt": prompt, "greedy": greedy(model, prompt, 64), "adam": ADAM,
        "lora": {"rank": RANK, "alpha": ALPHA, "targets": targets}}
    info["full_losses"] = adam_losses(model, rows)
    model.load_state_dict(start)
    model.zero_grad()
    if float32_is_off_by(model, rows, info["full_losses"]) > STEADY:
        return False
    peft = add_lora(model, targets, more).eval()
    trained = [(plain_name(n), p) for n, p in peft.named_parameters() if p.requires_grad]
    tensors |= {"lora." + n: p.detach().clone() for n, p in trained}
    loss, tensors["lora_logits"] = step_loss(peft, rows)
    loss.backward()
    tensors |= {"lora_grad." + n: p.grad.clone() for n, p in trained}
    info["lora_loss"] = loss.item()
    start = {k: v.clone() for k, v in peft.state_dict().items()}
    info["lora_losses"] = adam_losses(peft, rows)
    peft.load_state_dict(start)
    if float32_is_off_by(peft, rows, info["lora_losses"]) > STEADY:
        return False
    save_file({k: v.float().contiguous() for k, v in tensors.items()}, folder / f"train_{name}.safetensors")
    (folder / f"train_{name}.json").write_text(json.dumps(info) + "\n")
    print(name, "loss", info["loss"], "after ten steps", info["full_losses"][-1], "LoRA", info["lora_losses"][-1])
    return True


def write_all(folder):
    for k, name in enumerate(SHAPES):
        seed = 1234 + k
        while not write(folder, name, seed):
            seed += 100


def close(a, b):
    return abs(a - b) <= 1e-4 * max(1.0, abs(b))


def check(made, kept):
    """What this machine's PyTorch computes is what the committed files hold: text equal, numbers within 1e-4."""
    for name in SHAPES:
        tensors, golden = (load_file(folder / f"train_{name}.safetensors") for folder in (made, kept))
        assert tensors.keys() == golden.keys(), f"{name}: other tensors"
        worst = max(float((tensors[k] - golden[k]).abs().max() / golden[k].abs().max().clamp(min=1e-6)) for k in golden)
        info, known = (json.loads((folder / f"train_{name}.json").read_text()) for folder in (made, kept))
        losses = [key for key in known if "loss" in key]
        same = all(all_close(info[key], known[key]) for key in losses)
        assert worst < 1e-4 and same and info["greedy"] == known["greedy"] and info["rows"] == known["rows"], f"{name} differs"
        print(f"{name}: {len(golden)} tensors equal, largest relative difference {worst:.1e}; losses and 64 greedy tokens the same")


def all_close(a, b):
    return all(map(close, a, b)) if isinstance(a, list) else close(a, b)


def main():
    golden = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
    if "--check" in sys.argv:
        with tempfile.TemporaryDirectory() as name:
            target = pathlib.Path(name)
            write_all(target)
            check(target, golden)
        return
    write_all(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else golden)


if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    main()
