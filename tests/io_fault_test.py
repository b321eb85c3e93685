"""Writes that fail (hazard 14): in every stage each operation that changes a file of the workspace fails in turn, by a full disk, an
I/O error and a file system that turned read-only. Wanted: one error, nothing lost, and after a run without faults the same result.

FAQSMITH_IO_EVERY: every so many operations one fails (default 60; 1: each). FAQSMITH_IO_STAGES: which stages (default: all).
"""

import errno
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
try:
    from crash_lib import Fixture, differences, dump, everything, lost
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

EVERY = int(os.environ.get("FAQSMITH_IO_EVERY", "60"))
# name: errno, whether it lasts, and whether the first write still takes half of its bytes (see io_faults.cc).
FAULTS = {"no space": (errno.ENOSPC, True), "I/O error": (errno.EIO, False), "read-only": (errno.EROFS, True)}
# Few steps, yet several checkpoints of both kinds.
FEW = {"train.steps": 6, "train.save_every": 2, "train.validate_every": 3, "train.patience": 0}
LORA = FEW | {"train.method": "lora", "lora.dropout": 0.1}
STAGES = (
    ("collect", {}),
    ("generate", {}),
    ("curate", {}),
    ("split", {}),
    ("train", LORA),
    ("export", LORA),
    ("train", FEW | {"train.method": "full"}),
    ("evaluate", FEW),
    ("export", FEW),
)  # fmt: skip
WANTED_STAGES = os.environ.get("FAQSMITH_IO_STAGES", "").split()


def restore(saved, workspace):
    shutil.rmtree(workspace, ignore_errors=True)
    if saved.exists():
        shutil.copytree(saved, workspace)


def one_fault(fixture, stage, settings, fault, number, saved, before, wanted):
    """Returns what is wrong, as lines, and whether the run failed."""
    code, lasting = FAULTS[fault]
    restore(saved, fixture.workspace)
    done = fixture.run(stage, settings, IO_ROOT=fixture.workspace, IO_FAIL_AT=number, IO_ERRNO=code, IO_LASTING=int(lasting))
    wrong = []
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    if done.returncode not in (0, 1, 2) or len(said) != (done.returncode != 0) or "bug" in done.stderr:
        wrong.append(f"exit code {done.returncode}, {done.stderr!r}")
    if before and not (fixture.workspace / "faqsmith.db").exists():
        wrong.append("the database is gone")
    elif before:
        wrong += lost(before, everything(fixture.workspace), wanted)
    again = fixture.run(stage, settings)
    if again.returncode != 0:
        return [*wrong, f"does not go on: {again.stderr!r}"], True
    wrong += differences(wanted, dump(fixture.workspace))
    return [f"{stage}, {fault} at operation {number}: {line}" for line in wrong], done.returncode != 0


def without_unnamed_files(fixture, settings, operations, saved, wanted):
    """Export on a file system that knows no O_TMPFILE: nothing fails, nothing differs, nothing is left."""
    unnamed = [n for n, o in enumerate(operations, 1) if o.name == "nothing" and Path(o.path) == fixture.workspace / "export"]
    wrong = [] if unnamed else ["asks for no unnamed file"]
    for number in unnamed:
        restore(saved, fixture.workspace)
        done = fixture.run("export", settings, IO_ROOT=fixture.workspace, IO_FAIL_AT=number, IO_ERRNO=errno.EOPNOTSUPP, IO_LASTING=0)
        wrong += [f"exit code {done.returncode}, {done.stderr!r}"] if done.returncode != 0 else differences(wanted, dump(fixture.workspace))
    return [f"export without O_TMPFILE: {line}" for line in wrong]


def campaign(fixture, stage, settings, saved):
    """All faults of one stage; returns the lines of what went wrong. Leaves the workspace as an undisturbed run does."""
    restore(saved, fixture.workspace)
    before = everything(fixture.workspace) if saved.exists() else {}
    operations = fixture.record(stage, settings)
    n_operations = len(operations)
    wanted = dump(fixture.workspace)
    shutil.copytree(fixture.workspace, saved.with_suffix(".after"))
    begin, n_runs, n_failed = time.monotonic(), 0, 0
    wrong = without_unnamed_files(fixture, settings, operations, saved, wanted) if stage == "export" else []
    for i, fault in enumerate(FAULTS):
        # One operation after the last: a fault that never comes changes nothing.
        for number in range(1 + i * EVERY // len(FAULTS), n_operations + 2, EVERY):
            lines, failed = one_fault(fixture, stage, settings, fault, number, saved, before, wanted)
            wrong += lines
            n_runs += 1
            n_failed += failed
    name = " ".join([stage, *(str(settings[key]) for key in ("train.method",) if key in settings)])
    print(f"{name}: {n_operations} operations, {n_runs} faults, {n_failed} runs ended by them, {len(wrong)} wrong "
          f"({time.monotonic() - begin:.0f} s)", flush=True)  # fmt: skip
    shutil.rmtree(fixture.workspace)
    saved.with_suffix(".after").rename(fixture.workspace)
    return wrong


def main():
    wrong = []
    with tempfile.TemporaryDirectory(prefix="faqsmith-io-") as scratch:
        fixture = Fixture(Path(scratch), n_subjects=2)
        for place, (stage, settings) in enumerate(STAGES):
            if stage == "train":
                fixture.hold_out_validation()
            saved = fixture.folder / f"before-{place}"
            if fixture.workspace.exists():
                shutil.copytree(fixture.workspace, saved)
            if WANTED_STAGES and stage not in WANTED_STAGES:
                fixture.must_run(stage, settings)
            else:
                wrong += campaign(fixture, stage, settings, saved)
            shutil.rmtree(saved, ignore_errors=True)
    for line in wrong[:40]:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
