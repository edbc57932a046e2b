#!/usr/bin/env bash
# Make the virtual environment and install one lock file into it: venv.sh <venv> <lock file> <stamp>...
# Every package is checked against its hash; Portico itself is linked in from src/, nothing is built.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 lock=$2
shift 2

good_python() { "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2])' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 && good_python "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  echo "Portico needs Python 3.11 or newer, and none was found. Install it (Debian, Ubuntu: apt install python3 python3-venv;" >&2
  echo "macOS: brew install python), or say where it is: make run PYTHON=/path/to/python3" >&2
  exit 1
}

if ! good_python "$venv/bin/python"; then
  python=$(find_python)
  echo "Making the virtual environment in $venv ($("$python" --version 2>&1)) ..."
  if ! "$python" -m venv "$venv"; then
    rm -rf "$venv"
    echo "The virtual environment could not be made. On Debian and Ubuntu, run: apt install python3-venv" >&2
    exit 1
  fi
fi

echo "Installing the packages of $lock, checked against their hashes ..."
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input --require-hashes --no-deps -r "$lock"

site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$PWD/src" >"$site/portico-source.pth"
for name in portico sp-cli; do
  cat >"$venv/bin/$name" <<SCRIPT
#!$PWD/$venv/bin/python
import sys

from portico.cli.main import main

sys.exit(main())
SCRIPT
  chmod +x "$venv/bin/$name"
done
"$venv/bin/python" -m compileall -q src/portico examples
for stamp in "$@"; do
  touch "$venv/$stamp"
done
