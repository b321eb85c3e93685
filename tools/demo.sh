#!/usr/bin/env bash
# The main job on real input: fetches the Debian FAQ (package debian-faq) and the default model, builds a bot and asks it.
#   tools/demo.sh BINARY WORKSPACE
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$1 workspace=$2
budget=${FAQSMITH_BUDGET:-20m}

docs=build/debian-faq
if [ ! -d "$docs" ]; then
  echo "fetching the Debian FAQ (package debian-faq)"
  scratch=$(mktemp -d)
  chmod 755 "$scratch"  # apt downloads as its own user
  (cd "$scratch" && apt-get download -qq debian-faq)
  dpkg-deb -x "$scratch"/debian-faq_*.deb "$scratch/unpacked"
  mkdir -p "$docs.part"
  cp "$scratch"/unpacked/usr/share/doc/debian/FAQ/*.en.html "$docs.part/"
  rm -rf "$scratch"
  mv "$docs.part" "$docs"
fi

"$binary" models pull
"$binary" build "$docs" -w "$workspace" --budget "$budget" --topic Debian
cat <<END

Your bot is in $workspace. Next:
  $binary chat -w $workspace
  $binary ask "how do I keep a package from being upgraded?" -w $workspace
  $workspace/runs/report.html    the report, with every test answer side by side
END
