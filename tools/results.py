#!/usr/bin/env python3
"""Measures faqsmith and writes docs/RESULTS.md: one section a part, each with its command, machine and commit.

    tools/results.py [PART...]      parts: demo people gates llama parity bench crash large readers fuzzing tests; default: all

Only the sections of the named parts are replaced; demo, people, parity and bench have one for each kind of processor. "llama"
needs FAQSMITH_LLAMA_DOCS (the official Llama documents) and FAQSMITH_LLAMA_EVALSET (their questions); without them it says so
and leaves its section alone. On an idle machine."""
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "RESULTS.md"
BINARY = "build/release/faqsmith"
PARTS = ("demo", "people", "gates", "llama", "parity", "bench", "crash", "large", "readers", "fuzzing", "tests")
PROCESSORS = {"amx": "AMX", "avx512_bf16": "AVX512-BF16", "avx2": "AVX2"}  # the fastest products that there are, best first
BY_PROCESSOR = ("demo", "people", "parity", "bench")
HEADER = """# Results

What the claims of README.md rest on, written by `make results` (or `tools/results.py PART...`), each section by its own run.
How fast each piece is, and what made it so: bench/results.md. How the recipe was found: docs/decisions/0004.
"""
PROGRESS = re.compile(r": [\d,.k]+/[\d,.k]+ .* left\b")
NOISE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def shell(command, **extra):
    """Runs a command line, shows and returns its output; the run of a failed command ends here, with nothing written."""
    lines = []
    process = subprocess.Popen(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=os.environ | extra)
    for line in process.stdout:
        print(line, end="", flush=True)
        if re.match(r"\[\d+/\d+\]", line):
            continue  # the build's
        lines.append(NOISE.sub("", line).replace(f"{ROOT}/", "").replace(str(pathlib.Path.home()), "~").rstrip())
    if process.wait() != 0:
        sys.exit(f"results: failed: {command}")
    return "\n".join(lines)


def lscpu(pattern):
    return re.findall(pattern, subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout)


def processor():
    return next(kind for kind in PROCESSORS if kind == "avx2" or lscpu(kind))


def machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {lscpu('Model name: *(.*)')[0]} with {PROCESSORS[processor()]}, {memory:.0f} GiB"


