"""Exports backbones and classifiers to ONNX and torch.export programs, which run without this package."""

import importlib.util
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from mmcrossformer.models.attention.traced import BakedPositionBias
from mmcrossformer.models.crossformer import CrossFormer
from mmcrossformer.models.layers.block import CrossFormerBlock
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.files import atomic_write

ONNX_OPSET = 18
SUFFIXES = ('.onnx', '.pt2')
# Largest allowed difference between program and model, relative to the largest output.
TOLERANCE = 1e-4


class Logits(nn.Module):
    """Wraps a classifier of mmpretrain to map images to logits."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """Maps normalised images [B, C, H, W] to logits [B, classes]."""
        return self.classifier(images, mode='tensor')


def bake_position_bias(model: nn.Module, max_size: int) -> None:
    """Replaces the modules for position biases by tables, for images up to `max_size` pixels on a side."""
    for backbone in [module for module in model.modules() if isinstance(module, CrossFormer)]:
        for i, stage in enumerate(backbone.stages):
            side = -(-max_size // (4 * 2**i))
            for block in [module for module in stage.modules() if isinstance(module, CrossFormerBlock)]:
                places = max(side, block.attn.rule.size)
                block.attn.pos_bias = BakedPositionBias(block.attn.pos_bias, places)


def export(model: nn.Module, images: Tensor) -> ExportedProgram:
    """Traces a model into a program for any batch size, height and width.

    Args:
        model: Backbone or `Logits`, in evaluation mode.
        images: Example [B, C, H, W], B at least 2.

    Raises:
        UserError: torch cannot trace the model.
    """
    sizes = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    try:
        with torch.no_grad(), _quiet():
            return torch.export.export(model, (images,), dynamic_shapes=(sizes,), strict=False)
    except Exception as error:  # any model of any library: it can fail in any way
        line = str(error).strip().partition('\n')[0]
        raise UserError(f'torch.export cannot trace the model: {type(error).__name__}: {line}') from error


def save(program: ExportedProgram, path: Path, names: Sequence[str]) -> None:
    """Writes a program, as ONNX for *.onnx, otherwise in the format of torch.export.

    Args:
        program: Program that `export` returned.
        path: File to write.
        names: Names of the outputs.

    Raises:
        UserError: ONNX is not installed.
    """
    if path.suffix != '.onnx':
        with atomic_write(path) as partial, open(partial, 'wb') as file:
            torch.export.save(program, file)
        return
    require_onnx()
    with _quiet(), atomic_write(path) as partial:
        torch.onnx.export(
            program,
            f=partial,
            input_names=['images'],
            output_names=list(names),
            opset_version=ONNX_OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )


def compare_outputs(
    model: nn.Module, path: Path, shapes: Sequence[Sequence[int]]
) -> Iterator[tuple[Sequence[int], float]]:
    """Compares the outputs of a saved program and of the model on random images.

    Args:
        model: Exported model.
        path: File of the program.
        shapes: Shapes of images [B, C, H, W].

    Yields:
        Each shape, and the largest difference relative to the largest output.
    """
    if path.suffix == '.onnx':
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])

        def program(images: Tensor) -> list[Tensor]:
            return [torch.from_numpy(out) for out in session.run(None, {'images': images.numpy()})]

    else:
        loaded = torch.export.load(path).module()

        def program(images: Tensor) -> list[Tensor]:
            return as_list(loaded(images))

    for shape in shapes:
        images = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            pairs = zip(program(images), as_list(model(images)), strict=True)
            yield shape, max(((a - b).abs().max() / b.abs().max()).item() for a, b in pairs)


def as_list(outputs: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """Returns the outputs of a model as a list: logits, or maps [B, C_i, H_i, W_i] of a pyramid."""
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)


def require_onnx() -> None:
    """Checks that ONNX can be written and run.

    Raises:
        UserError: A package is missing.
    """
    missing = [name for name in ('onnx', 'onnxscript', 'onnxruntime') if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f'ONNX needs {", ".join(missing)}: pip install "mmcrossformer[export]"')


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses warnings and log messages of the exporters; errors are still raised."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(level)
