"""Predicts on single images, at any resolution."""

import copy
import os
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import mmcv
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.model import BaseModel
from mmengine.registry import MODELS, init_default_scope

from mmcrossformer.apis.colors import Color, get_palette
from mmcrossformer.apis.convert import convert_sample
from mmcrossformer.apis.prediction import Prediction, Task
from mmcrossformer.config.read import read_config
from mmcrossformer.config.walk import dicts_in, model_settings, replace_sync_bn, type_name
from mmcrossformer.utils.errors import UserError, innermost
from mmcrossformer.utils.run import find_run, find_weights
from mmcrossformer.utils.weights import load_weights, report_misfits, weights_only

# Tasks by scope of the host library.
TASKS: dict[str, Task] = dict(mmdet='detection', mmseg='segmentation', mmpretrain='classification')
# Pipeline steps that set the size; one Resize replaces all of them when another size is asked for.
_SIZING = ('Resize', 'ResizeEdge', 'RandomResize', 'CenterCrop', 'ResizeShortestEdge', 'FixShapeResize')
_KEPT = ('interpolation', 'backend')
# The scope in which mmengine looks for types belongs to the process: one thread at a time builds.
_SCOPE = threading.RLock()


class Predictor:
    """A model of a config with the weights of a checkpoint; may be called by several threads.

    Args:
        config: Config of a detector, segmenter or classifier: its file, or the result of `read_config`; or the work
            directory of a training.
        checkpoint: File of its weights, or a work directory. None: of a work directory the best weights, or else the
            latest, otherwise random ones.
        options: Settings of the config to replace, by dotted name.
        device: Where the model runs.

    Attributes:
        classes: Names of the classes from the checkpoint or else the config; may be empty, see `class_name`.
        palette: Red, green and blue of each class, 0 to 255.

    Raises:
        UserError: Config or checkpoint cannot be read or do not belong together, or the device does not exist.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path | None = None,
        options: dict[str, Any] | None = None,
        device: str = 'cpu',
    ) -> None:
        if not isinstance(config, Config) and Path(config).is_dir():
            run = find_run(config)
            config, checkpoint = run.config, checkpoint or run.checkpoint
        if checkpoint is not None and Path(checkpoint).is_dir():
            checkpoint = find_weights(checkpoint)
        self.cfg = copy.deepcopy(config) if isinstance(config, Config) else read_config(str(config), options)
        config = self.cfg.filename or 'without a file'
        scope = self.cfg.default_scope
        if scope not in TASKS:
            raise UserError(f'config {config} is of {scope!r}; predictions are made for {", ".join(TASKS)}')
        self.task = TASKS[scope]
        self._steps = _test_steps(self.cfg, config)
        self.device = _check_device(device)
        self._model_in_use = threading.Lock()
        replace_sync_bn(self.cfg.model)
        try:
            with _SCOPE, report_misfits(), weights_only():
                init_default_scope(scope)
                self.model: BaseModel = MODELS.build(model_settings(self.cfg))
        except (KeyError, TypeError, ValueError, AssertionError, AttributeError, ImportError) as error:
            raise UserError(f'the model of {config} cannot be built: {innermost(error)}') from error
        meta: dict[str, Any] = {}
        if checkpoint is not None:
            meta = load_weights(self.model, checkpoint).get('dataset_meta') or {}
        self.model.to(self.device).eval()
        meta = meta if meta.get('classes') else self._meta_of_config()
        self.classes: tuple[str, ...] = tuple(meta.get('classes') or ())
        self.palette: list[Color] = get_palette(meta, len(self.classes) or self._count_classes())

    def prepare(self, image: np.ndarray, short_side: int | None = None) -> dict[str, Any]:
        """Prepares an image as the config's test pipeline does.

        Args:
            image: Pixels [H, W, 3], uint8, RGB.
            short_side: Short side of the model input in pixels; None for the size in the config.

        Returns:
            A batch of one: `inputs`, a tensor [1, 3, h, w] of normalised pixels, and `data_samples`.

        Raises:
            UserError: `image` has another shape or dtype, or `short_side` is below 1.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise UserError(f'an image must have shape [H, W, 3] and dtype uint8, got {image.dtype} {image.shape}')
        if short_side is not None and short_side < 1:
            raise UserError(f'the short side must have at least 1 pixel, got {short_side}')
        height, width = image.shape[:2]
        sample = dict(
            img=np.ascontiguousarray(image[..., ::-1]),
            img_path='',
            img_id=0,
            img_shape=(height, width),
            ori_shape=(height, width),
            sample_idx=0,
        )
        steps = self._steps if short_side is None else _set_size(self._steps, (height, width), short_side)
        with _SCOPE:
            init_default_scope(self.cfg.default_scope)
            pipeline = Compose(steps)
        batch = pseudo_collate([pipeline(sample)])
        return self.model.data_preprocessor(batch, False)

    def __call__(self, image: np.ndarray, short_side: int | None = None) -> Prediction:
        """Returns the prediction for an image; see `prepare` for the arguments."""
        found, size, seconds = self.run_model(image, short_side)
        return convert_sample(found, self.task, size, seconds)

    @torch.no_grad()
    def run_model(self, image: np.ndarray, short_side: int | None = None) -> tuple[Any, tuple[int, int], float]:
        """Runs the model on an image, while no other thread does; see `prepare` for the arguments.

        Returns:
            What the host library predicts, a data sample; height and width of the model's input without padding; the
            seconds that the model took.
        """
        batch = self.prepare(image, short_side)
        with self._model_in_use:  # heads of the host libraries may keep values between their steps
            start = time.perf_counter()
            (found,) = self.model(**batch, mode='predict')
            seconds = time.perf_counter() - start
        height, width = found.metainfo.get('img_shape', batch['inputs'].shape[2:])[:2]
        return found, (int(height), int(width)), seconds

    def _meta_of_config(self) -> dict[str, Any]:
        """Returns the metainfo of the config, for models without that of a checkpoint."""
        from mmengine.registry import DATASETS

        dataset = _test_dataset(self.cfg)
        named = dataset.get('metainfo') or {}
        if named.get('classes'):
            return named
        with DATASETS.switch_scope_and_registry(self.cfg.default_scope) as registry:
            return getattr(registry.get(dataset.get('type', '')), 'METAINFO', {})

    def _count_classes(self) -> int:
        """Returns the largest number of classes of the heads."""
        return max((node['num_classes'] for node in dicts_in(self.cfg.model) if 'num_classes' in node), default=0)


