#!/usr/bin/env bash
# Trains in several processes, on one machine or on many; see docs/many_machines.md.
#
#   tools/dist_train.sh CONFIG PROCESSES [arguments of mmcrossformer train]
#
# PROCESSES is the number of a machine, as a rule one for each GPU. On many machines, run the same command on each, with
#   NNODES=2            their number; NNODES=1:4 goes on with what is left of four when some fail
#   MASTER_ADDR=first   the machine where they meet, by a name or address that the others can reach
#   MASTER_PORT=29500   its port
#   RDZV_CONF=          settings of torchrun's --rdzv-conf
#   MAX_RESTARTS=0      how often all processes start anew when one fails; takes --resume among the arguments
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG PROCESSES [arguments of mmcrossformer train]" >&2
    exit 2
fi
config=$1 processes=$2
shift 2

nodes=${NNODES:-1}
if [ "$nodes" = 1 ]; then
    meeting=(--standalone)
elif [ -n "${MASTER_ADDR:-}" ]; then
    settings=${RDZV_CONF:-}
    # torchrun compares the names of machines alone.
    if [[ " $(hostname -I 2>/dev/null || true) " == *" $MASTER_ADDR "* ]]; then
        settings=${settings:+$settings,}is_host=true
    fi
    meeting=(--rdzv-backend c10d --rdzv-endpoint "$MASTER_ADDR:${MASTER_PORT:-29500}" --rdzv-id "${JOB_ID:-training}")
    meeting+=(${settings:+--rdzv-conf "$settings"})
else
    echo "error: NNODES=$nodes needs MASTER_ADDR, the machine where they meet, the same on all of them" >&2
    exit 2
fi

exec "${PYTHON:-python}" -m torch.distributed.run "${meeting[@]}" --nnodes "$nodes" --nproc-per-node "$processes" \
    --max-restarts "${MAX_RESTARTS:-0}" "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
