"""What the crash tests share: documents, a tiny model, the commands, and a dump of a workspace that leaves out times and row ids.

Two workspaces that dump equally hold the same sections, facts, pairs, journal, answers and the same bytes of checkpoints.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import tiny_model

BINARY = os.environ["FAQSMITH"]
STAGES = ("collect", "generate", "curate", "split", "train", "evaluate")
SETTINGS = {
    "threads": 1,
    "generate.samples_per_fact": 4,
    "generate.rule_wordings": 4,
    "generate.unanswerable": 12,
    "generate.facts_per_batch": 2,
    "curate.score_per_fact": 8,
    "split.unseen_facts": 0.15,
    "split.reworded": 0.3,
    "split.validation": 0.15,
    "train.steps": 16,
    "train.save_every": 4,
    "train.validate_every": 5,
    "evaluate.max_tokens": 8,
}  # fmt: skip
SETTINGS |= dict(word.split("=", 1) for word in os.environ.get("FAQSMITH_CRASH_SET", "").split())  # e.g. "train.method=lora threads=2"
SUBJECTS = ("cactus", "rose", "tomato plant", "fern", "orchid", "lemon tree", "basil pot", "tulip")
QUESTIONS = (
    ("How often do I water the {0}?", "Water the {0} every {1} days. In winter twice that time is enough, since the soil of the {0} dries slowly."),
    ("Where should the {0} stand?", "The {0} should stand {1} steps from the window. It needs light in the morning and shade after noon."),
    ("What does a {0} cost?", "A {0} costs {1} euros in our shop. A pot and a bag of soil are part of the price."),
)  # fmt: skip


def write_pdf(path, lines):
    content = "".join(f"BT /F1 11 Tf 72 {700 - 14 * i} Td ({line}) Tj ET\n" for i, line in enumerate(lines)).encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    path.write_bytes(out + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % table)


def write_fixture(folder, n_subjects=len(SUBJECTS)):
    """docs/ and model.gguf under folder; the same bytes each time."""
    docs = folder / "docs"
    docs.mkdir(parents=True)
    everything = ""
    for s, subject in enumerate(SUBJECTS[:n_subjects]):
        text = f"# The {subject}\n\n"
        for q, (question, answer) in enumerate(QUESTIONS):
            text += f"## {question.format(subject)}\n\n{answer.format(subject, 3 + 5 * s + 7 * q)}\n\n"
        (docs / f"{subject.replace(' ', '_')}.md").write_text(text)
        everything += text
    write_pdf(docs / "opening.pdf", ["The shop is open from nine in the morning to six in the evening.", "On Sundays the shop is closed."])
    tiny_model.write_model(folder / "model.gguf", everything)


def command(stage, fixture, workspace, settings=None):
    words = [BINARY, stage, "-w", str(workspace), "--quiet", "--set", f"model={fixture / 'model.gguf'}"]
    if stage in ("collect", "build"):
        words.insert(2, str(fixture / "docs"))
    for key, value in (SETTINGS | (settings or {})).items():
        words += ["--set", f"{key}={value}"]
    return words


def run(stage, fixture, workspace, **more):
    return subprocess.run(command(stage, fixture, workspace), capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)


def must_run(stage, fixture, workspace):
    done = run(stage, fixture, workspace)
    if done.returncode != 0:
        print(f"{stage} failed with {done.returncode}\n{done.stdout}{done.stderr}")
        sys.exit(1)


def kill_once(words, delay):
    """Starts a command, kills it after delay seconds. False: it had ended before."""
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        child.wait(timeout=delay)
        if child.returncode != 0:
            print(f"{words[1]} ended with {child.returncode} before it was killed")
            sys.exit(1)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return True


class Operation:
    """What io_faults.cc records of one: name (create write truncate sync rename exchange remove mkdir nothing), inode, offset, data, path, target."""

    def __init__(self, name, inode, offset, data, path, target):
        self.name, self.inode, self.offset, self.data, self.path, self.target = name, inode, offset, data, path, target


def read_operations(data):
    operations, at = [], 0
    while at < len(data):
        end = data.index(b"\n", at)
        name, inode, offset, n_bytes, path, target = data[at:end].split(b"\t")
        n = int(n_bytes)
        operations.append(Operation(name.decode(), int(inode), int(offset), data[end + 1 : end + 1 + n], path.decode(), target.decode()))
        at = end + 1 + n + 1
    return operations


class Fixture:
    """Documents, a model and one workspace, whose path is always the same: some stages' keys hold it."""

    def __init__(self, folder, n_subjects):
        self.folder, self.workspace = folder, folder / "w"
        self.shim = Path(os.environ["FAQSMITH_HELPERS"]) / "libio_faults.so"
        write_fixture(folder, n_subjects)

    def run(self, stage, settings, *words, **environment):
        """words: more of the command line. environment: of io_faults.cc; without any, the plain binary runs."""
        extra = {name: str(value) for name, value in environment.items()}
        if extra:
            extra["LD_PRELOAD"] = str(self.shim)
        return subprocess.run([*command(stage, self.folder, self.workspace, settings), *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=os.environ | extra)  # fmt: skip

    def must_run(self, stage, settings, **environment):
        done = self.run(stage, settings, **environment)
        if done.returncode != 0:
            print(f"{stage} failed with {done.returncode}\n{done.stdout}{done.stderr}")
            sys.exit(1)

    def hold_out_validation(self):
        """The random teacher's wordings pass no gate, so split finds nothing to validate with: every seventh training row will do."""
        with contextlib.closing(sqlite3.connect(self.workspace / "faqsmith.db")) as db:
            db.execute("UPDATE pairs SET part = 'validation' WHERE part = 'train' AND id % 7 = 0")
            db.commit()

    def record(self, stage, settings):
        """The operations of an undisturbed run, in order."""
        file = self.folder / "operations"
        file.unlink(missing_ok=True)
        self.must_run(stage, settings, IO_ROOT=self.workspace, IO_RECORD=file)
        return read_operations(file.read_bytes())


TABLES = {
    "sources": "SELECT path, sha256, format, title, language, state, reason, dropped, cut_by FROM sources",
    "sections": "SELECT o.path, s.ordinal, s.heading_path, s.text, s.page, s.begin_byte, s.end_byte, s.n_tokens, s.hash, s.stale "
    "FROM sections s JOIN sources o ON o.id = s.source_id",
    "facts": "SELECT f.key, s.hash, f.origin, f.quote, f.answer, f.heading, f.cluster FROM facts f JOIN sections s ON s.id = f.section_id",
    "requests": "SELECT r.batch, r.ordinal, s.hash, f.key, r.kind, r.prompt_hash, r.seed, r.reply, r.outcome, r.reason, r.n_prompt_tokens, "
    "r.n_new_tokens FROM requests r LEFT JOIN sections s ON s.id = r.section_id LEFT JOIN facts f ON f.id = r.fact_id",
    "pairs": "SELECT p.key, f.key, r.batch, r.ordinal, p.question, p.answer, p.form, p.verdict, p.reasons, p.scores, p.part FROM pairs p "
    "LEFT JOIN facts f ON f.id = p.fact_id LEFT JOIN requests r ON r.id = p.request_id",
    "answers": "SELECT a.run, p.key, a.model, a.answer, a.refused, f.key, a.metrics FROM answers a JOIN pairs p ON p.id = a.pair_id "
    "LEFT JOIN facts f ON f.id = a.cited_fact_id",
    "stage_runs": "SELECT stage, key, state FROM stage_runs",
}  # fmt: skip
MAY_DIFFER = {"report.html", "report.json"}  # they show times


def dump_tables(workspace):
    """Read from a copy: even a connection that only reads would leave its own files in the workspace."""
    out = {}
    with tempfile.TemporaryDirectory(prefix="faqsmith-dump-") as copy:
        for name in ("faqsmith.db", "faqsmith.db-wal"):
            if (workspace / name).exists():
                shutil.copy(workspace / name, copy)
        with contextlib.closing(sqlite3.connect(f"{copy}/faqsmith.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], f"{workspace}: damaged database"
            for table, query in TABLES.items():
                for row in sorted(map(repr, db.execute(query))):
                    out.setdefault(table, []).append(row)
    return out


def files_of(workspace):
    """What is compared of a workspace, beside its database."""
    for folder in ("runs", "export"):
        yield from (path for path in sorted((workspace / folder).rglob("*")) if path.is_file() and path.name not in MAY_DIFFER)


def dump_files(workspace):
    """The files' hashes, half-written ones too."""
    return {str(path.relative_to(workspace)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files_of(workspace)}


def dump(workspace):
    out = dump_tables(workspace)
    for path in files_of(workspace):
        name = str(path.relative_to(workspace))
        if path.name == "metrics.jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            out[name] = [{k: v for k, v in line.items() if "second" not in k and "time" not in k} for line in lines]
        elif "tfevents" in path.name:
            out[name] = event_lengths(path.read_bytes())
        else:
            out[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return out


def event_lengths(data):
    """The records of TensorBoard's file, by length: each holds a wall time and a speed, which differ between runs."""
    lengths, at = [], 0
    while at < len(data):
        lengths.append(struct.unpack_from("<Q", data, at)[0])
        at += lengths[-1] + 16
    assert at == len(data), "a cut event file"
    return lengths


def differences(wanted, found):
    """Lines that say what differs; none: equal."""
    lines = []
    for name in sorted(wanted.keys() | found.keys()):
        a, b = wanted.get(name), found.get(name)
        if a == b:
            continue
        if isinstance(a, list) and isinstance(b, list):
            missing = [row for row in a if row not in b]
            extra = [row for row in b if row not in a]
            lines.append(f"{name}: {len(a)} rows wanted, {len(b)} found; missing {missing[:2]}, extra {extra[:2]}")
        else:
            lines.append(f"{name}: wanted {str(a)[:80]}, found {str(b)[:80]}")
    return lines


def lost(before, between, after):
    """Rows and files that stood before a failed run and stand after it was mended, but not in between."""
    lines = []
    for name, old in before.items():
        if isinstance(old, list):
            kept, found = set(after.get(name, [])), set(between.get(name, []))
            lines += [f"{name} lost {row[:80]}" for row in old if row in kept and row not in found]
        elif after.get(name) == old != between.get(name):
            lines.append(f"{name} lost")
    return lines


def everything(workspace):
    return dump_tables(workspace) | dump_files(workspace)
