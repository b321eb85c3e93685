#!/usr/bin/env python3
"""Checks what clang-format cannot: file and function length, the opening comment, an op's three parts, words of unfinished
work, tables written only by their owner. An exception is a line "path[:function]  reason" in tools/style_exceptions.txt."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_FILE_LINES, MAX_FUNCTION_LINES = 600, 60
SOURCES = (".cc", ".h", ".cu", ".cuh")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|not implemented|placeholder")
FUNCTION = re.compile(r"^[A-Za-z_].*\)\s*(const|noexcept|override|final|mutable|->\s*[\w:<>*&, ]+|\s)*\{\s*$|^\s*:\s.*\{\s*$")
NOT_FUNCTION = re.compile(r"^\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|else|do|try)\b")
TABLE_WRITE = re.compile(r"\b(INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM)\s+(\w+)", re.IGNORECASE)
TABLES = ("sources", "sections", "facts", "pairs", "requests", "answers", "stage_runs")


def exceptions():
    path = ROOT / "tools" / "style_exceptions.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return {line.split()[0] for line in lines if line and not line.startswith("#")}


def functions(lines):
    """Yields (name, first line, length) of functions defined at namespace or class level, found by indentation: clang-format
    closes a block at the column where it opened."""
    i = 0
    while i < len(lines):
        line = lines[i]
        if line.rstrip().endswith("{") and ("(" in line or ")" in line) and not NOT_FUNCTION.match(line):
            indent = len(line) - len(line.lstrip())
            start = i
            while start > 0 and lines[start - 1].strip() and not lines[start - 1].rstrip().endswith((";", "}", "{", ":")) \
                    and not lines[start - 1].lstrip().startswith(("//", "#")):
                start -= 1
            indent = min(indent, len(lines[start]) - len(lines[start].lstrip()))
            if indent <= 2 and re.search(r"\w+\s*\(", lines[start]) and "=" not in lines[start].split("(")[0]:
                close = next((j for j in range(i + 1, len(lines)) if lines[j].startswith(" " * indent + "}")), None)
                if close:
                    name = re.search(r"([\w~:]+)\s*\(", lines[start]).group(1)
                    yield name, start + 1, close - start + 1
                    i = close
        i += 1


def check(path, skip):
    relative = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf8")
    lines = text.splitlines()
    if len(lines) > MAX_FILE_LINES and relative not in skip:
        yield f"{relative}: {len(lines)} lines, more than {MAX_FILE_LINES}"
    if path.suffix not in SOURCES:
        return
    if not lines or not lines[0].startswith("//"):
        yield f"{relative}: opens without a comment that says its purpose"
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield f"{relative}:{number}: words of unfinished work"
    for name, start, length in functions(lines):
        if length > MAX_FUNCTION_LINES and f"{relative}:{name}" not in skip:
            yield f"{relative}:{start}: {name} has {length} lines, more than {MAX_FUNCTION_LINES}"
    if relative.startswith("src/") and not relative.endswith("_test.cc"):
        for verb, table in TABLE_WRITE.findall(text):
            owner = f"src/store/{table}.cc"
            if table in TABLES and relative not in (owner, "src/store/migrate.cc"):
                yield f"{relative}: writes table {table}, which only {owner} may ({verb})"


def check_ops():
    ops = ROOT / "src" / "ops"
    for header in sorted(ops.glob("*.h")):
        text = header.read_text()
        if "void run(Cpu&" not in text:
            continue
        for part in (ops / "cpu" / f"{header.stem}.cc", ops / f"{header.stem}_test.cc"):
            if not part.exists():
                yield f"src/ops/{header.name}: an op needs {part.relative_to(ROOT)}"


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / p for p in listed.stdout.split("\n") if p.endswith((*SOURCES, ".py", ".js", ".css", ".sh", ".cmake"))]
    skip = exceptions()
    found = [b for path in paths if path.exists() for b in check(path, skip)] + list(check_ops())
    print("\n".join(found) if found else f"style: {len(paths)} files, no breach")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
