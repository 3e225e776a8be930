"""Trains and tests configs side by side, each in processes of its own, and collects the results."""

import copy
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner

from mmcrossformer.apis.complexity import analyze
from mmcrossformer.apis.model import build_model
from mmcrossformer.commands.common import make_folder, parse_settings
from mmcrossformer.config.backbones import read_backbone, replace_backbone
from mmcrossformer.config.package import TOOLS, find_config
from mmcrossformer.config.read import read_config
from mmcrossformer.config.sizes import input_shape
from mmcrossformer.engine.runner import check_data
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.files import write_figure, write_json, write_text
from mmcrossformer.utils.interleaved import time_interleaved
from mmcrossformer.utils.metrics import METRICS

_COST = 'cost.json'
_STEPS = 5


@dataclass(frozen=True)
class Result:
    """What a config reached and what it took.

    Attributes:
        name: Name of the config.
        metrics: Results of the test by name.
        params: Number of parameters.
        macs: Multiply-adds for one image of the test.
        peak_bytes: Peak memory of the training: of the GPU, or of the training process on a CPU.
        step_seconds: Median time of a training step, of steps that the configs took by turns.
    """

    name: str
    metrics: dict[str, float]
    params: int
    macs: int
    peak_bytes: int
    step_seconds: float


@dataclass(frozen=True)
class _Candidate:
    """A config to run.

    Attributes:
        name: Its name.
        cfg: The config with all settings.
        file: Where the tools read it.
        settings: Arguments of the tools that set what the file does not.
        written: Whether the file is written for the tools: a config with another backbone.
    """

    name: str
    cfg: Config
    file: Path
    settings: tuple[str, ...] = ()
    written: bool = False


def compare(
    configs: Sequence[str],
    work_dir: Path,
    *,
    train: bool,
    seed: int,
    backbones: Sequence[str] = (),
    options: Sequence[str] = (),
) -> list[Result]:
    """Runs every config and returns their results; what an earlier call finished is not run again.

    Training steps are timed behind the trainings, which may have been disturbed by different other work.

    Args:
        configs: Names or paths of configs, with names of their own.
        work_dir: Folder; each config gets a folder in it, by its name.
        train: Whether to train those that have no finished training there.
        seed: Random seed of the trainings.
        backbones: Names or files of backbones (see `read_backbone`) with which the first config is run, too.
        options: Settings to replace in all of them, as `KEY=VALUE`.

    Raises:
        UserError: Two configs of one name, configs of several tasks, a backbone that does not fit, a folder with a
            training of other settings, one without finished training if nothing is to be trained, a run that fails.
    """
    candidates = _list_candidates(configs, backbones, options, work_dir)
    # A copy, since host libraries write into the settings that they build from.
    totals = [analyze(copy.deepcopy(entry.cfg), *input_shape(entry.cfg))[-1] for entry in candidates]
    wanted = dict(seed=seed, options=list(options))
    for entry in candidates:
        folder = work_dir / entry.name
        cost = _read_cost(folder)
        if cost and cost['settings'] != wanted:
            raise UserError(
                f'{folder} holds a training with other settings ({cost["settings"]}, now {wanted}): '
                'use another --work-dir, or delete that folder'
            )
        if not train and not (cost and (folder / 'last_checkpoint').is_file()):
            raise UserError(
                f'{folder} holds no finished training of {entry.name}: leave --evaluate-only out to train it'
            )
    make_folder('--work-dir', work_dir)
    runs = [_run(entry, work_dir / entry.name, wanted) for entry in candidates]
    seconds = time_steps([entry.cfg for entry in candidates])
    return [
        Result(entry.name, metrics, total.params, total.macs, peak, median)
        for entry, (metrics, peak), total, median in zip(candidates, runs, totals, seconds, strict=True)
    ]


def _run(entry: _Candidate, folder: Path, wanted: dict[str, Any]) -> tuple[dict[str, float], int]:
    """Trains and tests unless that is done; returns the metrics and the peak memory of the training in bytes."""
    metrics = folder / 'metrics.json'
    cost = _read_cost(folder)
    if entry.written and not (cost and metrics.is_file()):
        write_text(entry.file, entry.cfg.pretty_text)
    if not cost:
        metrics.unlink(missing_ok=True)  # of a training that was cut off
        peak = _run_tool('train', [entry.file, '--work-dir', folder, '--seed', wanted['seed'], *entry.settings])
        cost = dict(peak_bytes=_peak_of_training(folder, peak), settings=wanted)
        write_json(folder / _COST, cost)
    if not metrics.is_file():
        checkpoint = (folder / 'last_checkpoint').read_text().strip()
        _run_tool('test', [entry.file, checkpoint, '--work-dir', folder, *entry.settings])
    return json.loads(metrics.read_text()), cost['peak_bytes']


