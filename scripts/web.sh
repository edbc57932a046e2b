#!/usr/bin/env bash
# The web client: web.sh install | build | test | check | generate | current
set -euo pipefail
cd "$(dirname "$0")/../web"

need_node() {
  if ! command -v npm >/dev/null 2>&1 || ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null; then
    echo "The web client needs Node.js 20.19 or newer with npm: https://nodejs.org (macOS: brew install node)." >&2
    echo "Or do without the web client, everything else works: make run WEB=0" >&2
    exit 1
  fi
}

need_node
case $1 in
  install)
    echo "Installing the web client's packages ..."
    npm ci --loglevel error --no-audit --no-fund
    touch node_modules/.installed
    ;;
  build)
    echo "Building the web client ..."
    npm run --silent build -- --logLevel warn
    ;;
  test) npm run --silent test ;;
  generate) npm run --silent generate >/dev/null ;;
  current)
    npm run --silent generate -- --check >/dev/null 2>&1 && exit
    echo "web/src/api/schema.ts is not what web/openapi.json says; run: make generate" >&2
    exit 1
    ;;
  check) npm run --silent check ;;
  *)
    echo "usage: web.sh install | build | test | check | generate | current" >&2
    exit 2
    ;;
esac
