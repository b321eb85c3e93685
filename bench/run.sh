#!/usr/bin/env bash
# Our training and inference and, when their packages are there, the peers on the same work in the same run.
#   bench/run.sh [FOLDER WITH cpu_peft_lora.py AND cpu_llama_cpp.py]
# Peers need Python packages: PEER_TRAIN_PYTHON (torch, transformers, peft, gguf) and PEER_LLAMA_PYTHON (llama-cpp-python).
set -euo pipefail
cd "$(dirname "$0")/.."
peers=${1:-bench/peers}
cmake --preset release >/dev/null
cmake --build build/release -j "$(nproc)" --target faqsmith ops_bench train_bench infer_bench -- --quiet
build/release/faqsmith models pull >/dev/null
model=$(build/release/faqsmith models path)
pairs=build/bench-pairs.jsonl
[ -s "$pairs" ] || { echo "make demo first: bench needs its pairs"; [ -d build/demo ] && build/release/faqsmith export -w build/demo --data "$pairs"; }
bench=build/release/bench

echo "machine: $(lscpu | sed -n 's/^Model name: *//p'), $(nproc) cores; commit $(git rev-parse --short HEAD)"
avx2="env ONEDNN_MAX_CPU_ISA=AVX2"
peer_avx2="env ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2"
echo "== training, ours";        for method in lora full; do "$bench/train_bench" "$model" "$pairs" "$method" 12; done
echo "== training, ours, AVX2";  $avx2 "$bench/train_bench" "$model" "$pairs" lora 6
if [ -n "${PEER_TRAIN_PYTHON:-}" ]; then
  echo "== training, PEFT";       for mode in fp32 amp; do "$PEER_TRAIN_PYTHON" "$peers/cpu_peft_lora.py" "$model" "$pairs" $mode 8 | tail -n 1; done
  echo "== training, PEFT, AVX2"; $peer_avx2 "$PEER_TRAIN_PYTHON" "$peers/cpu_peft_lora.py" "$model" "$pairs" fp32 6 | tail -n 1
fi
echo "== inference, ours";       "$bench/infer_bench" "$model"
if [ -n "${PEER_LLAMA_PYTHON:-}" ]; then
  echo "== inference, llama.cpp"; "$PEER_LLAMA_PYTHON" "$peers/cpu_llama_cpp.py" "$model" 2 32
fi
