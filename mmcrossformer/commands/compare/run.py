"""Trains and tests several configs, each in its own processes, and collects the results."""

import copy
import json
import statistics
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
from mmcrossformer.commands.common import parse_settings
from mmcrossformer.config.backbones import read_backbone, replace_backbone
from mmcrossformer.config.package import TOOLS, find_config
from mmcrossformer.config.read import read_config
from mmcrossformer.config.sizes import input_shape
from mmcrossformer.engine.runner import check_data
from mmcrossformer.utils.errors import UserError, check_unique
from mmcrossformer.utils.figures import write_figure
from mmcrossformer.utils.files import write_json, write_text
from mmcrossformer.utils.interleaved import time_interleaved
from mmcrossformer.utils.labels import legend_label
from mmcrossformer.utils.metrics import METRICS, main_metric, read_metrics
from mmcrossformer.utils.outputs import make_folder
from mmcrossformer.utils.peak_memory import run_measured

_COST = 'cost.json'
_STEPS = 5


@dataclass(frozen=True)
class Result:
    """Metrics and costs of a config.

    Attributes:
        name: Name of the config.
        metrics: Metrics of the test, by name.
        params: Number of parameters.
        macs: Multiply-adds for one test image.
        peak_bytes: Peak memory of training: of the GPU, or of the process on a CPU.
        step_seconds: Median time of a training step; steps of the configs are interleaved.
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
        file: Config file that the tools read.
        settings: Additional arguments of the tools.
        is_generated: Whether the file must be written first, because the backbone was replaced.
    """

    name: str
    cfg: Config
    file: Path
    settings: tuple[str, ...] = ()
    is_generated: bool = False


def compare(
    configs: Sequence[str],
    work_dir: Path,
    *,
    train: bool,
    seed: int,
    backbones: Sequence[str] = (),
    options: Sequence[str] = (),
) -> list[Result]:
    """Runs all configs and returns their results; runs that an earlier call finished are reused.

    Training steps are timed after all training runs, because other work may have slowed these down differently.

    Args:
        configs: Names or paths of configs; the names must be unique.
        work_dir: Folder for the results; each config has a subfolder with its name.
        train: Whether to train the configs without a finished training run in their folder.
        seed: Random seed for training.
        backbones: Names or files of backbones (see `read_backbone`); the first config is also run with each of them.
        options: Settings to replace in all configs, as `KEY=VALUE`.

    Raises:
        UserError: Two configs have the same name or different tasks; a backbone does not fit; a folder has a run with
            other settings or, with `train=False`, no finished run; or a run fails.
    """
    candidates = _list_candidates(configs, backbones, options, work_dir)
    # A copy, because host libraries modify the config that they build from.
    totals = [analyze(copy.deepcopy(entry.cfg), *input_shape(entry.cfg))[-1] for entry in candidates]
    wanted = dict(seed=seed, options=list(options))
    for entry in candidates:
        folder = work_dir / entry.name
        cost = _read_cost(folder)
        if cost and cost['settings'] != wanted:
            raise UserError(
                f'{folder} has a training run with other settings ({cost["settings"]}, now {wanted}): '
                'use another --work-dir, or delete this folder'
            )
        if not train and not (cost and (folder / 'last_checkpoint').is_file()):
            raise UserError(f'{folder} has no finished training run of {entry.name}: omit --evaluate-only to train it')
    make_folder('--work-dir', work_dir)
    runs = [_run(entry, work_dir / entry.name, wanted) for entry in candidates]
    seconds = time_steps([entry.cfg for entry in candidates])
    return [
        Result(entry.name, metrics, total.params, total.macs, peak, median)
        for entry, (metrics, peak), total, median in zip(candidates, runs, totals, seconds, strict=True)
    ]


def _run(entry: _Candidate, folder: Path, wanted: dict[str, Any]) -> tuple[dict[str, float], int]:
    """Trains and tests a config unless that is done; returns the metrics and the peak memory of training in bytes."""
    metrics = folder / 'metrics.json'
    cost = _read_cost(folder)
    if entry.is_generated and not (cost and metrics.is_file()):
        write_text(entry.file, entry.cfg.pretty_text)
    if not cost:
        metrics.unlink(missing_ok=True)  # of an interrupted training run
        peak = _run_tool('train', [entry.file, '--work-dir', folder, '--seed', wanted['seed'], *entry.settings])
        cost = dict(peak_bytes=_peak_of_training(folder, peak), settings=wanted)
        write_json(folder / _COST, cost)
    if not metrics.is_file():
        checkpoint = (folder / 'last_checkpoint').read_text().strip()
        _run_tool('test', [entry.file, checkpoint, '--work-dir', folder, *entry.settings])
    return read_metrics(metrics), cost['peak_bytes']


