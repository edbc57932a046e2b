#!/usr/bin/env bash
# What the tests want from the machine. As root on Debian it installs what is missing; elsewhere it says what stays untested.
set -uo pipefail

has_postgres() { command -v initdb >/dev/null 2>&1 || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
has_chromium() { command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1; }

missing=()
[ -n "${PORTICO_TEST_POSTGRES:-}" ] || has_postgres || missing+=(postgresql)
has_chromium || missing+=(chromium)
command -v nginx >/dev/null 2>&1 || missing+=(nginx-light)
command -v redis-server >/dev/null 2>&1 || missing+=(redis-server)
command -v sqlite3 >/dev/null 2>&1 || missing+=(sqlite3)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing for the tests: ${missing[*]} ..."
  if (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}") >/dev/null; then
    exit 0
  fi
  echo "The installation failed." >&2
fi

{
  echo "------------------------------------------------------------------------"
  echo "NOT EVERYTHING WILL BE TESTED. Missing on this machine: ${missing[*]}"
  for name in "${missing[@]}"; do
    case $name in
      postgresql) echo "  without PostgreSQL: the store tests run on SQLite only" ;;
      chromium) echo "  without Chromium: the browser tests are left out" ;;
      nginx-light) echo "  without nginx: the wire is not compared with it on ambiguous requests" ;;
      redis-server) echo "  without Redis: nothing that goes between several control processes is tested" ;;
      sqlite3) echo "  without sqlite3: the recipe for backups is not tried" ;;
    esac
  done
  echo "------------------------------------------------------------------------"
} >&2
exit 0
