"""Amplitude of activations after each block."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from mmcrossformer.engine.processes import plain_name
from mmcrossformer.models.layers.block import AttentionBlock
from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.figures import write_figure
from mmcrossformer.utils.files import write_json
from mmcrossformer.utils.labels import legend_label

_FILE = 'amplitudes.json'


@HOOKS.register_module()
class AmplitudeHook(Hook):
    """Logs the amplitude of the residual stream after each block: the mean absolute value of a block's output.

    It grows from block to block in a CrossFormer; the amplitude cooling layers of CrossFormer++ (TPAMI 2023) prevent
    that. Values go to the visualizer as `amplitude/<block>`; at the end of training they are written to
    `amplitudes.json` and drawn in `amplitudes.png` in the work directory.

    Args:
        interval: Iterations between two measurements.
    """

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._handles: list[RemovableHandle] = []
        self._values: dict[str, Tensor] = {}
        self._history: dict[int, dict[str, float]] = {}

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Registers forward hooks on the blocks for this iteration."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        for name, module in runner.model.named_modules():
            if isinstance(module, AttentionBlock):
                self._handles.append(module.register_forward_hook(self._measure(plain_name(name))))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Logs the measured amplitudes."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self._values and is_main_process():
            values = {name: value.item() for name, value in self._values.items()}
            self._history[runner.iter + 1] = values
            tags = {f'amplitude/{name}': value for name, value in values.items()}
            runner.visualizer.add_scalars(tags, step=runner.iter + 1)
        self._values.clear()

    def after_train(self, runner: Runner) -> None:
        """Writes and draws the amplitudes."""
        if self._history and is_main_process():
            folder = Path(runner.work_dir)
            write_json(folder / _FILE, self._history)
            plot_amplitudes({'': self._history}, folder / 'amplitudes.png')

    def _measure(self, name: str) -> Any:
        def hook(module: AttentionBlock, inputs: tuple, output: Tensor) -> None:
            self._values[name] = output.detach().abs().mean()

        return hook


def read_amplitudes(work_dir: str | Path) -> dict[int, dict[str, float]]:
    """Reads `amplitudes.json`: for each measured iteration the amplitude after each block, in order."""
    history = json.loads((Path(work_dir) / _FILE).read_text())
    # Amplitudes that are not finite were written as null.
    return {
        int(iteration): {name: math.nan if value is None else value for name, value in values.items()}
        for iteration, values in history.items()
    }


def plot_amplitudes(runs: Mapping[str, Mapping[int, Mapping[str, float]]], path: str | Path) -> None:
    """Draws amplitudes over the blocks, first and last measurement of each training run.

    Args:
        runs: Results of `read_amplitudes` by name of the training run.
        path: PNG file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), dpi=110, layout='constrained')
    axis = figure.subplots()
    for color, (name, history) in enumerate(runs.items()):
        iterations = sorted(history)
        for iteration, style in dict(zip((iterations[0], iterations[-1]), ('--', '-'), strict=True)).items():
            values = list(history[iteration].values())
            label = legend_label(f'{name} iteration {iteration}')
            axis.plot(
                range(1, len(values) + 1), values, style, color=f'C{color}', marker='o', markersize=3, label=label
            )
    axis.set(xlabel='block', ylabel='mean absolute value of its output', yscale='log')
    axis.grid(alpha=0.3)
    axis.legend(fontsize='small')
    write_figure(path, figure)
