"""Predicts on many images: stores each result at once, resumes interrupted runs, shares work among processes."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from mmcrossformer.apis.draw import LONGEST_JPEG, draw_fitted, encode_jpeg
from mmcrossformer.apis.prediction import Prediction, above
from mmcrossformer.apis.predictor import Predictor
from mmcrossformer.apis.thresholds import read_thresholds
from mmcrossformer.apis.tiles import OVERLAP, Tiling, check_tiling, predict_tiled
from mmcrossformer.commands.arguments import SCORE_THR
from mmcrossformer.commands.infer.folder import JOURNALS, describe_run, prepare_folder
from mmcrossformer.commands.infer.inputs import Source, count_frames, find_sources, read_images
from mmcrossformer.commands.infer.journal import FinishedRecords, Journal, Key, Record
from mmcrossformer.commands.infer.processes import Processes
from mmcrossformer.commands.infer.progress import Bar
from mmcrossformer.commands.infer.results import encode_segments, list_categories, make_record, write_predictions
from mmcrossformer.config.read import read_config
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.files import write_bytes, write_text

Item = TypeVar('Item')
ReadImage = tuple[Source, int | None, np.ndarray | UserError]

_JPEG_QUALITY = 95


@dataclass(frozen=True)
class Choices:
    """How to predict and what to keep.

    Attributes:
        short_side: Short side of the model input in pixels; None for that of the config.
        score_thr: Lowest score of objects and classes to keep; None keeps all, 'best' has one of each class.
        top: Number of classes of a classifier to keep.
        overlays: Whether to draw the predictions.
        tiles: Height and width of tiles in pixels; None for whole pictures.
        overlap: Overlap of tiles as a share of them; None for the default, or without tiles.
    """

    short_side: int | None = None
    score_thr: float | str | None = None
    top: int = 5
    overlays: bool = False
    tiles: int | None = None
    overlap: float | None = None

    @property
    def tiling(self) -> Tiling | None:
        """How to cut pictures; None for whole ones."""
        return None if self.tiles is None else Tiling(self.tiles, OVERLAP if self.overlap is None else self.overlap)


@dataclass(frozen=True)
class Summary:
    """Summary of a run.

    Attributes:
        images: Images and frames with results, those of earlier runs included.
        earlier: Number of these from earlier runs.
        failed: Reason for each file with missing results.
    """

    images: int
    earlier: int
    failed: dict[str, str]


def infer(
    config: str,
    checkpoint: str,
    inputs: Sequence[str],
    out: Path,
    choices: Choices,
    processes: Processes,
    *,
    options: dict | None = None,
    device: str = 'cpu',
    overwrite: bool = False,
) -> Summary:
    """Predicts on all inputs and writes the results; docs/inference.md describes the files.

    Args:
        config: Config file.
        checkpoint: Weights of the model.
        inputs: Files, folders and patterns.
        out: Folder for the results.
        choices: How to predict and what to keep.
        processes: Processes that share the work.
        options: Settings of the config to replace, by dotted name.
        device: Device of the model.
        overwrite: Whether to replace results of another run in the folder.

    Returns:
        Summary of the run, the same in all processes.

    Raises:
        UserError: Inputs, config, checkpoint or folder cannot be used.
    """
    with processes.fail_together():
        # The first process lists the files, so that all take their share of the same list.
        sources = find_sources(inputs, excluded=out) if processes.is_first else []
        cfg = read_config(config, options)
        predictor = Predictor(cfg, checkpoint, device=processes.device(device))
        _check_use(predictor, config, checkpoint, choices)
        score_thr = _read_score_thr(predictor, checkpoint, choices)
        run = describe_run(cfg, checkpoint, dict(vars(choices), score_thr=_plain(score_thr)))
        if processes.is_first:
            prepare_folder(out, run, overwrite)
    sources = processes.broadcast(sources)
    finished = FinishedRecords(out / JOURNALS)
    with processes.fail_together():  # also waits: no process writes while others still read
        finished.check_names(sources)
    summary = Summary(0, sum(1 for _ in finished.images(sources)), {})
    with processes.keep_alive():
        failed = _Worker(predictor, choices, score_thr, out).work(sources, finished, processes)
    parts = processes.gather(failed)
    with processes.keep_alive():
        if processes.is_first:
            finished = FinishedRecords(out / JOURNALS)
            failed = _collect_failures(parts, sources, finished)
            _write_failed(out, failed)
            summary = Summary(_assemble(out, sources, finished, predictor), summary.earlier, failed)
    return processes.broadcast(summary)


def _check_use(predictor: Predictor, config: str, checkpoint: str, choices: Choices) -> None:
    if not predictor.classes:
        raise UserError(
            f'neither {checkpoint} nor {config} names the classes: '
            'set them with --cfg-options "test_dataloader.dataset.metainfo.classes=[...]"'
        )
    if choices.tiling is not None:
        check_tiling(predictor)
    if predictor.task == 'segmentation' and choices.score_thr is not None:
        raise UserError('--score-thr is for detectors and classifiers: a segmenter predicts a class for each pixel')


def _read_score_thr(predictor: Predictor, checkpoint: str, choices: Choices) -> float | np.ndarray | None:
    """Returns the lowest score that is kept, or that of each class."""
    if isinstance(choices.score_thr, str):
        return read_thresholds(checkpoint, predictor.classes)
    return choices.score_thr


def _plain(score_thr: float | np.ndarray | None) -> float | list[float] | None:
    return score_thr.tolist() if isinstance(score_thr, np.ndarray) else score_thr


def _assemble(out: Path, sources: Sequence[Source], finished: FinishedRecords, predictor: Predictor) -> int:
    """Writes the final files of a run; returns the number of images."""
    first = next(finished.images(sources), None)
    task = finished.read(*first)['task'] if first else predictor.task  # segmentation for a panoptic detector
    categories = list_categories(task, predictor.classes, predictor.palette)
    return write_predictions(out, finished, sources, task, categories)


class _Worker:
    """Predicts and stores the results."""

    def __init__(self, predictor: Predictor, choices: Choices, score_thr: float | np.ndarray | None, out: Path) -> None:
        self.predictor, self.choices, self.score_thr, self.out = predictor, choices, score_thr, out

    def work(self, sources: Sequence[Source], finished: FinishedRecords, processes: Processes) -> dict[str, str]:
        """Processes this process's share of the open images; returns the reason for each file that failed."""
        failed: dict[str, str] = {}
        images = prefetch(_read_share(sources, finished, processes))
        total = _count(sources, finished, processes)
        with Journal(self.out / JOURNALS / f'{processes.rank}.jsonl') as journal, Bar(total, processes) as bar:
            for source, frame, image in images:
                result = image if isinstance(image, UserError) else self._predict(source, frame, image)
                if isinstance(result, UserError):
                    failed[str(source.path)] = str(result)
                    if processes.is_first:  # failures of other processes are printed at the end, each once
                        _print_skipped(str(result))
                else:
                    journal.append(Key.of(source, frame), result)
                bar.advance()
        return failed

    def _predict(self, source: Source, frame: int | None, image: np.ndarray) -> Record | UserError:
        try:
            prediction = self._predict_image(image)
        except torch.OutOfMemoryError:
            size = ' x '.join(map(str, image.shape[:2]))
            advice = '--tiles' if self.choices.tiles is None else 'smaller --tiles'
            return UserError(
                f'{source.path} ({size} pixels) needs more memory than is available: '
                f'try a smaller --short-side or {advice}'
            )
        except Exception as error:  # host libraries can raise anything; other images continue
            return UserError(f'{source.path}: {type(error).__name__}: {" ".join(str(error).split())}')
        if not _is_finite(prediction):
            return UserError(f'{source.path}: the model predicts values that are not finite: check its weights')
        if isinstance(self.score_thr, np.ndarray):
            self._check(prediction)  # each class needs a threshold
        prediction = above(prediction, 0.0 if self.score_thr is None else self.score_thr)
        self._check(prediction)
        name = source.name_of(frame)
        if prediction.segments is not None:
            self._write(f'segments/{name}.png', encode_segments(prediction.segments, self.predictor.palette))
        if self.choices.overlays:
            self._write(f'overlays/{name}.jpg', self._draw(image, prediction))
        height, width = image.shape[:2]
        return dict(width=width, height=height, **make_record(prediction, self.choices.top))

    def _predict_image(self, image: np.ndarray) -> Prediction:
        if (tiling := self.choices.tiling) is None:
            return self.predictor(image, self.choices.short_side)
        return predict_tiled(self.predictor, image, tiling, self.choices.short_side)

    def _check(self, prediction: Prediction) -> None:
        """Raises a `UserError` if the model has more classes than names."""
        names = len(self.predictor.classes)
        if prediction.segments is None and len(prediction.labels) and prediction.labels.max() >= names:
            raise UserError(f'the model predicts more classes than the {names} that are named')

    def _draw(self, image: np.ndarray, prediction: Prediction) -> bytes:
        if prediction.task == 'detection' and self.choices.score_thr is None:
            prediction = above(prediction, SCORE_THR)
        side = min(max(image.shape[:2]), LONGEST_JPEG)
        drawn = draw_fitted(image, prediction, self.predictor.classes, self.predictor.palette, side)
        return encode_jpeg(drawn, _JPEG_QUALITY)

    def _write(self, name: str, data: bytes) -> None:
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data)