def _list_candidates(
    configs: Sequence[str], backbones: Sequence[str], options: Sequence[str], work_dir: Path
) -> list[_Candidate]:
    """Reads all configs, so that an error in the last is reported before the first is trained."""
    settings = ('--cfg-options', *options) if options else ()
    candidates = []
    for config in configs:
        file = find_config(config)
        candidates.append(_Candidate(file.stem, read_config(config, parse_settings(options)), file, settings))
    first = candidates[0]
    if backbones and (first.cfg.get('load_from') or first.cfg.model.get('backbone', {}).get('init_cfg')):
        print(
            f'{first.name} starts from pretrained weights; with other backbones it starts from random weights, or from '
            'those of init_cfg in the file of the backbone',
            file=sys.stderr,
        )
    for backbone in map(read_backbone, backbones):
        name = f'{first.name}+{backbone.name}'
        candidates.append(
            _Candidate(name, replace_backbone(first.cfg, backbone), work_dir / f'{name}.py', is_generated=True)
        )
    check_unique('names of configs and backbones', [entry.name for entry in candidates])
    scopes = sorted({entry.cfg.default_scope for entry in candidates})
    if len(scopes) > 1:
        raise UserError(f'configs must be of one task, got some for {" and some for ".join(scopes)}')
    return candidates


def time_steps(configs: Sequence[Config]) -> list[float]:
    """Times training steps of the configs, interleaved, each on a batch of its own data.

    Args:
        configs: Configs of one task.

    Returns:
        The median time of each config in seconds, from the batch in memory to the update of the weights.

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
    return lambda: model.train_step(copy.deepcopy(batch), optimizer)  # a copy: train_step pads the batch in place


def save(results: Sequence[Result], work_dir: Path) -> None:
    """Writes the results as json and as a plot of the common metric over multiply-adds."""
    from matplotlib.figure import Figure

    write_json(work_dir / 'compare.json', [asdict(result) for result in results])
    metric = common_metric(results)
    figure = Figure(figsize=(9, 4.5), dpi=120, layout='constrained')
    axis = figure.subplots()
    for result in results:
        axis.scatter(result.macs / 1e9, result.metrics[metric], s=60, label=legend_label(result.name))
    figure.legend(loc='outside right upper')
    axis.set(xlabel='multiply-adds of one image [G]', ylabel=metric)
    axis.grid(alpha=0.3)
    write_figure(work_dir / 'compare.png', figure)


def common_metric(results: Sequence[Result]) -> str:
    """Returns the main metric that all results have.

    Raises:
        UserError: They have no metric in common.
    """
    metric = main_metric(*(result.metrics for result in results))
    if metric is None:
        raise UserError(
            f'the configs have none of these metrics in common: {", ".join(METRICS)}: compare one task at a time'
        )
    return metric


def _run_tool(tool: str, arguments: Sequence[object]) -> int:
    """Runs a tool in its own process and returns the peak memory of the process in bytes."""
    command = [sys.executable, str(TOOLS / f'{tool}.py'), *map(str, arguments)]
    code, peak = run_measured(command)
    if code:
        raise UserError(f'{" ".join(command)} ended with exit code {code}; its messages are above')
    return peak


def _peak_of_training(folder: Path, peak_of_process: int) -> int:
    """Returns the peak memory from the log of training on a GPU; on a CPU, that of the process."""
    scalars = sorted(folder.glob('*/vis_data/scalars.json'))[-1].read_text().splitlines()
    on_gpu = [entry['memory'] * 2**20 for entry in map(json.loads, scalars) if 'memory' in entry]
    return max(on_gpu, default=peak_of_process)


def _read_cost(folder: Path) -> dict:
    """Reads settings and peak memory of a finished training run; empty if there is none."""
    path = folder / _COST
    return json.loads(path.read_text()) if path.is_file() else {}
