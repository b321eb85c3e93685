#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy over the files given, else over all of src/ (several minutes on 2 cores).
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files 'src/*.cc')
printf '%s\0' "${files[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy-14 -p build/release --quiet
