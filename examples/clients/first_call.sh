#!/bin/sh
# The first call through Portico: a chat completion, answered and recorded. Wants PORTICO_KEY; PORTICO_URL has a default.
set -eu

url=${PORTICO_URL:-http://127.0.0.1:8009}
key=${PORTICO_KEY:?set PORTICO_KEY to an API key, pk_...}

# The key goes in by standard input, because arguments can be read by every user of the machine.
curl --silent --show-error --include --max-time 60 --config - "$url/v1/chat/completions" \
  --header 'Content-Type: application/json' \
  --data '{
    "model": "extractive-summariser",
    "messages": [{"role": "user", "content": "Portico is one door. Every call takes the same way through the door. It is blue."}]
  }' <<CONFIG
header = "Authorization: Bearer $key"
CONFIG
echo
