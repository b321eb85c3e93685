"""The peer of train_bench: LoRA with transformers and PEFT as their documentation shows it, on this processor.

    python bench/peft_peer.py MODEL.gguf PAIRS.jsonl fp32|amp [steps] [full]

Rank 16, alpha 32, all seven linears, 16 padded pairs a step, answers of at most 110 tokens, AdamW; "amp" is bf16 autocast, "full"
trains every weight instead. Prints real tokens a second (padding is not counted) of each step after the first, and their median."""

import json
import pathlib
import random
import statistics
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

ROWS, MAX_ANSWER = 16, 110


def load(path, full):
    where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    if not full:
        linears = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=linears))
    return AutoTokenizer.from_pretrained(**where), model


def encode(tokenizer, line):
    row = json.loads(line)
    chat = [{"role": "user", "content": row["question"]}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prompt, row["answer"])]
    answer = ids[1][:MAX_ANSWER] + [tokenizer.eos_token_id]
    return ids[0] + answer, [-100] * len(ids[0]) + answer


def collate(rows, pad):
    width = max(len(ids) for ids, _ in rows)
    batch = {
        "input_ids": [ids + [pad] * (width - len(ids)) for ids, _ in rows],
        "labels": [labels + [-100] * (width - len(labels)) for _, labels in rows],
        "attention_mask": [[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows],
    }
    return {name: torch.tensor(values) for name, values in batch.items()}


def main():
    path, pairs, mode = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
    steps = int(sys.argv[4]) if len(sys.argv) > 4 else 6
    full = "full" in sys.argv[5:]
    tokenizer, model = load(path, full)
    lines = pathlib.Path(pairs).read_text(encoding="utf8").splitlines()
    rows = [encode(tokenizer, line) for line in lines]
    random.Random(0).shuffle(rows)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-4 if full else 1e-3, weight_decay=0)
    rates = []
    for step in range(steps + 1):
        batch = collate([rows[(step * ROWS + i) % len(rows)] for i in range(ROWS)], tokenizer.eos_token_id)
        start = time.time()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mode == "amp"):
            loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step > 0:
            rates.append(int(batch["attention_mask"].sum()) / (time.time() - start))
            print(f"step {step} loss {loss.item():.3f} real tok/s {rates[-1]:.0f}", flush=True)
    kind = "full" if full else "lora"
    print(f"RESULT PEFT {kind} {mode} median real tok/s {statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f})")


if __name__ == "__main__":
    main()
