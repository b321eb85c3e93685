#!/usr/bin/env bash
# The main job on real input: fetches the Debian FAQ (package debian-faq) and the default model, builds a bot and asks it.
# All of `make demo` is to end within 25 minutes: what installing and compiling took is taken off the budget.
#   tools/demo.sh BINARY WORKSPACE
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$1 workspace=$2

docs=build/debian-faq
if [ ! -d "$docs" ]; then
  echo "fetching the Debian FAQ (package debian-faq)"
  scratch=$(mktemp -d)
  chmod 777 "$scratch"  # apt downloads as its own user
  (cd "$scratch" && apt-get download -qq debian-faq)
  dpkg-deb -x "$scratch"/debian-faq_*.deb "$scratch/unpacked"
  mkdir -p "$docs.part"
  cp "$scratch"/unpacked/usr/share/doc/debian/FAQ/*.en.html "$docs.part/"
  rm -rf "$scratch"
  mv "$docs.part" "$docs"
fi
"$binary" models pull

spent=$(($(date +%s) - ${DEMO_STARTED:-$(date +%s)}))
left=$((1380 - spent))
budget=${FAQSMITH_BUDGET:-$((left > 480 ? left : 480))s}
decided=$workspace/runs/budget.json  # a demo that was stopped goes on with what it had decided
[ ! -s "$decided" ] || budget=$(sed -n 's/.*"budget": *"\([^"]*\)".*/\1/p' "$decided")
"$binary" build "$docs" -w "$workspace" --budget "$budget" --topic Debian
cat <<END

Your bot is in $workspace. Next:
  $binary chat -w $workspace
  $binary ask "how do I keep a package from being upgraded?" -w $workspace
  $workspace/runs/report.html    the report, with every test answer side by side
END
