"""Stops training when the loss is not finite, and reports the cause."""

import math
from collections.abc import Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from mmcrossformer.engine.hooks.checkpoint import ATOMIC
from mmcrossformer.engine.hooks.random_state import seed_model
from mmcrossformer.engine.processes import plain_name
from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.errors import UserError, names


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stops training when the loss is infinite or NaN, before the weights are updated with it.

    The state is saved as `non_finite.pth` in the work directory; running statistics of BatchNorm include the batch,
    weights do not. The error names the iteration, the images of the batch and the first layer whose output is not
    finite; to find it, the forward pass is repeated. All processes stop, and those with the loss report the cause.
    """

    def __init__(self) -> None:
        self._batch: Any = None

    def before_train(self, runner: Runner) -> None:
        """Wraps the update of the weights with the check, which raises a `UserError`."""
        wrapper = runner.optim_wrapper
        update = wrapper.update_params

        @wraps(update)
        def checked(loss: Tensor, *args: Any, **kwargs: Any) -> None:
            if not _is_finite_everywhere(loss):
                raise UserError(self._report(runner, loss.item()))
            update(loss, *args, **kwargs)

        wrapper.update_params = checked

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Stores the batch."""
        self._batch = data_batch

    def _report(self, runner: Runner, loss: float) -> str:
        path = Path(runner.work_dir) / 'non_finite.pth'
        runner.save_checkpoint(
            runner.work_dir, path.name, by_epoch=False, meta=dict(iter=runner.iter), backend_args=ATOMIC
        )
        origin = self._find_origin(runner)
        if math.isfinite(loss):
            return (
                f'the loss of another process is not finite in iteration {runner.iter + 1}: '
                'that process reports the cause'
            )
        images = [getattr(sample, 'img_path', 'unknown') for sample in self._batch.get('data_samples', ())]
        return (
            f'the loss is {loss} in iteration {runner.iter + 1}; {origin}. '
            f'The images of the batch are {names(images)}. The state before the update is in {path}. '
            'Common causes: too high a learning rate, too short a warm-up, no optim_wrapper.clip_grad, broken boxes'
        )

    def _find_origin(self, runner: Runner) -> str:
        """Repeats the forward pass in all processes and checks the output of every layer."""
        model = runner.model
        broken = next((name for name, value in model.named_parameters() if not value.isfinite().all()), None)
        found: list[str] = []

        def watch(name: str, module: nn.Module) -> Any:
            def hook(_: nn.Module, inputs: tuple, output: Any) -> None:
                if not found and not _is_finite(output):
                    found.append(f'{plain_name(name)} ({type(module).__name__}), whose inputs are {_describe(inputs)}')

            return module.register_forward_hook(hook)

        handles = [watch(name, module) for name, module in model.named_modules() if not any(module.children())]
        try:
            seed_model(runner)
            with torch.no_grad(), runner.optim_wrapper.optim_context(runner.model):
                data = getattr(model, 'module', model).data_preprocessor(self._batch, True)
                _ = model(**data, mode='loss') if isinstance(data, dict) else model(*data, mode='loss')
        except Exception as error:  # computing with such values can raise anything
            if not found and broken is None:
                return f'repeating the forward pass failed with {type(error).__name__}: {error}'
        finally:
            for handle in handles:
                handle.remove()
        if broken is not None:
            return f'weights were not finite before, such as {plain_name(broken)}'
        if not found:
            return 'the outputs of all layers are finite, so the loss function itself is the cause'
        return f'the first layer with an output that is not finite is {found[0]}'


def _is_finite_everywhere(loss: Tensor) -> bool:
    finite = loss.detach().isfinite().to(torch.int32)
    all_reduce(finite, op='min')
    return bool(finite.item())


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _is_finite(value: Any) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in _tensors(value) if tensor.is_floating_point())


def _describe(inputs: tuple) -> str:
    if not _is_finite(inputs):
        return 'not finite either'
    largest = max((tensor.abs().max().item() for tensor in _tensors(inputs) if tensor.numel()), default=0.0)
    return f'finite (at most {largest:.3g})'
