#!/usr/bin/env python3
"""A Llama-2-7B-shaped model of seeded random weights through the real binary, within a limit of memory: writes it as a sharded bf16
folder, loads it, trains 3 LoRA and 3 QLoRA steps and exports what came of them. Prints the forecast beside the measured peak of each run
(the kernel's: own and mapped pages together). Skips loudly where disk or memory is missing.

Usage: seven_b.py BINARY FOLDER [SHAPE [LIMIT_GIB]]; the folder is removed at the end. Other shapes: tests/large_model.py.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import large_model  # noqa: E402

GIB = 1 << 30
# Streamed: what a machine with little memory chooses by itself, also where more is there.
TRAIN = {"train.base_memory": "streamed", "train.steps": 3, "train.rows_per_step": 4, "train.micro_tokens": 512, "train.max_length": 512,
         "train.validate_every": 1000, "curate.score_per_fact": 0}  # fmt: skip
EXPORTS = {"lora": ["hf"], "qlora": ["adapter", "q4_k"]}
DISK_FACTOR = 2.3    # of the weights: the model, its merged copy, checkpoints
MEMORY_FACTOR = 1.4  # the mapped weights, and what the adapter and the pass need beside them


def available_bytes():
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    try:
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current"))
        return min(available, int(limit) - int(used))
    except (OSError, ValueError):
        return available


def run(binary, workspace, words, settings):
    """Counts of the stage, seconds and bytes of the peak."""
    command = [binary, *words, "-w", str(workspace), "--json"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        out.seek(0), err.seek(0)
        if status != 0:
            sys.exit(f"{' '.join(command)} failed with {os.waitstatus_to_exitcode(status)}\n{out.read()}{err.read()}")
        return json.loads(out.read())["counts"], time.monotonic() - start, usage.ru_maxrss * 1024


def train(binary, folder, method):
    workspace = folder / method
    settings = {"model": folder / "model", "train.method": method, **TRAIN}
    run(binary, workspace, ["import", str(folder / "pairs.jsonl")], {})
    for stage in ("curate", "split"):
        run(binary, workspace, [stage], settings)
    counts, seconds, _ = run(binary, workspace, ["train"], settings)
    said = [counts["forecast_memory_bytes"], counts["forecast_mapped_bytes"]]
    got = [counts["memory_bytes"], counts["mapped_bytes"]]
    print(f"{method}: 3 steps in {seconds:.0f} s; forecast {said[0] / GIB:.2f} GiB own + {said[1] / GIB:.2f} mapped, "
          f"measured {got[0] / GIB:.2f} + {got[1] / GIB:.2f}, peak {counts['peak_memory_bytes'] / GIB:.2f}", flush=True)  # fmt: skip
    return counts["peak_memory_bytes"], abs(sum(said) / counts["peak_memory_bytes"] - 1)


def export(binary, folder, method):
    """Bytes of the peak. What is written passed the parity gate, or the command failed."""
    workspace, forms = folder / method, EXPORTS[method]
    settings = {"model": folder / "model", "export.hf_type": "bf16"}
    counts, seconds, peak = run(binary, workspace, ["export", *forms], settings)
    print(f"{method}, exported as {' and '.join(forms)}: {counts['bytes'] / GIB:.2f} GiB in {seconds:.0f} s, peak {peak / GIB:.2f} GiB", flush=True)
    shutil.rmtree(workspace)
    return peak


def main():
    binary, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    name = sys.argv[3] if len(sys.argv) > 3 else "llama2-7b"
    limit = float(sys.argv[4]) if len(sys.argv) > 4 else 22.0
    shape = large_model.SHAPES[name]
    weights = sum(large_model.bytes_of(dims) for _, dims in large_model.tensors(shape))
    folder.mkdir(parents=True, exist_ok=True)
    disk, memory = DISK_FACTOR * weights, min(limit * GIB, MEMORY_FACTOR * weights)
    free_disk, free_memory = shutil.disk_usage(folder).free, available_bytes()
    if free_disk < disk or free_memory < memory:
        print(f"SKIPPED: {name} needs {disk / GIB:.0f} GiB of disk ({free_disk / GIB:.0f} free) and {memory / GIB:.0f} GiB of memory "
              f"({free_memory / GIB:.1f} free)")  # fmt: skip
        folder.rmdir()
        return
    try:
        large_model.write_pairs(folder / "pairs.jsonl")
        start = time.monotonic()
        large_model.write_folder(folder / "model", (folder / "pairs.jsonl").read_text(), shape)
        print(f"{name}: {weights / GIB:.2f} GiB of bf16 weights written in {time.monotonic() - start:.0f} s", flush=True)
        peaks, errors = [], []
        for method in ("lora", "qlora"):
            peak, error = train(binary, folder, method)
            errors.append(error)
            peaks += [peak, export(binary, folder, method)]
        failed = max(peaks) > limit * GIB or max(errors) > 0.03
        print("FAILED" if failed else f"within {limit:.0f} GiB, forecasts within 3%")
        sys.exit(1 if failed else 0)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