def _list_candidates(
    configs: Sequence[str], backbones: Sequence[str], options: Sequence[str], work_dir: Path
) -> list[_Candidate]:
    """Reads everything that is to be run, so that a mistake in the last is reported before the first is trained."""
    settings = ('--cfg-options', *options) if options else ()
    candidates = []
    for config in configs:
        file = find_config(config)
        candidates.append(_Candidate(file.stem, read_config(config, parse_settings(options)), file, settings))
    first = candidates[0]
    if backbones and (first.cfg.get('load_from') or first.cfg.model.get('backbone', {}).get('init_cfg')):
        print(
            f'{first.name} starts from weights, with other backbones it starts from random ones or those that init_cfg '
            'in a file of a backbone names',
            file=sys.stderr,
        )
    for backbone in map(read_backbone, backbones):
        name = f'{first.name}+{backbone.name}'
        candidates.append(
            _Candidate(name, replace_backbone(first.cfg, backbone), work_dir / f'{name}.py', written=True)
        )
    names = [entry.name for entry in candidates]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(f'configs and backbones must have names of their own, got twice: {", ".join(sorted(twice))}')
    scopes = sorted({entry.cfg.default_scope for entry in candidates})
    if len(scopes) > 1:
        raise UserError(f'configs must be of one task, got some for {" and some for ".join(scopes)}')
    return candidates


def time_steps(configs: Sequence[Config]) -> list[float]:
    """Times training steps of configs, each on a batch of its own, by turns.

    Args:
        configs: Configs of one task.

    Returns:
        The median of each config's steps in seconds: from the batch in memory to the update of the weights.

    Raises:
        UserError: Data are missing.
    """
    synchronize = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    times = time_interleaved([_training_step(cfg) for cfg in configs], _STEPS, synchronize=synchronize)
    return [statistics.median(seconds) for seconds in times]


def _training_step(cfg: Config) -> Callable[[], object]:
    check_data(cfg, ('train',))
    model = build_model(cfg).to('cuda' if torch.cuda.is_available() else 'cpu').train()
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    loader = Runner.build_dataloader(cfg.train_dataloader | dict(num_workers=0, persistent_workers=False), seed=0)
    batch = next(iter(loader))
    return lambda: model.train_step(copy.deepcopy(batch), optimizer)  # which pads what it is given


def save(results: Sequence[Result], work_dir: Path) -> None:
    """Writes results as json and as a plot: the first metric against multiply-adds, one dot for each config."""
    from matplotlib.figure import Figure

    write_json(work_dir / 'compare.json', [asdict(result) for result in results])
    metric = common_metric(results)
    figure = Figure(figsize=(9, 4.5), dpi=120, layout='constrained')
    axis = figure.subplots()
    for result in results:
        axis.scatter(result.macs / 1e9, result.metrics[metric], s=60, label=result.name)
    figure.legend(loc='outside right upper')
    axis.set(xlabel='multiply-adds of one image [G]', ylabel=metric)
    axis.grid(alpha=0.3)
    write_figure(work_dir / 'compare.png', figure)


def common_metric(results: Sequence[Result]) -> str:
    """Returns the metric that all results have.

    Raises:
        UserError: They have none in common.
    """
    for metric in METRICS:
        if all(metric in result.metrics for result in results):
            return metric
    raise UserError(f'the configs have no metric in common out of {", ".join(METRICS)}: compare one task at a time')


def _run_tool(tool: str, arguments: Sequence[object]) -> int:
    """Runs a tool in a process of its own and returns the peak of its memory in bytes."""
    command = [sys.executable, str(TOOLS / f'{tool}.py'), *map(str, arguments)]
    process = subprocess.Popen(command)
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.terminate()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f'{" ".join(command)} ended with exit code {process.returncode}; its messages are above')
    return usage.ru_maxrss * (1 if sys.platform == 'darwin' else 1024)


def _peak_of_training(folder: Path, peak_of_process: int) -> int:
    """Peak memory that the log of a training on a GPU tells; on a CPU, that of its process."""
    scalars = sorted(folder.glob('*/vis_data/scalars.json'))[-1].read_text().splitlines()
    on_gpu = [entry['memory'] * 2**20 for entry in map(json.loads, scalars) if 'memory' in entry]
    return max(on_gpu, default=peak_of_process)


def _read_cost(folder: Path) -> dict:
    """Reads what a finished training left; nothing where there is none."""
    path = folder / _COST
    return json.loads(path.read_text()) if path.is_file() else {}
