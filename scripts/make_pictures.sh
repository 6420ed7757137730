#!/usr/bin/env bash
# Draws the pictures under docs/ from a clip of this repository.
set -euo pipefail
cd "$(dirname "$0")/.."
uv run framehound tag tests/clips/montage.mp4 --tagger local --picture docs/timeline.png
