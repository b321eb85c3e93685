#!/usr/bin/env python3
"""Draws kept pairs of a workspace at random, for labelling by reading; sums up a labelled file.

    bench/sample_pairs.py WORKSPACE [N=50] [SEED=1] > pairs.jsonl      then fill in "grounded" and "well_put": true or false
    bench/sample_pairs.py --count LABELLED.jsonl

grounded: the section says what the answer says. well_put: the question stands alone, asks one thing, and the answer answers it."""
import json
import pathlib
import random
import sqlite3
import sys

QUERY = """SELECT p.question, p.answer, p.form, f.quote, s.heading_path, o.path FROM pairs p JOIN facts f ON f.id = p.fact_id
JOIN sections s ON s.id = f.section_id JOIN sources o ON o.id = s.source_id WHERE p.verdict = 'kept' AND s.stale = 0 ORDER BY p.key"""


def draw(workspace, n, seed):
    db = sqlite3.connect(f"file:{workspace}/faqsmith.db?mode=ro", uri=True)
    rows = db.execute(QUERY).fetchall()
    for question, answer, form, quote, headings, path in random.Random(seed).sample(rows, min(n, len(rows))):
        row = {"question": question, "answer": answer, "form": form, "quote": quote, "heading": json.loads(headings), "file": path,
               "grounded": None, "well_put": None}
        print(json.dumps(row, ensure_ascii=False))


def count(path):
    rows = [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf8").splitlines()]
    for name in ("grounded", "well_put"):
        print(f"{name}: {sum(row[name] for row in rows)} of {len(rows)}")
    print(f"both: {sum(row['grounded'] and row['well_put'] for row in rows)} of {len(rows)}")
    for form in sorted({row["form"] for row in rows}):
        of_form = [row for row in rows if row["form"] == form]
        print(f"  {form}: {sum(row['grounded'] and row['well_put'] for row in of_form)} of {len(of_form)}")


if __name__ == "__main__":
    if sys.argv[1] == "--count":
        count(sys.argv[2])
    else:
        draw(sys.argv[1], *(int(a) for a in (sys.argv[2:] + ["50", "1"][len(sys.argv) - 2:])))
