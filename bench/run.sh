#!/usr/bin/env bash
# Training and inference beside their peers (PEFT, llama.cpp) on the same work in the same run; on an idle machine, or the figures
# mean nothing. Peers need 5 GB of Python packages; FAQSMITH_NO_PEERS=1 leaves them out. PEFT_PEER names another training script
# with the arguments of bench/peft_peer.py. PAIRS names the training rows (question, answer: JSONL; default: those of make demo).
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
cmake --build build/release -j "$(nproc)" --target faqsmith benches -- --quiet
build/release/faqsmith models pull >/dev/null
model=$(build/release/faqsmith models path)
pairs=${PAIRS:-build/bench-pairs.jsonl}
if [ ! -s "$pairs" ]; then
  [ -e build/demo/faqsmith.db ] || { echo "bench needs the demo's pairs: run make demo first, or name a file in PAIRS" >&2; exit 2; }
  build/release/faqsmith export -w build/demo --quiet --data faq --out "$pairs"
fi
python=""
[ -n "${FAQSMITH_NO_PEERS:-}" ] || python=$(tools/test_python.sh parity)
bench=build/release/bench
peft=${PEFT_PEER:-bench/peft_peer.py}
# Without bf16 products neither side wins by it: on AVX2 alone PEFT under autocast had not done eight steps after five minutes.
compute=f32 mixed=()
if lscpu | grep -qE 'amx_bf16|avx512_bf16'; then compute=bf16 mixed=(amp); fi
held=(env ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2)

result() { "$@" 2>/dev/null | grep --line-buffered -E '^RESULT|tok/s|buffer types' | grep -vE '^step ' || echo "failed: $*"; }
peer() { [ -z "$python" ] || result "$python" "$@"; }

echo "machine: $(lscpu | sed -n 's/^Model name: *//p'), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg); commit $(git rev-parse --short HEAD)"
echo "== LoRA r16, all linears"
result "$bench/train_bench" "$model" "$pairs" lora 20
for precision in "${mixed[@]}" fp32; do peer "$peft" "$model" "$pairs" "$precision" 8; done
echo "== full fine-tuning"
result "$bench/train_bench" "$model" "$pairs" full 20
peer bench/peft_peer.py "$model" "$pairs" "${mixed[0]:-fp32}" 6 full
echo "== LoRA r16, both held to AVX2"
result "${held[@]}" "$bench/train_bench" "$model" "$pairs" lora 8
[ -z "$python" ] || result "${held[@]}" "$python" "$peft" "$model" "$pairs" fp32 6
echo "== inference, faqsmith, straight from the file's blocks"
result "$bench/infer_bench" "$model" "$compute" 3 wall all blocks
echo "== the same, infer.deterministic: false (llama.cpp's answers depend on the batch too)"
result "$bench/infer_bench" "$model" "$compute" 3 wall all blocks whole same-batch
echo "== inference, faqsmith, packed weights (infer.weights: packed)"
result "$bench/infer_bench" "$model" "$compute" 3 wall all packed
echo "== inference, llama.cpp (its best settings)"
peer bench/llama_cpp_peer.py "$model" --runs 3