def _is_finite(prediction: Prediction) -> bool:
    boxes = np.zeros(0) if prediction.boxes is None else prediction.boxes
    return bool(np.isfinite(prediction.scores).all() and np.isfinite(boxes).all())


def prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """Fetches the next item in a thread while the caller works on the current one."""
    iterator = iter(items)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(list, islice(iterator, 1))
        while taken := coming.result():  # a list of one item, empty at the end
            coming = pool.submit(list, islice(iterator, 1))
            yield from taken


def _read_share(sources: Sequence[Source], finished: FinishedRecords, processes: Processes) -> Iterator[ReadImage]:
    """Reads this process's share of the open images; yields the error in place of an image that cannot be read."""
    for source, wanted in _share(sources, finished, processes):
        frame = None
        try:
            for frame, image in read_images(source, wanted):
                yield source, frame, image
        except UserError as error:
            yield source, frame, error


def _share(
    sources: Sequence[Source], finished: FinishedRecords, processes: Processes
) -> Iterator[tuple[Source, Callable[[int], bool]]]:
    """Yields the sources of this process, each with a function that selects its frames of a video."""
    rank, number = processes.rank, processes.number
    open_ones = [source for source in sources if not source.is_video and Key.of(source, None) not in finished]
    mine = set(open_ones[rank::number])
    for source in sources:
        if source in mine or source.is_video:
            yield source, partial(_is_mine, source, finished, processes)


