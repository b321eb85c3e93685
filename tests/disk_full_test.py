"""A disk that fills up at any point of a build: one clear error, nothing lost, and the same result once there is room (hazard 14).

Two ways: a small tmpfs that is enlarged afterwards (ENOSPC; needs the right to mount), and a limit on file sizes (EFBIG).
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
try:
    from crash_lib import command, differences, dump, must_run, write_fixture
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SIZES_KIB = [int(size) for size in os.environ.get("FAQSMITH_DISK_KIB", "64,150,280,450,700,1100,2000,3500").split(",")]
failures = []


def judge(name, code, errors, wanted, workspace):
    """code, errors: of the run without room. Equal rows afterwards?"""
    said = [line for line in errors.splitlines() if line.startswith("error: ")]
    if code not in (0, 1) or (code == 1 and len(said) != 1):
        failures.append(f"{name}: exit code {code}, {errors!r}")
    for line in differences(wanted, dump(workspace)):
        failures.append(f"{name}: {line}")
    print(f"{name}: {said[0] if said else 'fits'}")


def may_mount():
    probe = "d=$(mktemp -d) && mount -t tmpfs -o size=64k none $d && umount $d && rmdir $d"
    return subprocess.run(["unshare", "-rm", "sh", "-c", probe], capture_output=True).returncode == 0


def small_disk(size_kib, fixture, wanted):
    """One shell in its own mount namespace: fill up, enlarge, go on, copy the result out."""
    disk, result = fixture / "disk", fixture / f"result_{size_kib}"
    disk.mkdir(exist_ok=True)
    words = " ".join(f"'{word}'" for word in command("build", fixture, disk / "w"))
    script = (
        f"mount -t tmpfs -o size={size_kib}k none {disk} && {{ {words} >{fixture}/out 2>{fixture}/err; echo $? >{fixture}/code; "
        f"mount -o remount,size=512m {disk} && {words} >{fixture}/out2 2>{fixture}/err2; echo $? >{fixture}/code2; cp -r {disk}/w {result}; }}"
    )
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True)
    name = f"disk of {size_kib} KiB"
    if (fixture / "code2").read_text().strip() != "0":
        failures.append(f"{name}: does not go on: {(fixture / 'err2').read_text()!r} {done.stderr!r}")
        return
    judge(name, int((fixture / "code").read_text()), (fixture / "err").read_text(), wanted, result)
    shutil.rmtree(result)


def small_files(size_kib, fixture, wanted):
    workspace = fixture / f"limited_{size_kib}"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size_kib << 10, resource.RLIM_INFINITY))
    done = subprocess.run(command("build", fixture, workspace), capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          preexec_fn=limit, restore_signals=False)  # fmt: skip
    must_run("build", fixture, workspace)
    judge(f"files of at most {size_kib} KiB", done.returncode, done.stderr, wanted, workspace)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        fixture = Path(scratch)
        write_fixture(fixture)
        must_run("build", fixture, fixture / "calm")
        wanted = dump(fixture / "calm")
        n_runs = len(SIZES_KIB[:6])
        if may_mount():
            n_runs += len(SIZES_KIB)
            for size in SIZES_KIB:
                small_disk(size, fixture, wanted)
        else:
            print("no right to mount: only file sizes are limited")
        for size in SIZES_KIB[:6]:
            small_files(size, fixture, wanted)
    print(f"{n_runs} runs without room, {len(failures)} differences or unclear errors")
    for line in failures:
        print(line)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
