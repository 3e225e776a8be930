"""Distributed training and testing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from mmengine.config import Config
from mmengine.dist import get_rank, get_world_size, is_distributed

from mmcrossformer.utils.errors import UserError

# Environment variable of the rank, by launcher.
_RANKS = dict(pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK')


def is_first_process(launcher: str) -> bool:
    """Whether this is the first process of a launcher, or the only one; needs no process group."""
    return launcher not in _RANKS or os.environ.get(_RANKS[launcher], '0') == '0'


def count_processes() -> int:
    """Returns how many processes torchrun has started; needs no process group."""
    return int(os.environ.get('WORLD_SIZE', 1))


def check_launcher(launcher: str) -> None:
    """Raises a `UserError` for a launcher that needs GPUs on a machine without."""
    if launcher not in ('none', 'pytorch') and not torch.cuda.is_available():
        raise UserError(
            f'--launcher {launcher} needs GPUs, and torch sees none here: processes on CPUs are started with '
            'torchrun and --launcher pytorch'
        )


def init_dist_on_cpu(cfg: Config) -> None:
    """Initializes the process group of torchrun with gloo; mmengine would need a GPU for each process.

    A process that waits for others longer than `env_cfg.dist_cfg.timeout` (seconds) ends with an error.

    Args:
        cfg: The config; gets a `model_wrapper_cfg` for CPUs.

    Raises:
        UserError: The launcher is not torchrun.
    """
    check_launcher(cfg.launcher)
    seconds = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
    timeout = timedelta(seconds=seconds) if seconds is not None else None
    torch.distributed.init_process_group('gloo', timeout=timeout)
    defaults = dict(type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False)
    defaults['find_unused_parameters'] = cfg.get('find_unused_parameters', False)
    cfg.model_wrapper_cfg = dict(defaults, **cfg.get('model_wrapper_cfg', {}))


@contextmanager
def report_lost_processes() -> Iterator[None]:
    """Reports the loss of other processes: the cause is in them, not in what this one was computing.

    Raises:
        UserError: In place of the error of torch when other processes do not answer.
    """
    try:
        yield
    except RuntimeError as error:  # torch has a class of its own for only some of them
        if not is_distributed() or not any(sign in str(error) for sign in _SIGNS_OF_A_LOSS):
            raise
        raise lost_processes_error(error, '--resume continues from the last checkpoint') from error


def lost_processes_error(error: RuntimeError, advice: str) -> UserError:
    """Returns the error for a process that has lost the others.

    Args:
        error: Error of torch.
        advice: What the user can do.
    """
    reason = str(error).strip().splitlines()[-1]
    return UserError(
        f'process {get_rank()} of {get_world_size()} has lost the others ({reason}). If one of them reports another '
        f'error, that is the cause; otherwise look for a machine or connection that failed. {advice}'
    )


# Messages of gloo and, where it raises an exception, NCCL when another process does not answer.
_SIGNS_OF_A_LOSS = (
    'Connection closed by peer',
    'Connection reset by peer',
    'Timed out waiting',
    'Socket closed',
    'wait timeout',
    'ncclRemoteError',
    'NCCL communicator was aborted',
)


def plain_name(name: str) -> str:
    """Removes the parts that DDP, FSDP and torch.compile add to the name of a module or parameter."""
    added = ('_fsdp_wrapped_module', '_checkpoint_wrapped_module', '_orig_mod')
    return '.'.join(part for part in name.split('.') if part not in added).removeprefix('module.')