def commit():
    run = lambda *a: subprocess.run(["git", *a], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    changed = run("status", "--porcelain", "--", "src", "bench", "tools", "tests", "cmake")
    return run("rev-parse", "--short", "HEAD") + (" with uncommitted changes" if changed else "")


def number(value):
    return "–" if value is None else f"{value:.3f}"


def report_table(workspace):
    """The comparison and the funnel of a workspace's report.json, as Markdown."""
    report = json.loads((ROOT / workspace / "runs" / "report.json").read_text(encoding="utf8"))
    out = ["| part | measure | items (facts) | base | tuned | greedy | search | tuned − base [95%] |", "|---|---|---|---|---|---|---|---|"]
    for row in report["comparisons"]:
        d = row.get("tuned_minus_base")
        change = f"{d['difference']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}]" if d else "–"
        cells = " | ".join(number(row.get(column)) for column in ("base", "tuned", "greedy", "search"))
        out.append(f"| {row['part']} | {row['metric']} | {row['items']} ({row['facts']}) | {cells} | {change} |")
    steps = [f"{step['name']} {step['count']:,.0f}" for step in report["funnel"]]
    return "\n".join(out) + "\n\nFunnel: " + " → ".join(steps) + "."


def fenced(text, keep=None):
    lines = [line for line in text.splitlines() if line.strip() and not PROGRESS.search(line) and (keep is None or keep.search(line))]
    return "```\n" + "\n".join(lines) + "\n```"


def demo():
    command = "rm -rf build/demo && make demo"
    text = shell(command)
    return command, report_table("build/demo") + "\n\n" + fenced(text[text.rfind("\nforecast"):] if "\nforecast" in text else text)


def people():
    command = f"bench/people.py {BINARY} build/demo [--base]"
    tuned, base = (shell(f"bench/people.py {BINARY} build/demo {extra}") for extra in ("", "--base"))
    return command, "Hand-written questions about the Debian FAQ that nobody trained on.\n\n" + fenced(f"tuned:\n{tuned}\nbase:\n{base}")


def gates():
    command = f"{BINARY} gates"
    return command, fenced(shell(command))


def llama():
    docs, questions = os.environ.get("FAQSMITH_LLAMA_DOCS"), os.environ.get("FAQSMITH_LLAMA_EVALSET")
    if not docs or not questions:
        print("results: llama skipped: FAQSMITH_LLAMA_DOCS and FAQSMITH_LLAMA_EVALSET are not set")
        return None
    gold = ROOT / "build" / "llama-gold.jsonl"
    rows = json.loads(pathlib.Path(questions).read_text(encoding="utf8"))
    gold.write_text("".join(json.dumps({"question": r["question"], "answer": r["answer"]}) + "\n" for r in rows), encoding="utf8")
    command = (f"rm -rf build/llama && {BINARY} init {docs} -w build/llama --set bot.topic='Llama models' && "
               f"{BINARY} import -w build/llama --gold build/llama-gold.jsonl && {BINARY} build -w build/llama && {BINARY} status -w build/llama")
    text = shell(command)
    budget = os.environ.get("FAQSMITH_BUDGET")
    shown = (f"export FAQSMITH_BUDGET={budget}; " if budget else "") + command.replace(docs, "$FAQSMITH_LLAMA_DOCS")
    return shown, report_table("build/llama") + "\n\n" + fenced(text.replace(docs, "llama-docs"))


def parity():
    return "make parity", fenced(shell("make parity"), re.compile(r"^(==|parity:|\[  PASSED|\{\"prompts\"|.*tokens agree|.*tensors equal|.*\bKL\b)"))


def bench():
    return "make bench", fenced(shell("make bench"))


def crash():
    return "make crash", fenced(shell("make crash"), re.compile(r"^== (kills|resume|faults|power|disk)|kills|differ|faults,|states|without room", re.IGNORECASE))


def large():
    return "make seven-b", fenced(shell("make seven-b"))


def readers():
    command = "FAQSMITH_PYTHON=$(tools/test_python.sh test) ctest --test-dir build/release -V -R 'script.(broken_models|docx|rst_docutils)'"
    return command, fenced(shell(command), re.compile(r"refused|equal|documents of"))


def fuzzing():
    """Adds what `make fuzz` has counted in this checkout to the ledger, which outlives it, and tells the sums."""
    ledger, log = ROOT / "tests" / "fuzz" / "ledger.tsv", ROOT / "build" / "fuzz" / "runs.log"
    rows = [line.split("\t") for line in ledger.read_text().splitlines()[1:]]
    sums = {(target, at): (int(runs), int(seconds)) for target, at, runs, seconds in rows}
    if log.exists():
        for line in re.finditer(r"^\S+ (\S+) (\S+) +(\d+) runs in +(\d+) s", log.read_text(), re.MULTILINE):
            before = sums.get((line[2], line[1]), (0, 0))
            sums[line[2], line[1]] = (before[0] + int(line[3]), before[1] + int(line[4]))
        lines = ["\t".join(map(str, (*key, *value))) for key, value in sorted(sums.items())]
        ledger.write_text("\n".join(["target\tcommit\truns\tseconds", *lines, ""]))
        log.rename(log.with_suffix(".counted"))
        for count in (log.parent / "counts").iterdir():
            count.unlink()
    table = ["| target | runs under AddressSanitizer and UBSan | seconds (wall) |", "|---|---|---|"]
    for target in sorted({target for target, _ in sums}):
        runs, seconds = (sum(value[i] for key, value in sums.items() if key[0] == target) for i in (0, 1))
        table.append(f"| {target} | {runs:,} | {seconds:,} |")
    commits = ", ".join(sorted({at for _, at in sums}))
    findings = ROOT / "build" / "fuzz" / "findings"
    left = sum(1 for _ in findings.iterdir()) if findings.exists() else 0
    return "make fuzz", f"Sums over the commits {commits} (tests/fuzz/ledger.tsv); {left} findings are open.\n\n" + "\n".join(table)


def tests():
    return "make test", fenced(shell("make test"), re.compile(r"^(==|.*tests passed|.*tests failed|Total Test time)"))


def sections():
    if not TARGET.exists():
        return {}
    found = re.split(r"^<!-- (\w+) -->\n", TARGET.read_text(encoding="utf8"), flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], (text.strip() for text in found[1::2])))


def main():
    parts = sys.argv[1:] or PARTS
    unknown = set(parts) - set(PARTS)
    if unknown:
        sys.exit(f"results: no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for part in parts:
        start, at = time.time(), commit()
        made = globals()[part]()
        if made is None:
            continue
        command, body = made
        minutes = (time.time() - start) / 60
        stamp = f"`{command}` · {machine()} · commit {at} · {datetime.date.today()} · {minutes:.1f} min"
        name, title = part, part.capitalize()
        if part in BY_PROCESSOR:
            name, title = f"{part}_{processor()}", f"{title} ({PROCESSORS[processor()]})"
        written = sections() | {name: f"## {title}\n{stamp}\n\n{body}"}
        names = [name for p in PARTS for name in ([f"{p}_{kind}" for kind in PROCESSORS] if p in BY_PROCESSOR else [p])]
        text = HEADER + "".join(f"\n<!-- {name} -->\n{written[name]}\n" for name in names if name in written)
        TARGET.write_text(text, encoding="utf8")


if __name__ == "__main__":
    main()
