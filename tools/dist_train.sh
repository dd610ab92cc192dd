#!/usr/bin/env bash
# Train in several processes of one or more machines: dist_train.sh CONFIG GPUS [train.py's arguments]
# On each machine the same command with NNODES, its own NODE_RANK, and MASTER_ADDR and PORT of the
# first. Without a GPU the processes share the CPU and talk by gloo. PYTHON names the interpreter.
# MAX_RESTARTS=3 and --resume: when a process dies, all are started again and go on from the newest checkpoint.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG GPUS [train.py's arguments]" >&2
    exit 2
fi
CONFIG=$1
GPUS=$2
TOOLS=$(cd "$(dirname "$0")" && pwd)

PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}" \
exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$GPUS" \
    ${MAX_RESTARTS:+"--max_restarts=$MAX_RESTARTS"} \
    "$TOOLS/train.py" "$CONFIG" --launcher pytorch "${@:3}"
