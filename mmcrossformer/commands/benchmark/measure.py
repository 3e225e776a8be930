"""Measures time, multiply-adds and memory of backbones: same images, same process, interleaved repetitions."""

import copy
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from mmcrossformer.commands.benchmark.backbones import Backbone
from mmcrossformer.commands.benchmark.memory import peak_memory
from mmcrossformer.utils.interleaved import time_interleaved
from mmcrossformer.utils.old_torch import flop_counter
from mmcrossformer.utils.worker import Worker, WorkerDied

MODES = ('inference', 'training')
DTYPES = {'fp32': None, 'bf16': torch.bfloat16, 'fp16': torch.float16}
# Sides of squares of 0.05 to 8 megapixels, each about twice the pixels of the one before.
_SIDES = (224, 320, 448, 640, 896, 1280, 1792, 2816)
_BAND = 96
# The models are also compared with products of square matrices: their side, and the number in a repetition.
PRODUCT_SIDE, _PRODUCTS = 1024, 8


@dataclass(frozen=True)
class Cell:
    """Conditions of a measurement: image size and how the model runs.

    Attributes:
        height: Height of the images in pixels.
        width: Width of the images in pixels.
        mode: 'inference' (forward without gradients) or 'training' (forward and backward).
        dtype: 'fp32', or 'bf16' or 'fp16' by autocast.
        batch_size: Number of images.
    """

    height: int
    width: int
    mode: str = 'inference'
    dtype: str = 'fp32'
    batch_size: int = 1


@dataclass(frozen=True)
class Settings:
    """How cells are measured.

    Attributes:
        device: 'cpu', 'cuda' or 'cuda:N'.
        threads: Number of threads of torch.
        repeats: Timed repetitions.
        warmup: Repetitions before timing; at least 1.
        memory: Whether to measure memory, in an additional repetition.
    """

    device: str = 'cpu'
    threads: int = 1
    repeats: int = 10
    warmup: int = 2
    memory: bool = True


@dataclass(frozen=True)
class Candidate:
    """A backbone to measure, in eager mode or compiled with torch.compile."""

    backbone: Backbone
    compiled: bool = False


@dataclass
class Row:
    """Measurements of a candidate in a cell.

    Attributes:
        model: Name of the backbone.
        compiled: Whether it was compiled.
        params: Number of parameters.
        macs: Multiply-adds of the forward pass for one image, attention and padding included, by torch's flop counter.
            Its counts of backward passes are not used: they are many times too large for depthwise convolutions.
        seconds: Time of a step for each repetition.
        peak_bytes: Peak memory of a step, see `peak_memory`.
        product_rate: Multiply-adds per second of plain matrix products between the models; see `PRODUCT_SIDE`.
        error: First line of the error if the model cannot run.
    """

    model: str
    compiled: bool = False
    params: int | None = None
    macs: int | None = None
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    product_rate: float | None = None
    error: str | None = None


def measure(cell: Cell, candidates: Sequence[Candidate], settings: Settings) -> list[Row]:
    """Measures all candidates in a cell, in this process, with interleaved repetitions.

    Args:
        cell: Image size and how the models run.
        candidates: Backbones to measure.
        settings: Device, threads and repetitions.

    Returns:
        A row for each candidate, with times in seconds and memory in bytes. The row of a candidate that fails has the
        error; the others are still measured.
    """
    torch.set_num_threads(settings.threads)
    torch._dynamo.reset()  # code is compiled for one size
    steps = [_Step(cell, candidate, settings.device) for candidate in candidates]
    on_gpu = settings.device != 'cpu'
    synchronize = partial(torch.cuda.synchronize, settings.device) if on_gpu else lambda: None
    *seconds, products = time_interleaved(
        [*steps, _products(cell, settings.device)], settings.repeats, settings.warmup, synchronize
    )
    rate = _PRODUCTS * PRODUCT_SIDE**3 / statistics.median(products) if products else None
    for step, times in zip(steps, seconds, strict=True):
        if settings.memory:
            step.row.peak_bytes = step.guard(partial(peak_memory, step.run, settings.device))
        if step.row.error is None:
            step.row.seconds = times
            step.row.product_rate = rate
    return [step.row for step in steps]


def benchmark(
    cells: Sequence[Cell], candidates: Sequence[Candidate], settings: Settings
) -> Iterator[tuple[Cell, list[Row]]]:
    """Measures the cells in a worker process; a cell that kills the worker does not stop the others.

    Args:
        cells: Cells to measure.
        candidates: Backbones to measure in each cell.
        settings: Device, threads and repetitions.

    Yields:
        Each cell with its rows, as soon as it is measured.
    """
    with Worker(measure) as worker:
        for cell in cells:
            yield cell, _measure_in_worker(worker, cell, candidates, settings)


