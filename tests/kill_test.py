"""kill -9 at random instants of every stage: the finished workspace equals that of an undisturbed run (hazard 14).

FAQSMITH_KILLS: kills in each stage (default 5). FAQSMITH_KILL_SEED: their instants (default 7; printed).
"""

import collections
import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
try:
    import crash_lib
    from crash_lib import STAGES, command, differences, dump, kill_once, must_run, write_fixture
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

KILLS = int(os.environ.get("FAQSMITH_KILLS", "5"))
SEED = int(os.environ.get("FAQSMITH_KILL_SEED", "7"))


def undisturbed(fixture, workspace):
    """Seconds of each stage."""
    seconds = {}
    for stage in STAGES:
        begin = time.monotonic()
        must_run(stage, fixture, workspace)
        seconds[stage] = time.monotonic() - begin
    return seconds


def disturbed(fixture, workspace, seconds, rng):
    """KILLS kills of each stage; returns how many hit, by stage."""
    hits = collections.Counter()
    for stage in STAGES:
        for _ in range(KILLS):
            hits[stage] += kill_once(command(stage, fixture, workspace), rng.uniform(0, seconds[stage]))
        must_run(stage, fixture, workspace)
    return hits


def build_killed(fixture, workspace, seconds, rng):
    """The same through `build`, which goes on by itself."""
    total = sum(seconds.values())
    hits = collections.Counter(build=sum(kill_once(command("build", fixture, workspace), rng.uniform(0, total)) for _ in range(KILLS)))
    must_run("build", fixture, workspace)
    return hits


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
            hits = way(fixture, workspace, seconds, rng)
            found = differences(wanted, dump(workspace))
            by_stage = ", ".join(f"{stage} {n}" for stage, n in hits.items())
            print(f"{name}: {hits.total()} kills ({by_stage}), {len(found)} differences (seed {SEED})")
            failures += [f"{name}: {line}" for line in found]
    for line in failures:
        print(line)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
