#!/usr/bin/env bash
# Starts one worker of a training on several machines.
#
#   tools/launch/worker.sh HOST:PORT,HOST:PORT,... INDEX [flag of gblend train ...]
#
# Run it on every machine with the same list; INDEX says which entry of it this
# machine is, from 0. Worker 0 is the chief: it writes the run directory, which
# every machine must mount at the same path.
set -euo pipefail

if (($# < 2)); then
  echo "worker.sh: expected HOST:PORT,... INDEX [flag ...]. Received: $*" >&2
  exit 2
fi
hosts=$1
index=$2
shift 2

IFS=, read -r -a addresses <<<"$hosts"
if [[ ! $index =~ ^[0-9]+$ ]] || ((index >= ${#addresses[@]})); then
  echo "worker.sh: INDEX must be 0 to $((${#addresses[@]} - 1)). Received: $index" >&2
  exit 2
fi
printf -v quoted '"%s", ' "${addresses[@]}"
export TF_CONFIG="{\"cluster\": {\"worker\": [${quoted%, }]}, \"task\": {\"type\": \"worker\", \"index\": $index}}"

exec "${PYTHON:-python}" -m gblend_keras train --strategy=multi_worker "$@"
