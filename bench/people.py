#!/usr/bin/env python3
"""How well a bot built from the Debian FAQ understands people: questions that were written by hand and never trained
(debian_faq_people.jsonl), each with the heading whose fact answers it.

    bench/people.py FAQSMITH WORKSPACE [--base]

Prints token F1 against that fact's answer and own fact: the share of answers that are nearest (token F1, all facts) to their own fact, with
95% bootstrap intervals over facts. Reads the workspace's database; writes nothing into it."""
import collections
import json
import pathlib
import random
import re
import sqlite3
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def token_f1(a, b):
    a, b = words(a), words(b)
    shared = sum((collections.Counter(a) & collections.Counter(b)).values())
    return 2 * shared / (len(a) + len(b)) if shared else 0.0


def key(heading):
    return " ".join(words(re.sub(r"^\s*\d+(\.\d+)*\.?\s+", "", heading)))


def interval(values_by_fact, rng):
    facts = list(values_by_fact.values())
    means = []
    for _ in range(2000):
        drawn = [v for f in rng.choices(facts, k=len(facts)) for v in f]
        means.append(sum(drawn) / len(drawn))
    means.sort()
    return means[50], means[1949]


def main():
    binary, workspace = sys.argv[1:3]
    db = sqlite3.connect(f"file:{workspace}/faqsmith.db?mode=ro", uri=True)
    facts = collections.defaultdict(list)
    for path, answer in db.execute("SELECT s.heading_path, f.answer FROM facts f JOIN sections s ON s.id = f.section_id WHERE s.stale = 0"):
        facts[key(json.loads(path)[-1])].append(answer)
    rows = [json.loads(line) for line in (HERE / "debian_faq_people.jsonl").read_text(encoding="utf8").splitlines()]
    known = [row for row in rows if facts[key(row["heading"])]]
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = pathlib.Path(folder, "in.jsonl"), pathlib.Path(folder, "out.jsonl")
        asked.write_text("".join(json.dumps({"id": r["id"], "question": r["question"]}) + "\n" for r in known), encoding="utf8")
        subprocess.run([binary, "ask", "-w", workspace, "--quiet", "--batch", asked, "--out", answered, *sys.argv[3:]], check=True)
        replies = {r["id"]: r for r in map(json.loads, answered.read_text(encoding="utf8").splitlines())}
    every = [(k, a) for k, answers in facts.items() for a in answers]
    f1, own = collections.defaultdict(list), collections.defaultdict(list)
    refused = 0
    for row in known:
        reply, mine = replies[row["id"]], key(row["heading"])
        scores = [(token_f1(reply["answer"], a), k == mine) for k, a in every]
        f1[mine].append(max(s for s, is_own in scores if is_own))
        own[mine].append(float(max(scores)[1]))
        refused += reply["refused"]
    rng = random.Random(1)
    for name, values in (("token F1", f1), ("own fact", own)):
        flat = [v for vs in values.values() for v in vs]
        low, high = interval(values, rng)
        print(f"{name}: {sum(flat) / len(flat):.3f}  [{low:.3f}, {high:.3f}]")
    told = [value for k in f1 for value, right in zip(f1[k], own[k]) if right]
    print(f"token F1 of the answers that tell their own fact: {sum(told) / max(1, len(told)):.3f}")
    print(f"{len(known)} of {len(rows)} questions have their fact in this workspace; {refused} refused")


if __name__ == "__main__":
    main()