def make_growth_cells(base: Cell, *, elongated: bool = False) -> list[Cell]:
    """Returns cells like `base` of 0.05 to 8 megapixels: square or 96 pixels high; sides are multiples of 32."""
    shapes = [(_BAND, round(side**2 / _BAND / 32) * 32) if elongated else (side, side) for side in _SIDES]
    return [Cell(height, width, base.mode, base.dtype, base.batch_size) for height, width in shapes]


def _measure_in_worker(worker: Worker, cell: Cell, candidates: Sequence[Candidate], settings: Settings) -> list[Row]:
    try:
        return worker(cell, candidates, settings)
    except WorkerDied as died:
        if len(candidates) == 1:
            return [Row(candidates[0].backbone.name, candidates[0].compiled, error=str(died))]
    # One repetition of each alone shows which one killed the worker; the others are measured together.
    trial = Settings(settings.device, settings.threads, repeats=1, warmup=0, memory=settings.memory)
    alone = [_measure_in_worker(worker, cell, [candidate], trial)[0] for candidate in candidates]
    rest = [candidate for candidate, row in zip(candidates, alone, strict=True) if row.error is None]
    try:
        together = iter(worker(cell, rest, settings) if rest else [])
    except WorkerDied as died:
        message = f'{died} (together with the others)'
        together = iter([Row(candidate.backbone.name, candidate.compiled, error=message) for candidate in rest])
    return [row if row.error else next(together) for row in alone]


def _products(cell: Cell, device: str) -> Callable[[], None]:
    """Returns a step of plain matrix products in the dtype of a cell, as an upper bound for the hardware."""
    a, b = torch.rand(2, PRODUCT_SIDE, PRODUCT_SIDE, device=device, dtype=DTYPES[cell.dtype] or torch.float32)

    def run() -> None:
        for _ in range(_PRODUCTS):
            torch.mm(a, b)

    return run


T = TypeVar('T')


class _Step:
    """A callable that runs one repetition of a candidate; after its first error, which is kept, it does nothing."""

    def __init__(self, cell: Cell, candidate: Candidate, device: str) -> None:
        self.cell = cell
        self.device = device
        self.row = Row(candidate.backbone.name, candidate.compiled)
        self.model: nn.Module | None = None
        self.images: Tensor | None = None
        self.guard(lambda: self._build(candidate))

    def __call__(self) -> None:
        self.guard(self.run)

    def guard(self, function: Callable[[], T]) -> T | None:
        """Calls a function unless an earlier call failed."""
        if self.row.error is not None:
            return None
        try:
            return function()
        except Exception as error:  # any model of any library: it can fail in any way
            lines = str(error).strip().splitlines()
            self.row.error = ': '.join([type(error).__name__, *lines[:1]])
            self.model = self.images = None
        # After the handler, which keeps the tensors of the failed step alive.
        if self.device != 'cpu':
            torch.cuda.empty_cache()
        return None

    def run(self) -> None:
        """Runs forward, and in training backward from the sum of the outputs' means; frees the gradients."""
        assert self.model is not None
        training, dtype = self.cell.mode == 'training', DTYPES[self.cell.dtype]
        autocast = torch.autocast(torch.device(self.device).type, dtype, enabled=dtype is not None)
        with torch.set_grad_enabled(training), autocast:
            outputs = self.model(self.images)
            if training:
                outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
                loss = torch.stack([output.float().mean() for output in outputs]).sum()
        if training:
            loss.backward()
            self.model.zero_grad(set_to_none=True)

    def _build(self, candidate: Candidate) -> None:
        torch.manual_seed(0)
        model = candidate.backbone.build()
        channels = next(module.in_channels for module in model.modules() if isinstance(module, nn.Conv2d))
        shape = (channels, self.cell.height, self.cell.width)
        self.row.params = sum(parameter.numel() for parameter in model.parameters())
        self.row.macs = _count_macs(model, (1, *shape))
        self.images = torch.rand(self.cell.batch_size, *shape, device=self.device)
        model.to(self.device).train(self.cell.mode == 'training')
        self.model = cast(nn.Module, torch.compile(model, dynamic=False)) if candidate.compiled else model


def _count_macs(model: nn.Module, shape: tuple[int, ...]) -> int | None:
    """Counts the forward pass on meta tensors; None for models that fail there, which may still run on real tensors."""
    try:
        model = copy.deepcopy(model).to('meta')
        model.eval()  # not chained: eval returns None in some libraries
        with torch.no_grad(), flop_counter() as counter:
            model(torch.zeros(shape, device='meta'))
    except Exception:
        return None
    return counter.get_total_flops() // 2
