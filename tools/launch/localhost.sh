#!/usr/bin/env bash
# Trains with several worker processes on this machine: to try things out.
#
#   tools/launch/localhost.sh NUM_WORKERS [flag of gblend train ...]
#
# Worker 0 prints here; the others print into files that are shown when a
# worker fails. When one fails, all are stopped.
set -euo pipefail

if (($# < 1)) || [[ ! $1 =~ ^[1-9][0-9]*$ ]]; then
  echo "localhost.sh: expected NUM_WORKERS [flag ...]. Received: $*" >&2
  exit 2
fi
num_workers=$1
shift

here=$(cd "$(dirname "$0")" && pwd)
logs=$(mktemp -d)
pids=()
# shellcheck disable=SC2329 # the trap calls it
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  # A worker that still waits for the others does not hear of it.
  for _ in $(seq 100); do
    [[ -z $(jobs -rp) ]] && break
    sleep 0.1
  done
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  wait || true
  rm -rf "$logs"
}
trap stop EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

hosts=$("${PYTHON:-python}" - "$num_workers" <<'PYTHON'
import socket
import sys

held = [socket.socket() for _ in range(int(sys.argv[1]))]
for each in held:
    each.bind(("localhost", 0))
print(",".join(f"localhost:{each.getsockname()[1]}" for each in held))
PYTHON
)

for ((index = num_workers - 1; index >= 0; index--)); do
  if ((index == 0)); then
    "$here/worker.sh" "$hosts" 0 "$@" &
  else
    "$here/worker.sh" "$hosts" "$index" "$@" >"$logs/worker-$index" 2>&1 &
  fi
  pids+=($!)
done

status=0
for _ in "${pids[@]}"; do
  wait -n || status=$?
  if ((status != 0)); then
    tail -n 20 "$logs"/worker-* >&2 2>/dev/null || true
    break
  fi
done
exit "$status"
