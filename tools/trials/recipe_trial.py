#!/usr/bin/env python3
"""Trials of the recipe with PyTorch on a GPU: the same rows as `faqsmith train`, one setting changed at a time, scored on
questions that nobody trained on. What they say stands in docs/decisions/.

    tools/trials/recipe_trial.py DATA MODEL.gguf OUT.jsonl '{"name": "base", "steps": 400}'

DATA is written by recipe_data.py. OUT gets one line a question: its greedy answer and the log-probabilities of its tokens."""
import collections
import json
import math
import pathlib
import random
import re
import sys
import time

import torch
from tokenizers import Tokenizer

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "oracle"))
import hf_from_gguf  # noqa: E402

DEFAULTS = {"name": "", "seed": 1, "steps": 400, "rows": 16, "lr": 4e-4, "question_weight": 0.3, "openings": 0.75,
            "opening_tokens": 16, "restate": "", "freeze_layers": 0, "freeze_embedding": False, "wordings": 0, "candidates": [], "cut": False,
            "weight_decay": 0.01, "restate_weight": 1.0}
REWORDED = ("teacher", "ask", "reword", "rule", "keywords", "context")


def read(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf8").splitlines()]


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def token_f1(a, b):
    a, b = words(a), words(b)
    shared = sum((collections.Counter(a) & collections.Counter(b)).values())
    return 2 * shared / (len(a) + len(b)) if shared else 0.0


class Trial:
    def __init__(self, folder, model, settings):
        self.s = {**DEFAULTS, **settings}
        unknown = set(settings) - set(DEFAULTS)
        assert not unknown, unknown
        folder = pathlib.Path(folder)
        self.rows, self.facts, self.people = (read(folder / f"{n}.jsonl") for n in ("rows", "facts", "people"))
        self.fact = {f["id"]: f for f in self.facts}
        self.control = json.loads((folder / "control.json").read_text())
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.topic = (folder / "topic").read_text()
        self.end = self.control["<|im_end|>"]
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = hf_from_gguf.load(model).to(self.device)
        random.seed(self.s["seed"])
        torch.manual_seed(self.s["seed"])

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def turn(self, role, text):
        return [self.control["<|im_start|>"], *self.encode(f"{role}\n{text}"), self.end, *self.encode("\n")]

    def prompt(self, question):
        return (self.turn("system", f"You answer questions about {self.topic}.") + self.turn("user", question)
                + [self.control["<|im_start|>"], *self.encode("assistant\n")])

    def canonical(self, row):
        fact = self.fact.get(row["fact"])
        return fact["question"] if fact else None

    def example(self, row):
        """ids and the weight of each token's loss."""
        prompt = self.prompt(row["question"])
        system = self.turn("system", f"You answer questions about {self.topic}.")
        user = len(system) + 1 + len(self.encode("user\n"))
        n_question = len(self.encode(f"user\n{row['question']}")) - len(self.encode("user\n"))
        weights = [0.0] * len(prompt)
        for i in range(user, user + n_question):
            weights[i] = self.s["question_weight"]
        answer, head = self.encode(row["answer"]), []
        if self.s["restate"] and self.canonical(row):
            head = self.encode(self.canonical(row) + "\n")
        target, target_weights = head + answer, [self.s["restate_weight"]] * len(head) + [1.0] * len(answer)
        opens = any(row["form"].startswith(f) for f in REWORDED) and random.random() < self.s["openings"]
        limit = self.s["opening_tokens"] + (len(head) if self.s["restate"] == "long" else 0)
        if opens and len(target) > limit + 4:
            target, target_weights = target[:limit], target_weights[:limit]
        else:
            target, target_weights = target + [self.end], target_weights + [1.0]
        return prompt + target, weights + target_weights

    def freeze(self):
        """cut: the tied embedding learns as the head alone, so nothing runs backwards through the frozen layers."""
        layers = self.model.model.layers
        if self.s["cut"]:
            layers[self.s["freeze_layers"]].register_forward_pre_hook(lambda _, args, kwargs: ((args[0].detach(), *args[1:]), kwargs), with_kwargs=True)
        for layer in layers[: self.s["freeze_layers"]]:
            layer.requires_grad_(False)
        if self.s["freeze_embedding"]:
            self.model.model.embed_tokens.requires_grad_(False)

    def train_rows(self):
        rows = [r for r in self.rows if r["part"] == "train"]
        if self.s["wordings"]:
            taken = collections.Counter()
            random.shuffle(rows)
            kept = []
            for r in rows:
                teacher = not r["form"] in ("original", "derived", "rule", "keywords", "plain", "context", "unanswerable")
                taken[r["fact"]] += teacher
                if not teacher or taken[r["fact"]] <= self.s["wordings"]:
                    kept.append(r)
            rows = kept
        return rows

    def train(self):
        s = self.s
        self.freeze()
        params = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(params, lr=s["lr"], weight_decay=s["weight_decay"], fused=self.device == "cuda")
        examples = [self.example(r) for r in self.train_rows()]
        self.n_rows = len(examples)
        self.tokens = 0
        order = []
        self.model.train()
        for step in range(s["steps"]):
            if len(order) < s["rows"]:
                order += random.sample(range(len(examples)), len(examples))
            batch, order = [examples[i] for i in order[: s["rows"]]], order[s["rows"]:]
            longest = max(len(ids) for ids, _ in batch)
            self.tokens += sum(len(ids) for ids, _ in batch)
            ids = torch.tensor([i + [self.end] * (longest - len(i)) for i, _ in batch], device=self.device)
            mask = torch.tensor([[1] * len(i) + [0] * (longest - len(i)) for i, _ in batch], device=self.device)
            weight = torch.tensor([w + [0.0] * (longest - len(w)) for _, w in batch], device=self.device)[:, 1:]
            warm = max(1, int(0.05 * s["steps"]))
            rate = (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / (s["steps"] - warm)))
            for group in optimizer.param_groups:
                group["lr"] = s["lr"] * rate
            with torch.autocast(self.device, dtype=torch.bfloat16):
                logits = self.model(input_ids=ids, attention_mask=mask).logits[:, :-1]
            loss = torch.nn.functional.cross_entropy(logits.float().reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1), reduction="none")
            loss = (loss.view(weight.shape) * weight).sum() / weight.sum()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(params, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.loss = loss.item()

    @torch.no_grad()
    def generate(self, questions, kind="greedy", n=1, value=0, new_tokens=110):
        """n candidates a question: text, and each token's log-probability. kind: greedy; beam: the n best openings of `value` tokens,
        each finished greedily; sample: at temperature `value`."""
        self.model.eval()
        out = []
        common = {"eos_token_id": self.end, "pad_token_id": self.end}
        for begin in range(0, len(questions), 64):
            prompts = [self.prompt(q) for q in questions[begin: begin + 64]]
            longest = max(map(len, prompts))
            ids = torch.tensor([[self.end] * (longest - len(p)) + p for p in prompts], device=self.device)
            mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=self.device)
            with torch.autocast(self.device, dtype=torch.bfloat16):
                if kind == "beam":
                    ids = self.model.generate(input_ids=ids, attention_mask=mask, do_sample=False, num_beams=n, num_return_sequences=n,
                                              max_new_tokens=value, **common)
                if kind == "sample":
                    ids = ids.repeat_interleave(n, 0)
                mask = torch.cat([mask.repeat_interleave(n, 0), torch.ones(len(ids), ids.shape[1] - longest, device=self.device, dtype=mask.dtype)], 1)
                how = {"do_sample": True, "temperature": value, "top_k": 0} if kind == "sample" else {"do_sample": False}
                full = self.model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=new_tokens, **how, **common)
            full_mask = torch.cat([mask, torch.ones(len(full), full.shape[1] - mask.shape[1], device=self.device, dtype=mask.dtype)], 1)
            positions = (full_mask.cumsum(1) - 1).clamp(min=0)
            for part in range(0, len(full), 64):
                f, m, p = full[part: part + 64], full_mask[part: part + 64], positions[part: part + 64]
                logits = self.model(input_ids=f, attention_mask=m, position_ids=p).logits[:, longest - 1:-1].float()
                logp = logits.log_softmax(-1).gather(-1, f[:, longest:, None])[..., 0]
                for row, scores in zip(f[:, longest:].tolist(), logp.tolist()):
                    n_tokens = row.index(self.end) + 1 if self.end in row else len(row)
                    out.append({"text": self.tokenizer.decode(row[: n_tokens - (self.end in row)]).strip(), "logp": [round(x, 3) for x in scores[:n_tokens]]})
        return [out[i: i + n] for i in range(0, len(out), n)]

    def answer_of(self, text):
        return text.split("\n", 1)[1] if self.s["restate"] and "\n" in text else text

    def own(self, text, mine):
        scores = [(token_f1(text, f["answer"]), f["id"] in mine) for f in self.facts]
        return max(s for s, o in scores if o), float(max(scores)[1])

    def run(self, out):
        start = time.time()
        self.train()
        trained = time.time() - start
        items = [("people", r["question"], r["facts"]) for r in self.people]
        items += [(r["part"], r["question"], [r["fact"]]) for r in self.rows if r["part"] in ("reworded", "unseen", "refusal", "gold")]
        answers = self.generate([q for _, q, _ in items])
        candidates = {" ".join(map(str, spec)): self.generate([q for _, q, _ in items], *spec) for spec in self.s["candidates"]}
        sums = collections.defaultdict(list)
        lines = []
        for i, ((part, question, mine), (best,)) in enumerate(zip(items, answers)):
            line = {"trial": self.s["name"], "part": part, "question": question, "facts": mine, **best}
            if part in ("people", "reworded"):
                line["f1"], line["own"] = self.own(self.answer_of(best["text"]), mine)
                sums[part].append((line["f1"], line["own"]))
            if candidates:
                line["candidates"] = {spec: found[i] for spec, found in candidates.items()}
            lines.append(line)
        with open(out, "a", encoding="utf8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
        mean = {p: tuple(round(sum(x) / len(v), 3) for x in zip(*v)) for p, v in sums.items()}
        changed = {k: v for k, v in self.s.items() if v != DEFAULTS[k] and k != "name"}
        print(f"{self.s['name']:28} people {mean.get('people')} reworded {mean.get('reworded')} rows {self.n_rows} tokens {self.tokens} "
              f"loss {self.loss:.3f} {trained:.0f}s + {time.time() - start - trained:.0f}s {json.dumps(changed)}", flush=True)


if __name__ == "__main__":
    Trial(sys.argv[1], sys.argv[2], json.loads(sys.argv[4])).run(sys.argv[3])
