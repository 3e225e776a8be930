"""Colours, sizes and files of all figures."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from PIL import Image

from mmcrossformer.utils.figures import prepare_texts, write_figure
from mmcrossformer.utils.files import atomic_write

# Okabe and Ito's colours, which are distinct for colour-blind readers.
COLOURS = ('#0072B2', '#E69F00', '#009E73', '#CC79A7', '#56B4E9', '#D55E00', '#F0E442')
OTHER = '#999999'
# Colour maps of magnitudes, and of signed values with 0 in white.
SCALE = 'viridis'
DIVERGING = 'PuOr'
DPI = 100


def new_figure(width: float, height: float, title: str | None = None) -> Figure:
    """Makes an empty figure.

    Args:
        width: In inches; 12 for the width of a README.
        height: In inches.
        title: Heading.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, layout='constrained')
    if title is not None:
        figure.suptitle(title)
    return figure


def add_scale(
    figure: Figure, drawn: ScalarMappable, axes: Axes | Sequence[Axes], label: str = '', cut: bool = False
) -> None:
    """Adds a colour bar beside the axes it belongs to.

    Args:
        figure: The figure.
        drawn: The drawing with the colours.
        axes: One or several axes.
        label: Quantity with its unit.
        cut: Whether values beyond both ends have the colours of the ends.
    """
    bar = figure.colorbar(drawn, ax=axes, label=label, fraction=0.046, pad=0.02, extend='both' if cut else 'neither')
    bar.ax.tick_params(labelsize='x-small')


def save(figure: Figure, path: str | Path, palette: int | None = None) -> None:
    """Writes a figure as a PNG.

    Args:
        figure: The figure.
        path: File to write.
        palette: Number of colours to reduce it to, at most 256; None keeps all.
    """
    if palette is None:
        write_figure(path, figure, pil_kwargs=dict(optimize=True))
        return
    prepare_texts(figure)
    content = BytesIO()
    figure.savefig(content, format='png')
    # This method keeps colours that are rare, such as that of a frame.
    method = Image.Quantize.MAXCOVERAGE
    reduced = Image.open(content).convert('RGB').quantize(palette, method=method, kmeans=1)
    with atomic_write(path) as partial:
        reduced.save(partial, 'PNG', optimize=True)
