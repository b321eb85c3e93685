#!/usr/bin/env bash
# Installs the Debian 12 packages that faqsmith is built with and runs on; with "test" or "fuzz", also what those need.
# Does nothing (and needs no root) when all of them are there.
set -euo pipefail

build=(g++ cmake ninja-build ccache pkg-config git make
  libdnnl-dev libsqlite3-dev nlohmann-json3-dev libyaml-cpp-dev libcli11-dev libspdlog-dev libfmt-dev libxml2-dev libzip-dev
  libcmark-gfm-dev libcmark-gfm-extensions-dev libicu-dev libseccomp-dev libssl-dev libxxhash-dev libgtest-dev libgmock-dev)
run=(poppler-utils python3 python3-pip python3-venv ca-certificates)
fuzz=(clang)
test=(libbenchmark-dev clang-format-14 clang-tidy-14 fish zsh "${fuzz[@]}")

wanted=("${build[@]}" "${run[@]}")
[ "${1:-}" = test ] && wanted+=("${test[@]}")
[ "${1:-}" = fuzz ] && wanted+=("${fuzz[@]}")

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  sudo=""
  if [ "$(id -u)" -ne 0 ]; then sudo=sudo; fi
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
