#!/usr/bin/env bash
# Every test: the web client's, then pytest on both engines. Extra arguments go to pytest. The last line is pytest's.
set -uo pipefail
cd "$(dirname "$0")/.."

scripts/test-setup.sh
"${MAKE:-make}" --no-print-directory src/portico/api/static/index.html || exit 1

cluster=""
stop_cluster() {
  [ -n "$cluster" ] || return 0
  as_owner "$pg_bin/pg_ctl" -D "$cluster/data" -m immediate -w stop >/dev/null 2>&1
  rm -rf "$cluster"
}
trap stop_cluster EXIT

# PostgreSQL refuses to run as root, so root hands it to the user its package made.
as_owner() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi; }

find_pg_bin() {
  local initdb
  for initdb in /usr/lib/postgresql/*/bin/initdb "$(command -v initdb)"; do
    if [ -n "$initdb" ] && [ -x "$initdb" ]; then pg_bin=$(dirname "$initdb"); fi
  done
  [ -n "${pg_bin:-}" ]
}

start_cluster() {
  local port log
  cluster=$(mktemp -d "${TMPDIR:-/tmp}/portico-test-postgres.XXXXXX")
  [ "$(id -u)" != 0 ] || chown postgres "$cluster"
  log="$cluster/log"
  port=$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  as_owner "$pg_bin/initdb" -D "$cluster/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$cluster/initdb.log" 2>&1 &&
    as_owner "$pg_bin/pg_ctl" -D "$cluster/data" -l "$log" -w -t 30 \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200" \
      start >/dev/null 2>&1 || { cat "$cluster/initdb.log" "$log" 2>/dev/null; return 1; }
  export PORTICO_TEST_POSTGRES="postgresql://postgres@127.0.0.1:$port/postgres"
}

if [ -z "${PORTICO_TEST_POSTGRES:-}" ]; then
  if ! find_pg_bin; then
    echo "NO POSTGRESQL FOUND: the store tests run on SQLite only." >&2
  elif ! start_cluster >&2; then
    echo "A private PostgreSQL could not be started (its log is above)." >&2
    exit 1
  fi
fi

scripts/web.sh test
web=$?
[ $web -eq 0 ] || echo "THE WEB CLIENT'S TESTS FAILED (above); this run counts as failed whatever pytest says." >&2

.venv/bin/python -m pytest -n 2 --dist loadgroup "$@"
python=$?
[ $python -eq 0 ] || exit $python
exit $web