def _is_mine(source: Source, finished: FinishedRecords, processes: Processes, frame: int) -> bool:
    return frame % processes.number == processes.rank and Key.of(source, frame) not in finished


def _count(sources: Sequence[Source], finished: FinishedRecords, processes: Processes) -> int:
    """Estimates the number of images of this process; the headers of videos may be wrong."""
    frames = [(source, wanted) for source, wanted in _share(sources, finished, processes)]
    return sum(sum(map(wanted, range(count_frames(source)))) if source.is_video else 1 for source, wanted in frames)


def _collect_failures(
    parts: Sequence[dict[str, str]], sources: Sequence[Source], finished: FinishedRecords
) -> dict[str, str]:
    """Merges the failed files of all processes, and adds files whose results are missing without a reason."""
    failed = {name: reason for part in reversed(parts) for name, reason in part.items()}
    frames: dict[Source, list[int | None]] = {}
    for source, frame in finished.images(sources):
        frames.setdefault(source, []).append(frame)
    for source in sources:
        found = frames.get(source, [])
        if not found or (source.is_video and found != [*range(len(found))]):
            reason = f'{source.path}: results are missing. Every process must see the same folder --out'
            failed.setdefault(str(source.path), reason)
    for name in sorted(failed.keys() - parts[0].keys()):
        _print_skipped(failed[name])
    return failed


def _print_skipped(reason: str) -> None:
    print(f'skipped: {reason}', file=sys.stderr)


def _write_failed(out: Path, failed: dict[str, str]) -> None:
    """Writes the list of failed files, or removes it if there are none."""
    path = out / 'failed.txt'
    path.unlink(missing_ok=True)
    if failed:
        write_text(path, ''.join(f'{name}\t{reason}\n' for name, reason in sorted(failed.items())))
