"""Evaluates a trained model at several resolutions."""

import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.runner.amp import autocast
from torch.utils.data import DataLoader

from mmcrossformer.apis.model import build_model
from mmcrossformer.commands.sweep.report import Point, Sweep
from mmcrossformer.config.sizes import own_size, scale_test_pipeline, trained_sizes
from mmcrossformer.config.walk import replace_sync_bn
from mmcrossformer.engine.runner import check_data
from mmcrossformer.utils.errors import UserError, check_unique, innermost
from mmcrossformer.utils.machine import hardware, revision, versions
from mmcrossformer.utils.metrics import METRICS, main_metric
from mmcrossformer.utils.weights import load_weights


def sweep(
    cfg: Config, checkpoint: str | Path, sizes: Sequence[int], device: str = 'cpu', options: dict | None = None
) -> Iterator[Sweep]:
    """Evaluates a checkpoint at several resolutions, with the test data and the test evaluator of its config.

    The model is loaded once. If it cannot run at a resolution, the point has the error.

    Args:
        cfg: Config of a detector, segmenter or classifier.
        checkpoint: Checkpoint of a model trained with the config.
        sizes: Resolutions: short sides of the images that the test pipeline returns, in pixels.
        device: Where the model runs: 'cpu', 'cuda' or 'cuda:N'.
        options: Settings that were replaced in the config, to be stored with the results.

    Returns:
        An iterator over the sweep with the results so far, after each resolution. It raises a `UserError` if the
        evaluator reports no known metric, or the model runs at none of the sizes.

    Raises:
        UserError: A size is repeated, the config has no test data or its sizes cannot be changed, or the checkpoint
            does not fit.
    """
    check_unique('--sizes', sizes)
    if not (cfg.get('test_dataloader') and cfg.get('test_evaluator')):
        raise UserError(f'config {cfg.filename} has no test_dataloader or no test_evaluator: there is nothing to test')
    configs = [scale_test_pipeline(cfg, size) for size in sizes]  # errors are reported before anything runs
    check_data(cfg, ('test',))
    model = _load(cfg, checkpoint, device)
    settings = dict(
        batch_size=cfg.test_dataloader.get('batch_size'),
        device=device,
        threads=torch.get_num_threads(),
        options=options or {},
    )
    found = Sweep(
        config=Path(cfg.filename).stem,
        checkpoint=Path(checkpoint).name,
        metric='',
        own_size=own_size(cfg),
        trained_sizes=trained_sizes(cfg),
        images=0,
        settings=settings,
        hardware=hardware(device),
        versions=versions(),
        revision=revision(),
    )
    return _evaluate_all(model, dict(zip(sizes, configs, strict=True)), found)


def _evaluate_all(model: BaseModel, configs: dict[int, Config], found: Sweep) -> Iterator[Sweep]:
    for size, cfg in configs.items():
        _evaluate(model, cfg, size, found)
        yield found
    if all(point.error for point in found.points):
        raise UserError(f'the model runs at none of the sizes; at {found.points[0].size}: {found.points[0].error}')
    if not found.metric:
        raise UserError('the model finds no objects at any of the sizes')


def _load(cfg: Config, checkpoint: str | Path, device: str) -> BaseModel:
    replace_sync_bn(cfg.model)
    model = build_model(cfg)
    load_weights(model, checkpoint)
    return model.to(device)


def _evaluate(model: BaseModel, cfg: Config, size: int, found: Sweep) -> None:
    """Evaluates the model at one resolution and adds the point."""
    device = found.settings['device']
    try:
        loader: DataLoader = Runner.build_dataloader(cfg.test_dataloader, seed=0)
        evaluator = Evaluator(cfg.test_evaluator)
    except (KeyError, TypeError, ValueError, AssertionError, AttributeError, ImportError, OSError) as error:
        raise UserError(f'the test data or the evaluator cannot be built: {innermost(error)}') from error
    dataset: Any = loader.dataset
    evaluator.dataset_meta = getattr(dataset, 'metainfo', None)
    half = bool((cfg.get('test_cfg') or {}).get('fp16'))
    seconds = []
    for batch in loader:
        start = _now(device)
        try:
            with torch.no_grad(), autocast(enabled=half):
                samples = model.test_step(batch)
        except Exception as error:  # any model of any library: it can fail in any way
            found.points.append(Point(size, error=f'{type(error).__name__}: {error}'.splitlines()[0]))
            return
        seconds.append((_now(device) - start) / len(samples))
        evaluator.process(data_samples=samples, data_batch=batch)
    found.images = len(dataset)
    metrics = evaluator.evaluate(found.images)
    if metrics:
        found.metric = found.metric or _metric_of(metrics)
    result = float(metrics[found.metric]) if metrics else 0.0  # mmdet reports no metrics without detections
    # The first batch includes warm-up.
    found.points.append(Point(size, result, statistics.median(seconds[1:] or seconds)))


def _metric_of(metrics: dict[str, Any]) -> str:
    """Returns the name of the main metric."""
    name = main_metric(metrics)
    if name is None:
        raise UserError(f'test_evaluator reports {", ".join(metrics)}, but a sweep needs one of {", ".join(METRICS)}')
    return name


def _now(device: str) -> float:
    if device != 'cpu':
        torch.cuda.synchronize(device)
    return time.perf_counter()