def read_image(path: str | Path) -> np.ndarray:
    """Reads an image file as the training pipelines do.

    Returns:
        Pixels [H, W, 3], uint8, RGB, rotated as EXIF says.

    Raises:
        UserError: The file does not exist or is no image.
    """
    path = Path(path)
    if not os.path.isfile(path):  # Path.is_file raises without permission
        raise UserError(f'image {path} is no file')
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f'image {path} cannot be read: {error}') from error
    return decode_image(content, path)


def decode_image(content: bytes, path: str | Path) -> np.ndarray:
    """Decodes the content of an image file as `read_image` does; `path` is for messages."""
    try:
        image = mmcv.imfrombytes(content, flag='color', channel_order='rgb')
    except cv2.error:  # its message is a line of OpenCV's source
        image = None
    except Exception as error:  # decoders raise errors of many types
        raise UserError(f'image {path} cannot be read: {error}') from error
    if image is None:
        raise UserError(f'image {path} cannot be read: it is no image file, or broken')
    return image


def _check_device(device: str) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise UserError(f'device {device!r} cannot be used here: {str(error).splitlines()[0]}') from error


def _test_dataset(cfg: Any) -> dict[str, Any]:
    """Returns the config's test set or else validation set, without its wrappers."""
    dataset = (cfg.get('test_dataloader') or cfg.get('val_dataloader') or {}).get('dataset', {})
    while 'pipeline' not in dataset and 'dataset' in dataset:
        dataset = dataset['dataset']
    return dataset


def _test_steps(cfg: Any, config: str | Path) -> list[dict]:
    """Returns the config's test pipeline without the steps that load images and annotations."""
    steps = _test_dataset(cfg).get('pipeline', cfg.get('test_pipeline'))
    if not steps:
        raise UserError(f'config {config} has no test_dataloader.dataset.pipeline, so how images go in is unknown')
    return [dict(step) for step in steps if not type_name(step).startswith('Load')]


def _set_size(steps: list[dict], size: tuple[int, int], short_side: int) -> list[dict]:
    """Returns the steps with one Resize in place of those that set the size."""
    factor = short_side / min(size)
    height, width = (max(1, round(side * factor)) for side in size)
    kept: dict[str, Any] = {}
    rest: list[dict] = []
    place: int | None = None  # of the first step that sets the size
    for step in steps:
        if type_name(step) in _SIZING:
            kept |= {key: step[key] for key in _KEPT if key in step}
            place = len(rest) if place is None else place
        else:
            rest.append(step)
    place = place or 0
    return [*rest[:place], dict(type='Resize', scale=(width, height), keep_ratio=False, **kept), *rest[place:]]
