#!/usr/bin/env bash
# All that must hold before a change is offered. Runs every step, then says which failed.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin failed=()

step() {
  local name=$1 began=$SECONDS output
  shift
  if output=$("$@" 2>&1); then
    printf 'ok      %-22s %2d s\n' "$name" $((SECONDS - began))
  else
    printf 'FAILED  %-22s %2d s\n%s\n\n' "$name" $((SECONDS - began)) "$output"
    failed+=("$name")
  fi
}

step "format" $bin/ruff format --check .
step "lint" $bin/ruff check .
step "types" $bin/mypy
step "import contracts" $bin/lint-imports
step "web client" scripts/web.sh check
step "generated files" $bin/python -m scripts.generated --check

if [ ${#failed[@]} -gt 0 ]; then
  echo "${#failed[@]} of 6 steps failed: ${failed[*]}"
  exit 1
fi
echo "All 6 steps hold."
