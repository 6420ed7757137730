#!/usr/bin/env bash
# Pins every dependency with its hashes; run after changing pyproject.toml. Pass --upgrade for newer ones.
set -euo pipefail
cd "$(dirname "$0")/.."
pin=(uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links
     --custom-compile-command scripts/pin.sh "$@" pyproject.toml)
"${pin[@]}" --output-file requirements.txt
# The loopback Discord is part of this repository: pip accepts no hash for a folder.
"${pin[@]}" --group dev --no-emit-package loopback-discord --constraint requirements.txt --output-file requirements-dev.txt
