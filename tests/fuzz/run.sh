#!/bin/bash
# Builds the fuzz targets with Clang, makes the seeds and runs each target for the given seconds (60 unless told).
# A finding leaves its input in build/fuzz/findings and ends with exit code 1.
set -euo pipefail
seconds=${1:-60}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/fuzz
cmake -S "$root/tests/fuzz" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=clang++ >/dev/null
targets=(gguf model safetensors adapter_config chat_template tokenizer hf_config grammar documents)
cmake --build "$build" --target "${targets[@]/#/fuzz_}"
"$("$root/tools/test_python.sh" test)" "$root/tests/fuzz/make_corpus.py" "$build/seeds"
mkdir -p "$build/findings"
status=0
for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target"
  echo "== $target, $seconds s"
  OMP_NUM_THREADS=1 "$build/fuzz_$target" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 \
    -malloc_limit_mb=256 -timeout=10 -artifact_prefix="$build/findings/$target-" -print_final_stats=1 \
    "$build/corpus/$target" "$build/seeds/$target" >"$build/$target.log" 2>&1 || status=1
  grep -E "^(stat::number_of_executed_units|stat::average_exec_per_sec|stat::peak_rss_mb|SUMMARY|==)" "$build/$target.log" || true
  grep -E "^#[0-9]+.*DONE" "$build/$target.log" | tail -1 || true
done
exit $status
