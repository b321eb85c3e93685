"""Every class of broken model file in broken_gguf.py and broken_folders.py is refused: with an error that names the file, the place and the
reason, within two seconds, and before any memory to speak of is taken (hazards 5 to 8)."""

import collections
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import broken_folders as folders
import broken_gguf as gguf

READER = Path(os.environ["FAQSMITH_HELPERS"]) / "model_lines"
MIN_CLASSES = {"GGUF": 60, "safetensors": 25, "tokenizer and config": 20, "adapter": 10}
MAX_SECONDS, MAX_GROWTH = 2.0, 64 << 20


def cases():
    """(group, class, how it is opened, {file: bytes}, file to open or "", words)."""
    for group in (gguf.header_classes, gguf.metadata_classes, gguf.tensor_classes, gguf.meaning_classes):
        for name, (data, words) in group().items():
            yield "GGUF", name, "model", {"model.gguf": data}, "model.gguf", words
    for name, (files, opened, words) in gguf.split_classes().items():
        yield "GGUF", "split: " + name, "model", files, opened, words
    for name, (files, words) in (folders.safetensors_classes() | folders.shard_classes()).items():
        yield "safetensors", name, "model", files, "", words
    for group in (folders.config_classes, folders.tokenizer_classes, folders.sentencepiece_classes):
        for name, (files, words) in group().items():
            yield "tokenizer and config", name, "tokenizer" if name.startswith("tokenizer") else "model", files, "", words
    for name, (files, words) in folders.adapter_classes().items():
        yield "adapter", name, "adapter", files, "", words


def write(folder, files):
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def ask(lines):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))

    text = "".join(json.dumps(line) + "\n" for line in lines)
    out = subprocess.run([READER], input=text, capture_output=True, text=True, check=True, preexec_fn=limit, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return [json.loads(line) for line in out.stdout.splitlines()]


def main():
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        good = root / "good.gguf"
        good.write_bytes(gguf.Gguf().bytes())
        for kind, files in {"folder": folders.folder(), "sharded": None, "adapter": None}.items():
            if files:
                write(root / kind, files)
        lines = [["model", str(good)], ["model", str(root / "folder")], ["tokenizer", str(root / "folder")]]
        assert all(answer["error"] == "accepted" for answer in ask(lines)), ask(lines)  # nothing but the change breaks a file
        listing = list(cases())
        lines = []
        for number, (_, _, kind, files, opened, _) in enumerate(listing):
            write(root / str(number), files)
            lines.append([kind, str(root / str(number) / opened) if opened else str(root / str(number)), str(good)])
        answers = ask(lines)
        wrong, counts = [], collections.Counter()
        for (group, name, _, files, opened, words), line, answer in zip(listing, lines, answers, strict=True):
            counts[group] += 1
            said = answer["error"]
            named = str(root) in said or any(file in said for file in files)
            fine = said != "accepted" and words in said and named and answer["hint"] and answer["seconds"] < MAX_SECONDS and answer["growth"] < MAX_GROWTH
            if not fine or "--show" in sys.argv:
                wrong.append(f"{group}: {name}: {answer['seconds']:.2f} s, {answer['growth'] >> 20} MiB: {said.replace(str(root), '')} (expected: {words!r})")
        if wrong:
            print("\n".join(wrong))
            sys.exit("--show" not in sys.argv)
        for group, least in MIN_CLASSES.items():
            assert counts[group] >= least, (group, counts[group], least)
        assert len({(group, name) for group, name, *_ in listing}) == len(listing)
    slowest = max(answer["seconds"] for answer in answers)
    print(f"refused: {', '.join(f'{n} classes of {g}' for g, n in counts.items())}; slowest {slowest:.3f} s, most {max(a['growth'] for a in answers) >> 20} MiB")


if __name__ == "__main__":
    main()
