"""Grammars against references: random JSON schemas with PyPI's jsonschema, random regular expressions with Python's re.

Everything that the automaton makes must be valid; valid texts must be accepted and others refused. Seeded.
"""

import json
import os
import random
import re
import subprocess
import warnings

import jsonschema

N_SCHEMAS, N_PATTERNS = 3000, 6000
LINES = os.path.join(os.environ["FAQSMITH_HELPERS"], "grammar_lines")


def ask(rows):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    run = subprocess.run([LINES], input=text, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in run.stdout.split("\n")[:-1]]
    assert len(answers) == len(rows)
    return answers


# ---- regular expressions: a random syntax tree, written as a pattern ----
LITERALS = ["a", "b", "c", "é", "€", "😀", " ", "-", r"\.", r"\*", r"\\", "0", "7", "x", "\n"]
CLASSES = [r"\d", r"\w", r"\D", r"\W", "[abc]", "[^abc]", "[a-f0-3]", "[^a-zé]", r"[\d_]", "[-x]", r"[\]a]", "."]


def pattern(rng, depth, repeated=False):
    """repeated: inside a repetition, where another one would make Python's matcher take exponential time."""
    kind = rng.random()
    if depth == 0 or kind < 0.35:
        return rng.choice(LITERALS) if rng.random() < 0.6 else rng.choice(CLASSES)
    if kind < 0.6:
        return "".join(pattern(rng, depth - 1, repeated) for _ in range(rng.randint(1, 4)))
    if kind < 0.8 or repeated:
        opening = rng.choice(["(", "(?:"])
        return opening + "|".join(pattern(rng, depth - 1, repeated) for _ in range(rng.randint(1, 3))) + ")"
    low = rng.randint(0, 2)
    repeat = rng.choice(["*", "+", "?", "*?", "+?", "??", f"{{{low}}}", f"{{{low},}}", f"{{{low},{low + rng.randint(0, 3)}}}"])
    return "(?:" + pattern(rng, depth - 1, True) + ")" + repeat


def texts_near(rng, made):
    """Texts that match, and the same with something inserted, dropped or exchanged."""
    out = []
    for text in made + [""]:
        out.append(text)
        for _ in range(3):
            at = rng.randint(0, len(text))
            put = rng.choice(["", "a", "b", "é", "0", " ", "\n", "-", "😀", "zz"])
            out.append(text[:at] + put + text[at + rng.randint(0, 2) :])
    return out


def check_patterns(rng):
    # Where Python's and ECMA-262's meanings differ, no text is: line ends beside \n, and \s, which stands in regex_test.cc.
    clean = re.compile("[\r\u2028\u2029]")
    patterns = [pattern(rng, rng.randint(1, 4)) for _ in range(N_PATTERNS)]
    made = ask([{"regex": p, "walks": 4, "steps": 12, "seed": i} for i, p in enumerate(patterns)])
    refused = [(p, m["refused"]) for p, m in zip(patterns, made) if "refused" in m]
    # re sees [^…] of nothing but what it lists; a walk picks any of a million characters.
    n_made = n_judged = 0
    rows, expected = [], []
    for p, answer in zip(patterns, made):
        if "refused" in answer:
            continue
        compiled = re.compile(p, re.ASCII)
        for text in answer["made"]:
            if not clean.search(text):
                assert compiled.fullmatch(text), (p, text)
                n_made += 1
        texts = [t for t in texts_near(rng, answer["made"]) if not clean.search(t)]
        rows.append({"regex": p, "texts": texts})
        expected.append([bool(compiled.fullmatch(t)) for t in texts])
    for row, answer, want in zip(rows, ask(rows), expected):
        for text, accepted, right in zip(row["texts"], answer["accepted"], want):
            assert accepted == right, (row["regex"], text, accepted)
            n_judged += 1
    n_false = sum(not right for want in expected for right in want)
    assert n_false > n_judged / 10, (n_false, n_judged)  # the test can fail in both directions
    assert len(refused) < N_PATTERNS / 50, refused[:5]
    print(f"{len(rows)} patterns ({len(refused)} too large), {n_made} texts made, {n_judged} judged as re does, {n_false} of them no match")


# ---- schemas ----
PATTERNS = ["^[a-z]{1,4}$", "ab+", "^x", r"\d$", r"^\d{2}-(a|b)$", r'"', "^(é|€)+$", "^.{0,5}$", "a|^b$", r"^[^\\]*$"]
NAMES = ["a", "ab", "b", "long name", "é", 'q"q']


