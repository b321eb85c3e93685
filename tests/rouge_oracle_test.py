"""ROUGE-L of 3,000 seeded pairs equal to PyPI's rouge-score, token F1 of the ASCII ones equal to SQuAD's evaluation rule.

Exits 77 with the reason when rouge-score or the helper is missing.
"""
import collections
import json
import os
import pathlib
import random
import re
import string
import subprocess
import sys

ROOT = pathlib.Path(os.environ.get("FAQSMITH_SOURCE_DIR", pathlib.Path(__file__).parents[1]))
sys.path.insert(0, str(ROOT / "tools/oracle"))
N_PAIRS = 3000


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def squad_f1(reference, candidate):
    def tokens(text):
        bare = "".join(c for c in text.lower() if c not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", bare).split()

    want, got = tokens(reference), tokens(candidate)
    if not want or not got:
        return float(want == got)
    common = sum((collections.Counter(want) & collections.Counter(got)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(got), common / len(want)
    return 2 * precision * recall / (precision + recall)


def pairs():
    from tokenizer_strings import CODE, SENTENCES, strings

    rng = random.Random(8)
    texts = [s.decode("utf-8", errors="replace") for s in strings(1500, seed=8)] + SENTENCES + CODE
    vocabulary = " ".join(SENTENCES[:12] + CODE).split() + ["the", "a", "an", "The", "apt-get", "\u0130x", "\u212a"]
    plain = [w for w in vocabulary if w.isascii()]
    for i in range(N_PAIRS):
        words = [rng.choice(plain if i % 2 else vocabulary) for _ in range(rng.randrange(0, 120))]
        kind = rng.randrange(3)
        if kind == 0:
            yield rng.choice(texts), rng.choice(texts)
        elif kind == 1:
            yield " ".join(words), " ".join(w for w in words if rng.randrange(3)) + " " + rng.choice(plain)
        else:
            yield " ".join(words), " ".join(rng.sample(words, len(words)))


def main():
    try:
        from rouge_score import rouge_scorer
    except ImportError as error:
        skip(f"a package is missing: {error}")
    helper = os.path.join(os.environ.get("FAQSMITH_HELPERS", "build/release"), "rouge_lines")
    if not os.path.exists(helper):
        skip(f"the helper {helper} is not built (set FAQSMITH_HELPERS to the build folder)")
    cases = list(pairs())
    feed = "\n".join(json.dumps({"reference": r, "candidate": c}) for r, c in cases) + "\n"
    done = subprocess.run([helper], input=feed.encode(), capture_output=True, check=True)
    ours = [json.loads(line) for line in done.stdout.splitlines()]
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    wrong, n_squad = 0, 0
    for (reference, candidate), (precision, recall, f1, token_f1) in zip(cases, ours):
        score = scorer.score(reference, candidate)["rougeL"]
        good = (precision, recall, f1) == (score.precision, score.recall, score.fmeasure)
        if (reference + candidate).isascii() and not re.search(r"[\x1c-\x1f]", reference + candidate):
            n_squad += 1
            good = good and abs(token_f1 - squad_f1(reference, candidate)) < 1e-12
        if not good:
            wrong += 1
            print(f"  differs: {reference!r} / {candidate!r}: ours {precision, recall, f1, token_f1}, theirs {tuple(score)}, {squad_f1(reference, candidate)}")
    print(f"rouge-score: {len(cases)} pairs, SQuAD's F1: {n_squad} of them, {wrong} differ")
    sys.exit(1 if wrong or len(ours) != len(cases) else 0)


if __name__ == "__main__":
    main()
