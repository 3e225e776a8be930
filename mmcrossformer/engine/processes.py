"""Several processes that train or test one model."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from mmengine.config import Config
from mmengine.dist import get_rank, get_world_size, is_distributed

from mmcrossformer.utils.errors import UserError

# Where launchers say which process this is.
_RANKS = dict(pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK')


def is_first_process(launcher: str) -> bool:
    """Whether this is the first process of a launcher, or the only one; needs no connection to the others."""
    return launcher not in _RANKS or os.environ.get(_RANKS[launcher], '0') == '0'


def check_launcher(launcher: str) -> None:
    """Raises a `UserError` for a launcher that needs GPUs, where there are none."""
    if launcher not in ('none', 'pytorch') and not torch.cuda.is_available():
        raise UserError(
            f'--launcher {launcher} needs GPUs, and torch sees none here: processes on CPUs are started with '
            'torchrun and --launcher pytorch'
        )


def init_dist_on_cpu(cfg: Config) -> None:
    """Joins the processes of torchrun over gloo; mmengine would ask each for a GPU of its own.

    A process that waits for others longer than `env_cfg.dist_cfg.timeout` (seconds) ends with an error.

    Args:
        cfg: The config; its model will be wrapped for CPUs.

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
    """Tells the user when other processes are gone: theirs is the cause, not what this one was computing.

    Raises:
        UserError: In place of what torch raises when it waits for others in vain.
    """
    try:
        yield
    except RuntimeError as error:  # torch has a class of its own for some of them only
        if not is_distributed() or not any(sign in str(error) for sign in _SIGNS_OF_A_LOSS):
            raise
        raise lost_processes_error(error, '--resume goes on from the last checkpoint') from error


def lost_processes_error(error: RuntimeError, advice: str) -> UserError:
    """Returns what to tell the user when this process waits for others in vain.

    Args:
        error: What torch raised.
        advice: What to do.
    """
    reason = str(error).strip().splitlines()[-1]
    return UserError(
        f'process {get_rank()} of {get_world_size()} has lost the others ({reason}). If one of them tells another '
        f'error, that is the cause; else look for a machine or connection that failed. {advice}'
    )


# How gloo and, where it raises an exception, NCCL tell that another process does not answer.
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
    """Removes from the name of a module or parameter what the wrappers of processes and compilers add to it."""
    added = ('_fsdp_wrapped_module', '_checkpoint_wrapped_module', '_orig_mod')
    return '.'.join(part for part in name.split('.') if part not in added).removeprefix('module.')
