"""kill -9 at random instants of every stage: the finished workspace equals that of an undisturbed run (hazard 14).

FAQSMITH_KILLS: kills in each stage (default 5). FAQSMITH_KILL_SEED: their instants (default 7; printed).
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
try:
    import crash_lib
    from crash_lib import STAGES, command, differences, dump, must_run, write_fixture
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

KILLS = int(os.environ.get("FAQSMITH_KILLS", "5"))
SEED = int(os.environ.get("FAQSMITH_KILL_SEED", "7"))


def kill_once(stage, fixture, workspace, delay):
    """Starts the stage, kills it after delay seconds. False: it had ended before."""
    child = subprocess.Popen(command(stage, fixture, workspace), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    try:
        child.wait(timeout=delay)
        if child.returncode != 0:
            print(f"{stage} ended with {child.returncode} before it was killed")
            sys.exit(1)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return True


def undisturbed(fixture, workspace):
    """Seconds of each stage."""
    seconds = {}
    for stage in STAGES:
        begin = time.monotonic()
        must_run(stage, fixture, workspace)
        seconds[stage] = time.monotonic() - begin
    return seconds


def disturbed(fixture, workspace, seconds, rng):
    """Kills each stage until KILLS of them hit; returns how many did."""
    n_hit = 0
    for stage in STAGES:
        for _ in range(KILLS):
            n_hit += kill_once(stage, fixture, workspace, rng.uniform(0, seconds[stage]))
        must_run(stage, fixture, workspace)
    return n_hit


def build_killed(fixture, workspace, seconds, rng):
    """The same through `build`, which goes on by itself."""
    total = sum(seconds.values())
    n_hit = sum(kill_once("build", fixture, workspace, rng.uniform(0, total)) for _ in range(KILLS))
    must_run("build", fixture, workspace)
    return n_hit


def main():
    rng = random.Random(SEED)
    failures = []
    with tempfile.TemporaryDirectory() as scratch:
        fixture = Path(scratch)
        write_fixture(fixture)
        seconds = undisturbed(fixture, fixture / "calm")
        wanted = dump(fixture / "calm")
        print("undisturbed:", ", ".join(f"{stage} {s:.2f} s" for stage, s in seconds.items()))
        print("rows:", ", ".join(f"{table} {len(wanted[table])}" for table in crash_lib.TABLES if table in wanted))
        for name, way in (("stage by stage", disturbed), ("build", build_killed)):
            workspace = fixture / name.replace(" ", "_")
            n_hit = way(fixture, workspace, seconds, rng)
            found = differences(wanted, dump(workspace))
            print(f"{name}: {n_hit} kills, {len(found)} differences (seed {SEED})")
            failures += [f"{name}: {line}" for line in found]
    for line in failures:
        print(line)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
