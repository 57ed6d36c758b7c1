#!/usr/bin/env bash
# Makes the pictures in docs/img anew: a broker and a worker of their own, the samples, a headless Chromium.
# Run scripts/test.sh once before: it installs what this needs. With pngquant or optipng they get smaller.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for name in "${!BATCH_@}"; do unset "$name"; done
.venv/bin/python scripts/screenshots.py
if command -v pngquant >/dev/null; then
  pngquant --force --skip-if-larger --ext .png --strip 64 docs/img/*.png || [ $? -eq 98 ]
elif command -v optipng >/dev/null; then
  optipng -quiet -strip all docs/img/*.png
fi
ls -l docs/img
