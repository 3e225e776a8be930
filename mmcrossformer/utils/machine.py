"""Versions, hardware and revision of a run."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

import torch

from mmcrossformer.version import __version__

_PACKAGES = ('torch', 'torchvision', 'mmengine', 'mmcv', 'mmdet', 'mmseg', 'mmpretrain')


def versions() -> dict[str, str]:
    """Returns versions by module name, independent of the distribution."""
    found = importlib.metadata.packages_distributions()
    installed = {name: importlib.metadata.version(found[name][0]) for name in _PACKAGES if name in found}
    return dict(mmcrossformer=__version__, python=platform.python_version(), **installed)


def command_line() -> str:
    """Returns the command that started this process, quoted for a shell."""
    program, *arguments = sys.argv
    # `mmcrossformer train` is the name that a command has, see mmcrossformer_cli; a file is run by Python.
    start = program if program.startswith('mmcrossformer ') else shlex.join([Path(sys.executable).name, program])
    return ' '.join([start, shlex.join(arguments)]).strip()


def hardware(device: str) -> dict[str, str | int | None]:
    """Returns the processor with its number of cores and, for a GPU, its name and CUDA version."""
    cpu: dict[str, str | int | None] = dict(
        cpu=_cpu_name(), cores=len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    )
    if device == 'cpu':
        return cpu
    return dict(gpu=torch.cuda.get_device_name(device), cuda=torch.version.cuda, **cpu)


def revision() -> str | None:
    """Returns the git revision of the checkout of this package, marked if its code was changed; None outside of one."""
    root = Path(__file__).parents[2]

    def git(*arguments: str) -> str:
        command = ['git', '-C', str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git('rev-parse', '--show-toplevel')) != root.resolve():
            return None  # installed inside some other checkout
        changed = git('status', '--porcelain', '--', 'mmcrossformer', 'tools', 'configs')
        return git('rev-parse', '--short', 'HEAD') + ' with changes' * bool(changed)
    except (OSError, subprocess.CalledProcessError):
        return None


def _cpu_name() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return named[0] if named else platform.processor() or platform.machine()
