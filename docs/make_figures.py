"""Draws the picture of README.md: held-out scenes with what a trained detector finds on them.

python docs/make_figures.py work_dirs/demo/mask_rcnn_crossformer_t_digits.py work_dirs/demo/epoch_3.pth
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from mmdet.apis import inference_detector, init_detector

IMAGES = Path(__file__).parent / 'images'
# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ('#0072B2', '#E69F00', '#009E73', '#CC79A7', '#56B4E9', '#D55E00', '#F0E442')


def main() -> None:
    """Draws eight scenes in two rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of a detector trained on the digits')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--scenes', type=Path, default=Path('data/digits/images/val'), help='folder of pictures')
    args = parser.parse_args()
    detector = init_detector(args.config, args.checkpoint, device='cpu')
    figure = Figure(figsize=(12, 6.2), dpi=64, layout='constrained')
    for axis, path in zip(figure.subplots(2, 4).flat, sorted(args.scenes.glob('*.jpg')), strict=False):
        draw(axis, cv2.imread(str(path)), detector)
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / 'digits.png', pil_kwargs=dict(optimize=True))


def draw(axis: Axes, picture: np.ndarray, detector: object) -> None:
    """Shows a picture [H, W, 3] uint8 BGR with the objects scored above 0.5."""
    found = inference_detector(detector, picture).pred_instances.numpy()
    axis.imshow(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    axis.set_axis_off()
    for i in np.flatnonzero(found.scores > 0.5):
        colour = COLOURS[i % len(COLOURS)]
        x1, y1, x2, y2 = found.bboxes[i]
        axis.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=colour, linewidth=2)
        axis.imshow(np.dstack([np.full((*found.masks[i].shape, 3), to_rgb(colour)), 0.45 * found.masks[i]]))
        label = f'{detector.dataset_meta["classes"][found.labels[i]]}: {found.scores[i]:.2f}'
        axis.text(x1, y1, label, va='bottom', fontsize=9, bbox=dict(facecolor='white', alpha=0.8, pad=1, linewidth=0))
    axis.set(xlim=(0, picture.shape[1]), ylim=(picture.shape[0], 0))


if __name__ == '__main__':
    main()
