# Helpers of the whole-binary scripts: run, expect, one temporary folder. Sourced, not run.
# FAQSMITH: path of the binary. A script's first failure is printed and counted; finish() sets the exit code.
set -u
: "${FAQSMITH:?set FAQSMITH to the path of the binary}"
FAQSMITH=$(realpath "$FAQSMITH")
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
cd "$SCRATCH" || exit 1
unset FAQSMITH_WORKSPACE FAQSMITH_CONFIG FAQSMITH_COMPUTE
failures=0
claims=0

# run ARGS…: runs faqsmith; leaves $code, $out, $err.
run() {
  "$FAQSMITH" "$@" >"$SCRATCH/.out" 2>"$SCRATCH/.err" </dev/null
  code=$?
  out=$(cat "$SCRATCH/.out")
  err=$(cat "$SCRATCH/.err")
}

# claim TEXT COMMAND…: counts and prints what failed, with the last run's output.
claim() {
  local text=$1
  shift
  claims=$((claims + 1))
  if ! "$@"; then
    failures=$((failures + 1))
    printf 'FAILED: %s\n  exit code %s\n  stdout: %s\n  stderr: %s\n' "$text" "${code:-}" "${out:-}" "${err:-}"
  fi
}

exits() { [ "$code" -eq "$1" ]; }
out_has() { [[ "$out" == *"$1"* ]]; }
err_has() { [[ "$err" == *"$1"* ]]; }
one_error() { [ "$(grep -c '^error: ' <<<"$err")" -eq 1 ] && [ "$(grep -c '^  hint: ' <<<"$err")" -le 1 ]; }
valid_json() { python3 -c 'import json,sys; json.load(open(sys.argv[1]))' "$SCRATCH/.out"; }
valid_json_lines() { python3 -c 'import json,sys; [json.loads(l) for l in open(sys.argv[1])]' "$1"; }

# The default model's file, or nothing.
default_model() {
  local file=${FAQSMITH_DEMO_MODEL:-${XDG_CACHE_HOME:-$HOME/.cache}/faqsmith/models/SmolLM2-135M-Instruct.Q4_1.gguf}
  [ -f "$file" ] && echo "$file"
}

finish() {
  echo "$((claims - failures)) of $claims claims hold"
  [ "$failures" -eq 0 ]
}
