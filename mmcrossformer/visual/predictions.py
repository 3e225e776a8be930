"""Figures of predictions: the drawing of `apis.draw` with a title, a legend or a chart of scores."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mmcrossformer.apis.colors import Color
from mmcrossformer.apis.draw import OPACITY, draw_fitted
from mmcrossformer.apis.prediction import Prediction, above
from mmcrossformer.utils.labels import class_labels, legend_label
from mmcrossformer.visual.style import COLOURS, OTHER, new_figure

_TOP = 5
_WIDTH = 8.0  # of an image, in inches
_MAX_HEIGHT = 9.0
# Long side of the drawing in pixels: more than in the figure, so that it stays sharp.
_LONG_SIDE = 1600


def draw_predictions(
    image: np.ndarray, prediction: Prediction, classes: Sequence[str], score_thr: float | np.ndarray = 0.3
) -> Figure:
    """Draws a prediction on an image.

    Args:
        image: Pixels [H, W, 3], uint8, RGB.
        prediction: The prediction.
        classes: Names of the classes; those without a name are shown by number.
        score_thr: Objects with lower scores are left out; a number, or that of each class [classes]. Not used for
            segments and classes of whole images.

    Returns:
        A figure with boxes, masks and labels of objects; segments with a legend, the largest first; or the five best
        classes as bars.
    """
    height, width = image.shape[:2]
    tall = min(_MAX_HEIGHT, max(2.5, _WIDTH * height / width)) + 0.8
    if prediction.task == 'classification':
        figure = new_figure(10, 4)
        left, right = figure.subplots(1, 2)
        _show(left, image, image)
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
        lowest = f'{score_thr:g}' if isinstance(score_thr, float | int) else 'the threshold of its class'
        axis.set_title(f'{count} {"object" if count == 1 else "objects"} with a score of at least {lowest}')
    return figure


def draw_objects(
    axis: Axes, image: np.ndarray, prediction: Prediction, classes: Sequence[str], score_thr: float | np.ndarray
) -> int:
    """Shows an image with the boxes, masks and labels of objects; neighbours differ in colour, whatever their class.

    Args:
        axis: Where to draw.
        image: Pixels [H, W, 3], uint8, RGB.
        prediction: Of a detector.
        classes: Names of the classes.
        score_thr: Objects with lower scores are left out.

    Returns:
        Number of objects shown.
    """
    shown = above(prediction, score_thr)
    palette = [_rgb(colour) for colour in COLOURS]
    _show(axis, draw_fitted(image, shown, classes, palette, _LONG_SIDE, color_by='object'), image)
    return len(shown.labels)


def draw_segments(axis: Axes, image: np.ndarray, prediction: Prediction, classes: Sequence[str]) -> list[Patch]:
    """Shows an image under its segments: the largest classes have a colour each, the others share grey.

    Args:
        axis: Where to draw.
        image: Pixels [H, W, 3], uint8, RGB.
        prediction: Of a segmenter.
        classes: Names of the classes; pixels without a class are not coloured.

    Returns:
        Handles of a legend.
    """
    segments = prediction.segments
    assert segments is not None, f'{prediction.task} finds no segments'
    found, counts = np.unique(segments[segments < len(classes)] if classes else segments, return_counts=True)
    order = np.argsort(-counts, kind='stable')
    named, rest = order[: len(COLOURS)], order[len(COLOURS) :]
    colours = [*COLOURS[: len(named)], *[OTHER] * len(rest)]
    # Relabels classes by indices of these colours; -1 for none.
    places = np.full(segments.shape, -1)
    for place, i in enumerate(order):
        places[segments == found[i]] = place
    relabelled = replace(prediction, segments=places)
    _show(axis, draw_fitted(image, relabelled, classes, [_rgb(colour) for colour in colours], _LONG_SIDE), image)
    names = map(legend_label, class_labels(classes, found[named]))
    texts = [f'{name} ({counts[i] / segments.size:.1%})' for name, i in zip(names, named, strict=True)]
    if len(rest):
        texts.append(f'{len(rest)} more ({counts[rest].sum() / segments.size:.1%})')
    return [Patch(color=colour, alpha=OPACITY, label=text) for colour, text in zip(colours, texts, strict=False)]


def draw_scores(axis: Axes, prediction: Prediction, classes: Sequence[str]) -> None:
    """Draws the best classes of an image as bars, the best on top."""
    labels, scores = prediction.labels[:_TOP], prediction.scores[:_TOP]
    bars = axis.barh(range(len(labels)), scores, color=COLOURS[0])
    axis.bar_label(bars, [f'{score:.3f}' for score in scores], padding=3)
    axis.set_yticks(range(len(labels)), class_labels(classes, labels))
    axis.set(xlim=(0, 1.15), xlabel='score', title=f'best {len(labels)} of {len(prediction.labels)} classes')
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axis.invert_yaxis()
    axis.spines[['top', 'right']].set_visible(False)


def _show(axis: Axes, drawn: np.ndarray, image: np.ndarray) -> None:
    """Shows a drawing of an image; pixel i of the image extends from i to i + 1, as in box coordinates."""
    axis.imshow(drawn, extent=(0, image.shape[1], image.shape[0], 0))
    axis.set_axis_off()


def _rgb(colour: str) -> Color:
    red, green, blue = (round(255 * part) for part in to_rgb(colour))
    return red, green, blue
