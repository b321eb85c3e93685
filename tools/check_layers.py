#!/usr/bin/env python3
"""Checks every #include of src/ against layers.txt and the rules of docs/ARCHITECTURE.md. Prints each breach; exit 1 if any."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# A library's headers may be included only from these folders (prefixes of the path below src/).
LIBRARY_OWNERS = {
    r"sqlite3\.h": ("store/",),
    r"(oneapi/)?dnnl.*": ("ops/cpu/",),
    r"cuda.*|cublas.*|cudnn.*|nccl\.h": ("tensor/cuda/", "ops/cuda/"),
    r"openssl/.*|xxhash\.h|spdlog/.*": ("base/",),
    r"unicode/.*": ("text/",),
    r"libxml/.*|cmark-gfm.*|zip\.h": ("ingest/",),
    r"yaml-cpp/.*": ("app/",),
    r"CLI/.*": ("cli/",),
    r"seccomp\.h": ("sys/",),
}
# Headers so heavy that only .cc files may include them.
NEVER_IN_HEADERS = re.compile(r"nlohmann/(?!json_fwd).*|CLI/.*|yaml-cpp/.*|spdlog/.*|libxml/.*|unicode/.*|fmt/.*")


def read_layers():
    layers = {}
    for line in (ROOT / "layers.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            folder, _, rest = line.partition(":")
            allowed = rest.split()
            for other in allowed:
                if other not in layers:
                    sys.exit(f"layers.txt: {folder} names {other}, which is not above it")
            layers[folder] = set(allowed) | {folder}
    return layers


def breaches(path, layers):
    relative = path.relative_to(SRC).as_posix()
    folder = relative.split("/")[0]
    if relative == "main.cc":
        folder = "cli"
    if folder not in layers:
        yield f"{relative}: folder {folder} is not in layers.txt"
        return
    test = relative.endswith(("_test.cc", "_test.h"))  # a header that only tests include
    for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, header = match.groups()
        where = f"{relative}:{number}"
        if quote == '"':
            target = header.split("/")[0]
            if "/" not in header:
                yield f"{where}: include {header} by its path from src/"
            elif target not in layers[folder]:
                yield f"{where}: {folder} may not include {header} (layers.txt)"
            if relative.startswith("stages/") and relative.count("/") > 1 and header.startswith("stages/") and header.count("/") > 1:
                if relative.split("/")[1] != header.split("/")[1]:
                    yield f"{where}: a stage never includes another stage ({header})"
            for ours, theirs in (("ops/cpu/", "ops/cuda/"), ("ops/cuda/", "ops/cpu/"), ("train/", "infer/"), ("infer/", "train/")):
                if relative.startswith(ours) and header.startswith(theirs):
                    yield f"{where}: {ours} and {theirs} never meet"
            continue
        for pattern, owners in LIBRARY_OWNERS.items():
            if re.fullmatch(pattern, header) and not relative.startswith(owners):
                yield f"{where}: <{header}> belongs to {', '.join(owners)}"
        if path.suffix == ".h" and NEVER_IN_HEADERS.fullmatch(header) and not test:
            yield f"{where}: <{header}> is too heavy for a header; include it in the .cc"


def main():
    layers = read_layers()
    files = sorted(p for p in SRC.rglob("*") if p.suffix in (".cc", ".h", ".cu", ".cuh"))
    found = [b for path in files for b in breaches(path, layers)]
    print("\n".join(found) if found else f"layers: {len(files)} files, no breach")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
