"""Damaged checkpoints (hazard 16), with the real binary: a flipped bit or a missing file in the newest one, and training goes on from the
one before, says so on the terminal and in the log, and ends with the same bytes. Without any whole checkpoint: one error that says what to do.
"""

import errno
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
try:
    from crash_lib import Fixture, differences, dump
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SETTINGS = {"train.method": "lora", "lora.dropout": 0.1}
FILES = ("manifest.json", "weights.safetensors", "optimizer.safetensors")
failures = []


def expect(holds, claim):
    if not holds:
        failures.append(claim)
        print(f"FAILED: {claim}")


def flip(path, place):
    """One bit at a share of the file."""
    data = bytearray(path.read_bytes())
    at = int(place * (len(data) - 1))
    data[at] ^= 1 << (at % 8)
    path.write_bytes(data)


class Broken:
    """A workspace whose training broke off with two checkpoints, restored as often as needed."""

    def __init__(self, fixture):
        self.fixture, self.saved = fixture, fixture.folder / "broken"
        before = fixture.folder / "before"
        for stage in ("collect", "generate", "curate", "split"):
            fixture.must_run(stage, SETTINGS)
        fixture.hold_out_validation()
        shutil.copytree(fixture.workspace, before)
        operations = fixture.record("train", SETTINGS)
        self.wanted = dump(fixture.workspace)
        third = next(number for number, op in enumerate(operations, 1) if op.target.endswith("/last-00000012"))
        tidied = next(number for number, op in enumerate(operations, 1) if number > third + 1 and op.name == "sync")  # the oldest is gone
        shutil.rmtree(fixture.workspace)
        shutil.copytree(before, fixture.workspace)
        stopped = fixture.run("train", SETTINGS, IO_ROOT=fixture.workspace, IO_FAIL_AT=tidied + 1, IO_ERRNO=errno.EIO, IO_LASTING=1)
        assert stopped.returncode == 1, stopped.stderr
        fixture.workspace.rename(self.saved)
        self.older, self.newest = self.checkpoints(self.saved)

    def checkpoints(self, workspace):
        return sorted(path.relative_to(workspace) for path in workspace.glob("runs/train-*/last-*"))

    def restore(self):
        shutil.rmtree(self.fixture.workspace, ignore_errors=True)
        shutil.copytree(self.saved, self.fixture.workspace)

    def train(self):
        log = self.fixture.folder / "log"
        log.unlink(missing_ok=True)
        done = self.fixture.run("train", SETTINGS, "--log", str(log))
        return done, log.read_text() if log.exists() else ""


def goes_on(broken, what, name, said):
    """After a damage of the newest checkpoint: the same final bytes, and said aloud twice."""
    done, log = broken.train()
    expect(done.returncode == 0, f"{what}: exit code {done.returncode}, {done.stderr!r}")
    for place, text in (("terminal", done.stderr), ("log", log)):
        lines = [line for line in text.splitlines() if f"{broken.newest.name}/{name}" in line or f"{broken.newest.name} " in line]
        expect(len(lines) == 1 and said in lines[0], f"{what}: the {place} says {text!r}")
    found = differences(broken.wanted, dump(broken.fixture.workspace))
    expect(not found, f"{what}: {found}")


def main():
    with tempfile.TemporaryDirectory(prefix="faqsmith-damage-") as scratch:
        broken = Broken(Fixture(Path(scratch), n_subjects=2))
        workspace = broken.fixture.workspace
        n = 0
        for name in FILES:
            for place in (0, 0.3, 0.5, 0.999, 1):
                broken.restore()
                flip(workspace / broken.newest / name, place)
                goes_on(broken, f"{name}, a bit flipped at {place:.1%}", name, "damaged")
                n += 1
            broken.restore()
            (workspace / broken.newest / name).unlink()
            goes_on(broken, f"without {name}", name, "missing" if name != "manifest.json" else "has no manifest.json")
            n += 1
        broken.restore()
        shutil.rmtree(workspace / broken.newest)
        done, _ = broken.train()
        expect(done.returncode == 0 and not differences(broken.wanted, dump(workspace)), "without the newest folder it goes on from the older")

        broken.restore()
        for folder in (broken.newest, broken.older):
            flip(workspace / folder / "weights.safetensors", 0.5)
        done, _ = broken.train()
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        expect(done.returncode == 1 and len(errors) == 1 and "none of the 2 checkpoints" in errors[0], f"both damaged: {done.stderr!r}")
        expect("remove that folder" in done.stderr, f"both damaged: no way out in {done.stderr!r}")
        shutil.rmtree((workspace / broken.newest).parent)
        done, _ = broken.train()
        expect(done.returncode == 0 and not differences(broken.wanted, dump(workspace)), "after that, the same result from the start")

        flip(next(workspace.glob("runs/train-*/best-*/weights.safetensors")), 0.5)
        done = broken.fixture.run("evaluate", SETTINGS)
        expect(done.returncode == 0 and "damaged" in done.stderr, f"the best damaged: {done.returncode}, {done.stderr!r}")
    print(f"{n} damages of the newest checkpoint, {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
