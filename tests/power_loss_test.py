"""Power loss (hazard 14): every write, fsync and change of a name of a stage is recorded; states that a crash may leave on the disk are
laid out from that (tests/power_loss.py says which), and the stage must go on from each to the result of an undisturbed run.

FAQSMITH_POWER_EVERY: the power fails after every so many operations (default 60; 1: each), at the next sync. FAQSMITH_IO_STAGES: which stages.
"""

import collections
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
try:
    import power_loss
    from crash_lib import Fixture, differences, dump, everything, lost
    from io_fault_test import STAGES, WANTED_STAGES
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

EVERY = int(os.environ.get("FAQSMITH_POWER_EVERY", "60"))


def states(disk, operations):
    """(operation's number, what was lost, tree), each tree once. The power may fail before any operation; before a sync most is pending."""
    seen, due = set(), False
    for number, op in enumerate(operations):
        due = due or number % EVERY == 0
        if due and (op.name == "sync" or EVERY == 1):
            due = False
            for loss, tree in disk.crashes():
                mark = power_loss.fingerprint(tree)
                if mark not in seen:
                    seen.add(mark)
                    yield number, loss, tree
        disk.do(op)


def goes_on(fixture, stage, settings, tree, before, wanted):
    """What is wrong with a state, as lines."""
    shutil.rmtree(fixture.workspace, ignore_errors=True)
    fixture.workspace.mkdir()
    power_loss.lay_out(tree, fixture.workspace)
    wrong = lost(before, everything(fixture.workspace), wanted) if before else []
    again = fixture.run(stage, settings)
    if again.returncode != 0:
        return [*wrong, f"does not go on: {again.stderr!r}"]
    return wrong + differences(wanted, dump(fixture.workspace))


def campaign(fixture, stage, settings):
    before = everything(fixture.workspace) if fixture.workspace.exists() else {}
    fixture.workspace.mkdir(exist_ok=True)
    disk, replay = power_loss.Disk(fixture.workspace), power_loss.Disk(fixture.workspace)
    operations = fixture.record(stage, settings)
    wanted = dump(fixture.workspace)
    finished = fixture.folder / "finished"
    shutil.copytree(fixture.workspace, finished)
    begin, losses, wrong = time.monotonic(), collections.Counter(), []
    for number, loss, tree in states(disk, operations):
        losses[loss] += 1
        wrong += [f"{stage}, operation {number}, lost {loss}: {line}" for line in goes_on(fixture, stage, settings, tree, before, wanted)]
    # A stage that said "done" is on the disk, whatever was not synced.
    for op in operations:
        replay.do(op)
    shutil.rmtree(fixture.workspace)
    power_loss.lay_out(replay.tree([]), fixture.workspace)
    wrong += [f"{stage}, after its end: {line}" for line in differences(wanted, dump(fixture.workspace))]
    n_syncs = sum(op.name == "sync" for op in operations)
    name = " ".join([stage, *(str(settings[key]) for key in ("train.method",) if key in settings)])
    print(f"{name}: {len(operations)} operations, {n_syncs} of them syncs, {losses.total()} states left by a power loss, "
          f"{len(wrong)} wrong ({time.monotonic() - begin:.0f} s)", flush=True)  # fmt: skip
    shutil.rmtree(fixture.workspace)
    finished.rename(fixture.workspace)
    return losses, wrong


def main():
    losses, wrong = collections.Counter(), []
    with tempfile.TemporaryDirectory(prefix="faqsmith-power-") as scratch:
        fixture = Fixture(Path(scratch), n_subjects=2)
        for stage, settings in STAGES:
            if stage == "train":
                fixture.hold_out_validation()
            if WANTED_STAGES and stage not in WANTED_STAGES:
                fixture.must_run(stage, settings)
                continue
            found, lines = campaign(fixture, stage, settings)
            losses += found
            wrong += lines
    print("states by what was lost:", ", ".join(f"{loss} {n}" for loss, n in losses.most_common()))
    for line in wrong[:40]:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
