"""Pictures of what a model predicts."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from mmcrossformer.apis.prediction import Prediction, class_name
from mmcrossformer.visual.style import COLOURS, OTHER, new_figure

_TOP = 5
_WIDTH = 8.0  # inches of a picture
_MAX_HEIGHT = 9.0


def draw_predictions(
    image: np.ndarray, prediction: Prediction, classes: Sequence[str], score_thr: float = 0.3
) -> Figure:
    """Draws what a model finds on an image.

    Args:
        image: Pixels [H, W, 3], uint8, RGB.
        prediction: What was found on it.
        classes: Names of the classes; those without one are shown by number.
        score_thr: Objects with lower scores are left out. Says nothing about segments and classes of whole images.

    Returns:
        Boxes, masks and labels of objects; segments with a legend, the largest first; or the five best classes of the
        image as bars.
    """
    height, width = image.shape[:2]
    tall = min(_MAX_HEIGHT, max(2.5, _WIDTH * height / width)) + 0.8
    if prediction.task == 'classification':
        figure = new_figure(10, 4)
        left, right = figure.subplots(1, 2)
        _show(left, image)
        draw_scores(right, prediction, classes)
        return figure
    figure = new_figure(_WIDTH, tall)
    axis = figure.subplots()
    if prediction.task == 'segmentation':
        legend = draw_segments(axis, image, prediction, classes)
        figure.legend(handles=legend, loc='outside lower center', ncols=4, fontsize='small', frameon=False)
        axis.set_title('segments, with their share of the image')
    else:
        count = draw_objects(axis, image, prediction, classes, score_thr)
        axis.set_title(f'{count} {"object" if count == 1 else "objects"} with a score of at least {score_thr:g}')
    return figure


def draw_objects(
    axis: Axes, image: np.ndarray, prediction: Prediction, classes: Sequence[str], score_thr: float
) -> int:
    """Shows an image with the boxes, masks and labels of objects; neighbours differ in colour, whatever their class.

    Args:
        axis: Where to draw.
        image: Pixels [H, W, 3], uint8, RGB.
        prediction: Of a detector.
        classes: Names of the classes.
        score_thr: Objects with lower scores are left out.

    Returns:
        How many objects are shown.
    """
    _show(axis, image)
    assert prediction.boxes is not None, f'{prediction.task} finds no objects'
    shown = [(i, COLOURS[n % len(COLOURS)]) for n, i in enumerate(np.flatnonzero(prediction.scores >= score_thr))]
    if prediction.masks is not None:
        # The best come first and lie on top.
        _overlay(axis, [(prediction.masks[i], colour) for i, colour in reversed(shown)], image.shape, 0.45)
    for i, colour in shown:
        x1, y1, x2, y2 = prediction.boxes[i]
        axis.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=2))
        label = f'{class_name(classes, prediction.labels[i])}: {prediction.scores[i]:.2f}'
        box = dict(facecolor='white', alpha=0.8, pad=1, linewidth=0)
        # Above the box, or inside where there is no room.
        inside = y1 < 0.08 * image.shape[0]
        axis.text(max(x1, 0), max(y1, 0), label, va='top' if inside else 'bottom', fontsize=9, bbox=box)
    return len(shown)


def draw_segments(axis: Axes, image: np.ndarray, prediction: Prediction, classes: Sequence[str]) -> list[Patch]:
    """Shows an image under its segments: the largest classes have a colour each, the others share grey.

    Args:
        axis: Where to draw.
        image: Pixels [H, W, 3], uint8, RGB.
        prediction: Of a segmenter.
        classes: Names of the classes; pixels of none of them stay bare.

    Returns:
        What a legend shows.
    """
    _show(axis, image)
    segments = prediction.segments
    assert segments is not None, f'{prediction.task} finds no segments'
    found, counts = np.unique(segments[segments < len(classes)] if classes else segments, return_counts=True)
    order = np.argsort(-counts, kind='stable')
    named, rest = order[: len(COLOURS)], order[len(COLOURS) :]
    layers = [(segments == found[i], colour) for colour, i in zip(COLOURS, named, strict=False)]
    texts = [f'{class_name(classes, found[i])} ({counts[i] / segments.size:.1%})' for i in named]
    if len(rest):
        layers.append((np.isin(segments, found[rest]), OTHER))
        texts.append(f'{len(rest)} more ({counts[rest].sum() / segments.size:.1%})')
    _overlay(axis, layers, image.shape, 0.6)
    return [Patch(color=colour, alpha=0.6, label=text) for (_, colour), text in zip(layers, texts, strict=True)]


def draw_scores(axis: Axes, prediction: Prediction, classes: Sequence[str]) -> None:
    """Draws the best classes of an image as bars, the best on top."""
    labels, scores = prediction.labels[:_TOP], prediction.scores[:_TOP]
    bars = axis.barh(range(len(labels)), scores, color=COLOURS[0])
    axis.bar_label(bars, [f'{score:.3f}' for score in scores], padding=3)
    axis.set_yticks(range(len(labels)), [class_name(classes, label) for label in labels])
    axis.set(xlim=(0, 1.15), xlabel='score', title=f'best {len(labels)} of {len(prediction.labels)} classes')
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axis.invert_yaxis()
    axis.spines[['top', 'right']].set_visible(False)


def _show(axis: Axes, image: np.ndarray) -> None:
    # Pixel i reaches from i to i + 1, as in the coordinates of boxes.
    axis.imshow(image, extent=(0, image.shape[1], image.shape[0], 0))
    axis.set_axis_off()


def _overlay(axis: Axes, layers: Iterable[tuple[np.ndarray, str]], shape: tuple[int, ...], opacity: float) -> None:
    """Lays colours over an image [H, W, ...], each where its mask [H, W] is true; the last one wins."""
    height, width = shape[:2]
    picture = np.zeros((height, width, 4), np.uint8)
    for mask, colour in layers:
        picture[mask] = [round(255 * part) for part in to_rgba(colour, opacity)]
    axis.imshow(picture, extent=(0, width, height, 0))
