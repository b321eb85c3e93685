#!/usr/bin/env bash
# Every C++ file is as clang-format 14 would write it.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files -co --exclude-standard '*.cc' '*.h' '*.cu' '*.cuh' | xargs -r clang-format-14 --dry-run --Werror
echo "format: ok"
