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

say "AddressSanitizer and UBSan build: fuzz targets, tests of the parsers, store and text"
JOBS=$jobs tests/fuzz/run.sh build

if command -v nvcc >/dev/null && compgen -G 'src/*/cuda/*.cu' >/dev/null; then
  say "CUDA sources compile"
  tools/build_cuda.sh
fi

say "the default model"
build/release/faqsmith models pull
FAQSMITH_DEMO_MODEL=$(build/release/faqsmith models path)
export FAQSMITH_DEMO_MODEL

say "sanitized tests"
ctest --test-dir build/fuzz -j "$jobs" --output-on-failure --no-tests=error | tail -n 8

say "a minute of fuzzing, all parsers together"
JOBS=$jobs tests/fuzz/run.sh short 60

say "all tests"
ctest --test-dir build/release -j "$jobs" --output-on-failure --no-tests=error
say "done"
