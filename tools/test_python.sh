#!/usr/bin/env bash
# Makes build/python, a virtual environment with the references that tests compare with (exact versions: requirements.txt).
# "parity" adds PyTorch, transformers and PEFT (5 GB) for `make parity`. Prints the interpreter's path.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-test}
folder=build/python
[ "$kind" = parity ] && folder=build/python-parity
stamp=$folder/.installed-$(sha256sum "tools/requirements-$kind.txt" | cut -c1-16)
if [ ! -e "$stamp" ]; then
  python3 -m venv --clear "$folder" >&2  # an installation that was cut off starts again
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "tools/requirements-$kind.txt" >&2
  touch "$stamp"
fi
echo "$PWD/$folder/bin/python"
