#!/bin/sh
# What `make bench` runs, in the project's own environment: calls side by side with peers, then fan-out to sockets.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/python benchmarks/run.py "$@"
exec .venv/bin/python benchmarks/fan_out.py
