#!/usr/bin/env bash
# The long crash campaigns behind `make crash`. Each part of its own: tools/crash.sh [kills|resume|faults|power|disk]...
#   kills    kill -9 at random instants of each stage, full and LoRA training; FAQSMITH_KILLS (default 100) a stage and method,
#            shared among FAQSMITH_KILL_SEEDS (default "1 2 3 4")
#   resume   25 kills that hit generate, and as many of each kind of training: full, LoRA, rsLoRA, DoRA
#   faults   each write, fsync, rename, … of each stage fails, by ENOSPC, EIO and EROFS
#   power    unsynced writes are lost at every fifth operation of each stage (at the sync that follows)
#   disk     disks of many sizes fill up
# JOBS parts run at a time (default: as many as there are processors).
set -euo pipefail
cd "$(dirname "$0")/.."
export FAQSMITH="${FAQSMITH:-$PWD/build/release/faqsmith}" FAQSMITH_HELPERS="${FAQSMITH_HELPERS:-$PWD/build/release}"
python=${FAQSMITH_PYTHON:-$(tools/test_python.sh test)}

kills() {
  local kills=${FAQSMITH_KILLS:-100} seeds seed method
  read -ra seeds <<<"${FAQSMITH_KILL_SEEDS:-1 2 3 4}"
  for seed in "${seeds[@]}"; do
    for method in full lora; do
      FAQSMITH_CRASH_SET="train.method=$method threads=2" FAQSMITH_KILLS=$(((kills + ${#seeds[@]} - 1) / ${#seeds[@]})) \
        FAQSMITH_KILL_SEED=$seed "$python" tests/kill_test.py || return 1
    done
  done
}
resume() { FAQSMITH_KILLS=25 "$python" tests/resume_test.py; }
faults() { FAQSMITH_IO_EVERY=1 "$python" tests/io_fault_test.py; }
power() { FAQSMITH_POWER_EVERY=5 "$python" tests/power_loss_test.py; }
disk() { FAQSMITH_DISK_KIB=$(seq -s, 50 150 4000) "$python" tests/disk_full_test.py; }

parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(kills resume faults power disk)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
for part in "${parts[@]}"; do
  [ "$(jobs -pr | wc -l)" -lt "${JOBS:-$(nproc)}" ] || wait -n || true
  { "$part" && touch "$logs/$part.passed"; } >"$logs/$part" 2>&1 &
done
wait
failed=0
for part in "${parts[@]}"; do
  echo "== $part"
  cat "$logs/$part"
  [ -e "$logs/$part.passed" ] || failed=1
done
exit $failed
