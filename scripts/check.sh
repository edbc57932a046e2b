#!/usr/bin/env bash
# All that must hold before a change is offered. The steps run side by side; each says how it went, and all are waited for.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
outputs=$(mktemp -d "${TMPDIR:-/tmp}/portico-check.XXXXXX")
trap 'rm -rf "$outputs"' EXIT
names=() pids=()

start() {
  local name=$1
  shift
  names+=("$name")
  (
    SECONDS=0
    "$@" >"$outputs/$name" 2>&1
    code=$?
    echo $SECONDS >"$outputs/$name.took"
    exit $code
  ) &
  pids+=($!)
}

start "web client" scripts/web.sh check
start "types" $bin/mypy
start "lint" $bin/ruff check .
start "format" $bin/ruff format --check .
start "import contracts" $bin/lint-imports
start "generated files" $bin/python -m scripts.generated --check
start "API types" scripts/web.sh current

failed=()
for i in "${!names[@]}"; do
  name=${names[$i]}
  if wait "${pids[$i]}"; then
    printf 'ok      %-18s %2d s\n' "$name" "$(cat "$outputs/$name.took")"
  else
    printf 'FAILED  %-18s\n%s\n\n' "$name" "$(cat "$outputs/$name")"
    failed+=("$name")
  fi
done

if [ ${#failed[@]} -gt 0 ]; then
  echo "${#failed[@]} of ${#names[@]} steps failed: ${failed[*]}"
  exit 1
fi
echo "All ${#names[@]} steps hold."
