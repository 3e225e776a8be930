#!/usr/bin/env bash
# Trains on machines of a Slurm cluster, from the root of this project; see docs/many_machines.md.
#
#   sbatch --nodes 2 --gpus-per-node 8 tools/slurm_train.sh CONFIG [arguments of mmcrossformer train]
#
# A job that is requeued or submitted again resumes from its last checkpoint.
#SBATCH --job-name=mmcrossformer
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --exclusive
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -euo pipefail

if [ $# -lt 1 ] || [ -z "${SLURM_JOB_NODELIST:-}" ]; then
    echo "usage: sbatch [options of sbatch] tools/slurm_train.sh CONFIG [arguments of mmcrossformer train]" >&2
    exit 2
fi
config=$1
shift

# Slurm runs a copy of this file; the project is in the folder in which sbatch was called.
cd "$SLURM_SUBMIT_DIR"
hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
export MASTER_ADDR=${hosts%%$'\n'*} NNODES=$SLURM_JOB_NUM_NODES JOB_ID=$SLURM_JOB_ID
# Jobs that share a machine get different ports.
export MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))

# srun of newer versions does not inherit --cpus-per-task.
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}
# One launcher on each machine; it starts a process for each GPU.
srun --kill-on-bad-exit=1 tools/dist_train.sh "$config" "${SLURM_GPUS_ON_NODE:-1}" --resume "$@"
