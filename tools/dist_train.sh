#!/usr/bin/env bash
# Trains in several processes, on one machine or on many; see docs/many_machines.md.
#
#   tools/dist_train.sh CONFIG PROCESSES [arguments of mmcrossformer train]
#
# PROCESSES is the number of processes per machine, usually one for each GPU. On several machines, run the same command
# on each with these variables:
#   NNODES=2            number of machines; NNODES=1:4 continues with the remaining ones when some of four fail
#   MASTER_ADDR=first   name or address of the rendezvous machine, which all others can reach
#   MASTER_PORT=29500   its port
#   RDZV_CONF=          settings of torchrun's --rdzv-conf
#   MAX_RESTARTS=0      how often all processes are restarted when one fails; needs --resume among the arguments
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG PROCESSES [arguments of mmcrossformer train]" >&2
    exit 2
fi
config=$1 processes=$2
shift 2

nodes=${NNODES:-1}
if [ "$nodes" = 1 ]; then
    rendezvous=(--standalone)
elif [ -n "${MASTER_ADDR:-}" ]; then
    settings=${RDZV_CONF:-}
    # torchrun only compares host names, not addresses.
    if [[ " $(hostname -I 2>/dev/null || true) " == *" $MASTER_ADDR "* ]]; then
        settings=${settings:+$settings,}is_host=true
    fi
    rendezvous=(--rdzv-backend c10d --rdzv-endpoint "$MASTER_ADDR:${MASTER_PORT:-29500}" --rdzv-id "${JOB_ID:-training}")
    rendezvous+=(${settings:+--rdzv-conf "$settings"})
else
    echo "error: NNODES=$nodes needs MASTER_ADDR, the rendezvous machine, the same on all machines" >&2
    exit 2
fi

exec "${PYTHON:-python}" -m torch.distributed.run "${rendezvous[@]}" --nnodes "$nodes" --nproc-per-node "$processes" \
    --max-restarts "${MAX_RESTARTS:-0}" "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
