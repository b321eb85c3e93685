#!/usr/bin/env bash
# Against PyTorch, transformers, PEFT and llama.cpp: the oracle's golden files are made anew and compared, exports are
# loaded elsewhere, greedy text is compared. Needs the default model; 5 GB of Python packages. Prints one line a check.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(tools/test_python.sh parity)
cmake --preset release >/dev/null
cmake --build build/release -j "$(nproc)" -- --quiet
build/release/faqsmith models pull
model=$(build/release/faqsmith models path)
export FAQSMITH_DEMO_MODEL=$model FAQSMITH_PYTHON=$python

run() {
  echo "== $*"
  "$@"
}

run "$python" tools/oracle/train_oracle.py --check
run build/release/model_test --gtest_brief=1
run build/release/train_test --gtest_brief=1
run "$python" tools/oracle/quants_golden.py --check
run "$python" tools/oracle/nf4_golden.py --check
run "$python" tools/oracle/hf_folders.py --tests build/release/model_test
run "$python" tools/oracle/export_parity.py "$model" --tests build/release/model_test
if command -v go >/dev/null; then
  run "$python" tools/oracle/ollama_templates.py --tests build/release/text_test
else
  echo "skipped: Go is not installed, so that Ollama's templates are only compared with golden text"
fi
run "$python" tools/oracle/llama_cpp_greedy.py --model "$model" --build build/release
echo "parity: every check passed, commit $(git rev-parse --short HEAD)"
