#!/usr/bin/env bash
# Pins every dependency with its hashes; run after changing pyproject.toml. Pass --upgrade for newer
# ones, or --upgrade-package yt-dlp for one.
set -euo pipefail
cd "$(dirname "$0")/.."
pin=(uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links
     --custom-compile-command scripts/pin.sh "$@")
declared() { # prints the requirements at a place in pyproject.toml
    python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))$1, sep='\n')"
}
"${pin[@]}" pyproject.toml --output-file requirements.txt
# The loopback Discord is part of this repository: pip accepts no hash for a folder.
"${pin[@]}" pyproject.toml --group dev --no-emit-package loopback-discord --constraint requirements.txt --output-file requirements-dev.txt
# What the image installs besides: an extra's packages, and what builds the wheel.
declared "['project']['optional-dependencies']['sites']" |
    "${pin[@]}" - --constraint requirements.txt --output-file requirements-sites.txt
declared "['build-system']['requires']" | "${pin[@]}" - --output-file requirements-build.txt