def schema(rng, depth):
    kind = rng.randint(0, 10 if depth > 0 else 6)
    if kind == 0:
        return {"type": rng.choice(["null", "boolean"])}
    if kind in (1, 2):
        low = rng.choice([rng.randint(-9999, 9999), rng.randint(-(2**63), 2**62), round(rng.uniform(-50, 50), 2)])
        out = {"type": rng.choice(["integer", "number"])}
        if out["type"] == "number" and abs(low) > 1e14:
            low = rng.randint(-99, 99)
        if rng.random() < 0.6:
            out[rng.choice(["minimum", "exclusiveMinimum"])] = low
        if rng.random() < 0.6:
            out[rng.choice(["maximum", "exclusiveMaximum"])] = low + rng.randint(2, 5000)
        return out
    if kind == 3:
        out = {"type": "string", "pattern": rng.choice(PATTERNS)}
        if rng.random() < 0.5:
            out["maxLength"] = rng.randint(4, 12)
        if rng.random() < 0.3:
            out["minLength"] = rng.randint(0, 4)
        return out
    if kind == 4:
        low = rng.randint(0, 4)
        return {"type": "string", **({"minLength": low} if rng.random() < 0.5 else {}), **({"maxLength": low + rng.randint(0, 9)} if rng.random() < 0.5 else {})}
    if kind == 5:
        return {"enum": rng.sample(["x", "xy", 1, 15, 1.5, None, True, {"k": [1]}, "é\n", []], rng.randint(1, 5))}
    if kind == 6:
        return {"type": rng.sample(["string", "integer", "null", "boolean"], rng.randint(1, 3))}
    if kind == 7:
        return {"anyOf": [schema(rng, depth - 1) for _ in range(rng.randint(1, 4))]}
    if kind == 8:
        return {"type": "array", "items": schema(rng, depth - 1), "minItems": rng.randint(0, 2), "maxItems": rng.randint(2, 4)}
    if kind == 9:
        tags = [{"type": "object", "properties": {"t": {"const": t}, "v": schema(rng, depth - 1)}, "required": ["t"]} for t in ("p", "q")]
        return {"oneOf": [*tags, {"type": "null"}]}
    names = rng.sample(NAMES, rng.randint(0, 5))
    return {
        "type": "object",
        "properties": {name: schema(rng, depth - 1) for name in names},
        "required": [name for name in names if rng.random() < 0.5],
        "additionalProperties": False,
    }


def document(rng):
    out = schema(rng, 3)
    if rng.random() < 0.3:
        node = {"type": "object", "properties": {"v": schema(rng, 1), "next": {"$ref": "#/$defs/node"}, "all": {"type": "array", "items": {"$ref": "#/$defs/node"}}}, "required": ["v"]}  # fmt: skip
        out = {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/node"}, out]}, "$defs": {"node": node}}
    return out


def check_schemas(rng):
    documents = [document(rng) for _ in range(N_SCHEMAS)]
    answers = ask([{"schema": json.dumps(d), "walks": 5, "seed": i} for i, d in enumerate(documents)])
    n_made, refused, rows = 0, [], []
    for d, answer in zip(documents, answers):
        if "refused" in answer:
            refused.append((d, answer["refused"]))
            continue
        validator = jsonschema.Draft202012Validator(d)
        values = [json.loads(text) for text in answer["made"]]
        for value, text in zip(values, answer["made"]):
            assert validator.is_valid(value), (d, text)
            n_made += 1
        # What a valid value is rewritten to, is accepted: the form that json.dumps gives it, spaces or none.
        forms = [json.dumps(v, ensure_ascii=False, separators=s) for v in values for s in ((",", ":"), (", ", ": "))]
        rows.append((d, forms))
    n_forms = 0
    for (d, forms), answer in zip(rows, ask([{"schema": json.dumps(d), "texts": forms} for d, forms in rows])):
        for form, accepted in zip(forms, answer["accepted"]):
            # Python writes numbers with many digits in another form (1e-05), and control characters as \u007f.
            if not accepted:
                assert re.search(r"\d[eE]|\d{16}|\.\d{13}|-0|[\x7f]", form) or "enum" in json.dumps(d), (d, form)
                continue
            n_forms += 1
    allowed = ("no text has this pattern", "lie within", "may both match", "no integer lies", "no number of")
    for d, sentence in refused:
        assert any(part in sentence for part in allowed), (d, sentence)
    assert len(refused) < N_SCHEMAS / 10, len(refused)
    print(f"{len(rows)} schemas ({len(refused)} that allow nothing), {n_made} texts made, all valid; {n_forms} rewritten values accepted")


warnings.simplefilter("ignore")
check_patterns(random.Random(1))
check_schemas(random.Random(2))
