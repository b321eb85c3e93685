#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy over the files given, else over all of src/ (several minutes on 2 cores).
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files 'src/*.cc')
# Clang cannot read GCC's precompiled header.
mkdir -p build/tidy
sed 's/ -Winvalid-pch -include [^ ]*cmake_pch.hxx//' build/release/compile_commands.json >build/tidy/compile_commands.json
printf '%s\0' "${files[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy-14 -p build/tidy --quiet
