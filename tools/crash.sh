#!/usr/bin/env bash
# The long crash campaign behind `make crash`: many kills in each stage with several seeds, full and LoRA training, and disks of many sizes.
# FAQSMITH_KILLS (default 100) kills a stage are shared among FAQSMITH_KILL_SEEDS (default "1 2 3 4").
set -euo pipefail
cd "$(dirname "$0")/.."
export FAQSMITH="${FAQSMITH:-$PWD/build/release/faqsmith}"
python=${FAQSMITH_PYTHON:-$(tools/test_python.sh test)}
kills=${FAQSMITH_KILLS:-100}
read -ra seeds <<<"${FAQSMITH_KILL_SEEDS:-1 2 3 4}"
for seed in "${seeds[@]}"; do
  for method in full lora; do
    FAQSMITH_CRASH_SET="train.method=$method threads=2" FAQSMITH_KILLS=$(((kills + ${#seeds[@]} - 1) / ${#seeds[@]})) \
      FAQSMITH_KILL_SEED=$seed "$python" tests/kill_test.py
  done
done
FAQSMITH_DISK_KIB=$(seq -s, 50 150 4000) "$python" tests/disk_full_test.py
