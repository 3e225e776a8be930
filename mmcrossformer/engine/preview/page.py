"""Writes the preview of a training as one HTML page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from mmcrossformer.apis.colors import Color, get_palette
from mmcrossformer.apis.draw import draw_prediction, encode_jpeg, fitted_size, resize_prediction
from mmcrossformer.apis.prediction import Prediction
from mmcrossformer.apis.report.examples import data_uri
from mmcrossformer.engine.check import Report, class_tables
from mmcrossformer.engine.preview.annotations import describe_classes, read_annotations
from mmcrossformer.engine.preview.batches import View, first_pictures
from mmcrossformer.utils.errors import innermost
from mmcrossformer.utils.files import write_text
from mmcrossformer.utils.names import relative_names
from mmcrossformer.utils.pages import render_page

_PICTURES = 16
_SIDE = 400  # long side in pixels
_JPEG_QUALITY = 85


@dataclass(frozen=True)
class Shown:
    """A picture of the page.

    Attributes:
        name: Path of its file below the deepest folder of all pictures; empty for data sets without files.
        classes: Classes of the whole picture, see `describe_classes`.
        views: For each resolution the size, such as `224 x 224`, and the picture as a data URI.
    """

    name: str
    classes: str
    views: list[tuple[str, str]]


def write_preview(cfg: Config, report: Report | None, path: str | Path) -> str:
    """Writes the first training pictures as the network gets them, the class table and the findings of the check.

    Nothing of the training changes: random numbers go on as they were, and no worker stays. Call it in the first
    process, before the process group exists.

    Args:
        cfg: Config to train, whose data exist.
        report: What the check found; None if nothing was checked.
        path: File to write, a single one without external resources.

    Returns:
        Why there are no pictures, or no page; empty if all is well. The training can run in either case.
    """
    pictures: list[Shown] = []
    legend: list[tuple[str, Color]] = []
    missing = ''
    try:
        pictures, legend = _draw(cfg)
    except Exception as error:  # data sets and steps of any library can raise anything; the rest is still useful
        missing = f'the training pictures cannot be drawn: {innermost(error)}'
    try:
        _write(Path(path), cfg, report, dict(pictures=pictures, legend=legend, missing=missing))
    except OSError as error:
        return f'{path} cannot be written: {error.strerror}'
    return missing and f'{path}: {missing}'


def _draw(cfg: Config) -> tuple[list[Shown], list[tuple[str, Color]]]:
    """Draws the pictures; returns them and, where pixels have classes, the colours of those that are seen."""
    found, meta = first_pictures(cfg, _PICTURES)
    classes = tuple(meta.get('classes') or ())
    palette = get_palette(meta, len(classes))
    files = [views[0].sample.get('img_path') or '' for views in found]
    names = relative_names(files) if all(files) else [Path(file).name for file in files]
    seen: set[int] = set()
    pictures = []
    for name, views in zip(names, found, strict=True):
        drawn = []
        for view in views:
            annotations = read_annotations(view.sample, view.pixels.shape[:2])
            seen |= {label for part in annotations for label in _labels_of_pixels(part)}
            height, width = view.pixels.shape[:2]
            image = encode_jpeg(_draw_view(view, annotations, classes, palette), _JPEG_QUALITY)
            drawn.append((f'{width} x {height}', data_uri(image)))
        pictures.append(Shown(name, describe_classes(views[0].sample, classes), drawn))
    return pictures, [(classes[label], palette[label]) for label in sorted(seen) if label < len(classes)]


def _draw_view(view: View, annotations: list[Prediction], classes: tuple[str, ...], palette: list[Color]) -> np.ndarray:
    """Scales a picture, pixels as they are, and draws on it."""
    size = fitted_size(view.pixels, _SIDE)
    rows = np.arange(size[0])[:, None] * view.pixels.shape[0] // size[0]
    columns = np.arange(size[1]) * view.pixels.shape[1] // size[1]
    canvas = view.pixels[rows, columns]
    for part in annotations:
        scaled = resize_prediction(part, view.pixels.shape[:2], size)
        canvas = draw_prediction(canvas, scaled, classes, palette, scores=False)
    return canvas


def _labels_of_pixels(part: Prediction) -> list[int]:
    return [] if part.segments is None else np.unique(part.segments).tolist()


def _write(path: Path, cfg: Config, report: Report | None, content: dict[str, Any]) -> None:
    findings = report.findings if report else []
    page = render_page(
        'mmcrossformer.engine.preview',
        name=Path(cfg.filename).stem if cfg.filename else 'training',
        checked=report is not None,
        errors=[finding.text for finding in findings if not finding.warning],
        warnings=[finding.text for finding in findings if finding.warning],
        tables=class_tables(report.contents) if report else [],
        **content,
    )
    write_text(path, page)
