"""Work goes on bit by bit where it was killed (hazard 14): kill -9 at random instants of generate and of each kind of fine-tuning; the
rows, the checkpoints' bytes and the metrics are those of a run that nothing disturbed.

FAQSMITH_KILLS: kills that hit, for generate and for each kind (default 3). FAQSMITH_KILL_SEED: their instants (default 7; printed).
"""

import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
try:
    from crash_lib import Fixture, command, differences, dump, kill_once
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

KILLS = int(os.environ.get("FAQSMITH_KILLS", "3"))
SEED = int(os.environ.get("FAQSMITH_KILL_SEED", "7"))
LORA = {"train.method": "lora", "lora.rank": 8}
KINDS = {
    "full": {"train.method": "full"},
    "LoRA with dropout": LORA | {"lora.dropout": 0.1},
    "rsLoRA with dropout": LORA | {"lora.rslora": "true", "lora.dropout": 0.1},
    "DoRA": LORA | {"lora.dora": "true"},
    "QLoRA with dropout": LORA | {"train.method": "qlora", "lora.dropout": 0.1},
}  # fmt: skip
# Many checkpoints, validations that stop nothing, and the end of an epoch within the run.
LONGER = {"train.steps": 60, "train.save_every": 7, "train.validate_every": 9, "train.patience": 0}


class Campaign:
    def __init__(self, fixture, stage, settings, saved):
        self.fixture, self.stage, self.settings, self.saved = fixture, stage, settings, saved
        self.restore()
        begin = time.monotonic()
        fixture.must_run(stage, settings)
        self.seconds = time.monotonic() - begin
        self.wanted = dump(fixture.workspace)

    def restore(self):
        shutil.rmtree(self.fixture.workspace, ignore_errors=True)
        shutil.copytree(self.saved, self.fixture.workspace)

    def run(self, n_kills, rng):
        """Kills until n_kills hit; a run that reaches its end is compared, and a new one begins."""
        wrong, n_hit, n_runs = [], 0, 0
        words = command(self.stage, self.fixture.folder, self.fixture.workspace, self.settings)
        self.restore()
        while n_hit < n_kills:
            if kill_once(words, rng.uniform(0, self.seconds)):
                n_hit += 1
                continue
            wrong += differences(self.wanted, dump(self.fixture.workspace))
            n_runs += 1
            self.restore()
        self.fixture.must_run(self.stage, self.settings)
        return wrong + differences(self.wanted, dump(self.fixture.workspace)), n_runs + 1


def campaign(name, fixture, stage, settings, saved, rng):
    """Returns the lines of what differs."""
    kills = Campaign(fixture, stage, settings, saved)
    found, n_runs = kills.run(KILLS, rng)
    print(f"{name}: {KILLS} kills in {n_runs} runs of {kills.seconds:.2f} s, {len(found)} differences (seed {SEED})", flush=True)
    return [f"{name}: {line}" for line in found]


def main():
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="faqsmith-resume-") as scratch:
        fixture = Fixture(Path(scratch), n_subjects=4)
        collected, split = fixture.folder / "collected", fixture.folder / "split"
        fixture.must_run("collect", {})
        shutil.copytree(fixture.workspace, collected)
        wrong = campaign("generate", fixture, "generate", {}, collected, rng)
        for stage in ("curate", "split"):
            fixture.must_run(stage, {})
        fixture.hold_out_validation()
        fixture.workspace.rename(split)
        for kind, settings in KINDS.items():
            wrong += campaign(f"train {kind}", fixture, "train", settings | LONGER, split, rng)
    for line in wrong[:40]:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
