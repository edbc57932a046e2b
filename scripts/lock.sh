#!/usr/bin/env bash
# Resolve the dependencies for every platform and Python from 3.11 into the three lock files, with hashes.
# The files name no package index, so they install from whichever one a machine is set up with.
set -euo pipefail
cd "$(dirname "$0")/.."

UV_VERSION=0.13.8
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
.venv/bin/python -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet "uv==$UV_VERSION"
compile() {
  "$tools/venv/bin/uv" pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
    --python-version 3.11 --upgrade "$@"
}
echo "typer==0.29.1" >"$tools/held.txt"
compile -c "$tools/held.txt" -o requirements.lock pyproject.toml
compile -c "$tools/held.txt" -c requirements.lock --group dev -o requirements-dev.lock pyproject.toml
# What compiles the hot path belongs to no environment; it is locked alone, at the version that checks the types.
compile -c requirements-dev.lock --group build -o requirements-build.lock
git --no-pager diff --stat -- requirements.lock requirements-dev.lock requirements-build.lock
