#!/bin/sh
# What `make bench` runs: the side-by-side run in the project's own environment.
set -eu
cd "$(dirname "$0")/.."
exec .venv/bin/python benchmarks/run.py "$@"
