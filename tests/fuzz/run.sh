#!/bin/bash
# Builds the fuzz targets and the sanitized unit tests with Clang, makes the seeds and runs every target under AddressSanitizer and UBSan.
#   run.sh build             no more than that; the tests: ctest --test-dir build/fuzz
#   run.sh short [SECONDS]   all targets share the seconds (60 unless told) of processor time: part of `make test`
#   run.sh long [RUNS]       each target runs RUNS times in all (10,000,000 unless told), four minutes each in turn, as many at a time as
#                            JOBS says; stopped and started again, it goes on. build/fuzz/runs.log gets a line for each turn,
#                            build/fuzz/counts the sums, to which those of ledger.tsv (earlier campaigns) are added.
# FUZZ_TARGETS="gguf model" runs only these. A finding leaves its input in build/fuzz/findings and ends with exit code 1.
set -euo pipefail
mode=${1:-short}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/fuzz
jobs=${JOBS:-$(nproc)}
turn=240 # seconds: each begins with the whole corpus again, which takes some
cmake -S "$root/tests/fuzz" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=clang++ >/dev/null
cmake --build "$build" -j "$jobs" -- --quiet
[ "$mode" != build ] || exit 0
mkdir -p "$build/findings" "$build/counts"
"${FAQSMITH_PYTHON:-$("$root/tools/test_python.sh" test)}" "$root/tests/fuzz/make_corpus.py" "$build/seeds"
read -ra targets <<<"${FUZZ_TARGETS:-$(basename -as .cc "$root"/tests/fuzz/fuzz_*.cc | sed 's/^fuzz_//' | tr '\n' ' ')}"
commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
# -entropic=0: its bookkeeping is a fifth of the time. A quarantine that stays in the cache and no stack for each allocation: several times
# the runs, the same checks.
export ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=1:max_malloc_fill_size=0:use_sigaltstack=0:detect_leaks=0
export OMP_NUM_THREADS=1

# run TARGET FLAG…: one libFuzzer process; adds to the sums and the log.
run() {
  local target=$1 log="$build/$1.log" before=$SECONDS status=0 runs
  shift
  mkdir -p "$build/corpus/$target"
  "$build/fuzz_$target" "$@" -max_len="$max_len" -reload=0 -entropic=0 -detect_leaks=0 -rss_limit_mb=2048 -malloc_limit_mb=256 -timeout=10 \
    -artifact_prefix="$build/findings/$target-" -print_final_stats=1 "$build/corpus/$target" "$build/seeds/$target" >"$log" 2>&1 || status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  runs=${runs:-0}
  echo $(($(cat "$build/counts/$target" 2>/dev/null || echo 0) + runs)) >"$build/counts/$target"
  printf '%s %s %-14s %9d runs in %4d s, %10d in all, exit %d\n' "$(date -u +%FT%TZ)" "$commit" "$target" "$runs" $((SECONDS - before)) \
    "$(cat "$build/counts/$target")" "$status" | tee -a "$build/runs.log" ${FUZZ_LOG:+"$FUZZ_LOG"}
  if [ "$status" -ne 0 ]; then
    grep -E "^(SUMMARY|==.*ERROR|artifact_prefix)" "$log" || tail -3 "$log"
    return 1
  fi
}

export -f run
max_len=2048
export root build commit max_len
if [ "$mode" = short ]; then
  seconds=$((${2:-60} / ${#targets[@]}))
  export seconds=$((seconds > 0 ? seconds : 1))
  printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'run {} -max_total_time="$seconds" -seed=1' || exit 1
  exit 0
fi
wanted=${2:-10000000}
earlier() { awk -F'\t' -v target="$1" '$1 == target { runs += $3 } END { print runs + 0 }' "$root/tests/fuzz/ledger.tsv"; }
missing() { echo $((wanted - $(earlier "$1") - $(cat "$build/counts/$1" 2>/dev/null || echo 0))); }
take_turn() {
  case $1 in docx | gguf | model | safetensors | sentencepiece | tokenizer) max_len=2048 ;; esac
  run "$1" -max_total_time="$turn" -runs="$(missing "$1")"
}
export -f earlier missing take_turn
export turn wanted
# Every second turn of a text format has short inputs: several times the runs, and most of what can go wrong shows in few bytes.
for ((round = 0;; ++round)); do
  max_len=$((round % 2 == 0 ? 2048 : 256))
  left=()
  for target in "${targets[@]}"; do
    [ "$(missing "$target")" -le 0 ] || left+=("$target")
  done
  [ ${#left[@]} -gt 0 ] || exit 0
  printf '%s\n' "${left[@]}" | xargs -P "$jobs" -I{} bash -c 'take_turn {}' || exit 1
done
