#!/usr/bin/env bash
# Compile the gateway's hot path where that is possible, once per change of its sources, and say which path runs.
# Without a C compiler, and whenever anything fails, plain Python runs: it does the same, at more than twice the cost a call.
set -uo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python build=build/compiled

plain() {
  $python -m scripts.compile off
  echo "The gateway runs as plain Python: $1."
  exit 0
}

[ "${COMPILED:-1}" != 0 ] || plain "COMPILED=0 was given"
if ! $python -m scripts.compile on; then
  command -v "${CC:-cc}" >/dev/null 2>&1 || plain "there is no C compiler to make it faster"
  [ -e "$($python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] ||
    plain "Python's headers are missing (Debian, Ubuntu: apt install python3-dev)"
  mkdir -p $build
  digest=$($python -m scripts.compile digest)
  [ "$(cat $build/failed 2>/dev/null)" != "$digest" ] || plain "compiling it failed before ($build/log); make clean forgets that"

  echo "Compiling the gateway's hot path, once (about 45 s; COMPILED=0 does without) ..."
  tools=$PWD/$build/tools
  if ! { cmp -s requirements-build.lock $build/tools.lock ||
    { rm -rf "$tools" && $python -m pip install -qq --disable-pip-version-check --no-input --require-hashes --no-deps \
      --target "$tools" -r requirements-build.lock && cp requirements-build.lock $build/tools.lock; }; } >$build/log 2>&1 ||
    ! PYTHONPATH=$tools $python -m scripts.compile build >>$build/log 2>&1 || ! $python -m scripts.compile on; then
    echo "$digest" >$build/failed
    plain "compiling it failed ($build/log says why)"
  fi
fi
echo "The gateway's hot path runs compiled."
