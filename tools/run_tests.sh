#!/usr/bin/env bash
# Builds and runs every test. Ends with ctest's count line; exits non-zero if anything failed.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}
started=$SECONDS
say() { printf '== %s (%ss)\n' "$*" $((SECONDS - started)); }

say "lint"
python3 tools/check_layers.py
python3 tools/check_style.py
tools/check_format.sh

say "references from PyPI"
FAQSMITH_PYTHON=$(tools/test_python.sh test)
export FAQSMITH_PYTHON

say "release build"
cmake --preset release >/dev/null
cmake --build build/release -j "$jobs" --target all benches -- --quiet

say "AddressSanitizer and UBSan build of the parsers, store and text"
sanitized=(base_test sys_test store_test text_test tensor_test formats_test ingest_test)
cmake --preset debug >/dev/null
cmake --build build/debug -j "$jobs" --target "${sanitized[@]}" -- --quiet

if command -v nvcc >/dev/null && compgen -G 'src/*/cuda/*.cu' >/dev/null; then
  say "CUDA sources compile"
  tools/build_cuda.sh
fi

say "the default model"
build/release/faqsmith models pull
FAQSMITH_DEMO_MODEL=$(build/release/faqsmith models path)
export FAQSMITH_DEMO_MODEL

say "sanitized tests"
pattern="^($(IFS='|'; echo "${sanitized[*]/_test/}"))\\."
ctest --test-dir build/debug -j "$jobs" --output-on-failure --no-tests=error -R "$pattern" | tail -n 8

say "a minute of fuzzing, all parsers together"
JOBS=$jobs tests/fuzz/run.sh short 60

say "all tests"
ctest --test-dir build/release -j "$jobs" --output-on-failure --no-tests=error
say "done"
