#!/usr/bin/env bash
# Trains on the TPU of one Cloud TPU machine, from any machine with gcloud.
#
#   tools/launch/tpu.sh NAME ZONE [flag of gblend train ...]
#
# The repository and its environment must be in ~/gblend_keras there.
set -euo pipefail

if (($# < 2)); then
  echo "tpu.sh: expected NAME ZONE [flag ...]. Received: $*" >&2
  exit 2
fi
name=$1
zone=$2
shift 2

flags=""
if (($# > 0)); then
  printf -v flags '%q ' "$@"
fi
exec gcloud compute tpus tpu-vm ssh "$name" --zone="$zone" --command="
  cd gblend_keras && TPU_NAME=local python -m gblend_keras train --strategy=tpu $flags"
