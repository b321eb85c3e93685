#!/usr/bin/env python3
"""What recipe_trial.py reads, from a workspace whose pairs are split: rows.jsonl (pairs with part, form, fact), facts.jsonl,
people.jsonl (questions with the facts that answer them) and tokenizer.json.

    tools/trials/recipe_data.py WORKSPACE MODEL.gguf TOPIC FOLDER [QUESTIONS.jsonl]"""
import json
import pathlib
import re
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "oracle"))
from tokenizer_strings import read_spec, reference  # noqa: E402


def key(heading):
    return " ".join(re.findall(r"[a-z0-9]+", re.sub(r"^\s*\d+(\.\d+)*\.?\s+", "", heading).lower()))


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")


def main():
    workspace, model, topic, folder = sys.argv[1:5]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(f"file:{workspace}/faqsmith.db?mode=ro", uri=True)
    facts = [{"id": i, "answer": a, "heading": h, "path": json.loads(p)} for i, a, h, p in db.execute(
        "SELECT f.id, f.answer, f.heading, s.heading_path FROM facts f JOIN sections s ON s.id = f.section_id WHERE s.stale = 0")]
    own = {}
    for pair, fact, form in db.execute("SELECT question, fact_id, form FROM pairs WHERE form IN ('original', 'derived') ORDER BY id"):
        own.setdefault(fact, pair)
    for fact in facts:
        fact["question"] = own.get(fact["id"], fact["heading"])
    write(folder / "facts.jsonl", facts)
    columns = ("id", "fact", "question", "answer", "form", "part")
    write(folder / "rows.jsonl", [dict(zip(columns, row)) for row in db.execute(
        "SELECT id, fact_id, question, answer, form, part FROM pairs WHERE part != '' ORDER BY id")])
    people = []
    if len(sys.argv) > 5:
        by_heading = {}
        for fact in facts:
            by_heading.setdefault(key(fact["path"][-1]), []).append(fact["id"])
        for line in pathlib.Path(sys.argv[5]).read_text(encoding="utf8").splitlines():
            row = json.loads(line)
            mine = by_heading.get(key(row["heading"]))
            if mine:
                people.append({"question": row["question"], "facts": mine})
    write(folder / "people.jsonl", people)
    (folder / "topic").write_text(topic)
    spec = read_spec(model)
    reference(spec).save(str(folder / "tokenizer.json"))
    (folder / "control.json").write_text(json.dumps({t: i for i, t in enumerate(spec["tokens"]) if t.startswith("<|")}))


if __name__ == "__main__":
    main()
