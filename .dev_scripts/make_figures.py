"""Draws all pictures of README.md and docs/architecture.md, with a Mask R-CNN trained on the digits.

python .dev_scripts/make_figures.py work_dirs/demo/mask_rcnn_crossformer_t_digits.py work_dirs/demo/epoch_3.pth
"""

import argparse
from pathlib import Path

import make_architecture
import torch

from mmcrossformer.apis import Predictor, read_image
from mmcrossformer.utils.errors import UserError, run
from mmcrossformer.visual import (
    Placement,
    draw_groups,
    draw_objects,
    draw_position_bias,
    draw_pyramid,
    probe,
    save,
)
from mmcrossformer.visual.style import new_figure

IMAGES = Path(__file__).parent.parent / 'docs' / 'images'
SCORE = 0.5
# Scene, and a pixel on one of its digits, of the pictures of the backbone.
SCENE, PIXEL = 3, (52, 128)
# Larger than in training, with the intervals of dense tasks, so that the last SDA and LDA of stage 3 differ.
SHORT_SIDE, INTERVAL, STAGE = 224, [8, 4, 2, 1], 2


def main() -> None:
    """Draws all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a detector trained on the digits')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--scenes', type=Path, default=Path('data/digits/images/val'), help='folder of scenes')
    args = parser.parse_args()
    scenes = sorted(args.scenes.glob('*.jpg'))[:8]
    if len(scenes) < 8:
        raise UserError(
            f'--scenes {args.scenes} has {len(scenes)} images, at least 8 are required: train on the digits first'
        )
    IMAGES.mkdir(exist_ok=True)
    draw_scenes(Predictor(args.config, args.checkpoint), scenes)
    draw_backbone(args.config, args.checkpoint, scenes[SCENE])
    make_architecture.main()


def draw_scenes(predictor: Predictor, scenes: list[Path]) -> None:
    """Draws eight scenes in two rows, with the predictions of the detector."""
    figure = new_figure(12, 6.2)
    for axis, path in zip(figure.subplots(2, 4).flat, scenes, strict=True):
        image = read_image(path)
        draw_objects(axis, image, predictor(image), predictor.classes, SCORE)
    save(figure, IMAGES / 'digits.png', palette=256)


def draw_backbone(config: str, checkpoint: str, scene: Path) -> None:
    """Draws groups, position bias and pyramid of the backbone for a scene."""
    predictor = Predictor(config, checkpoint, {'model.backbone.interval': INTERVAL})
    backbone, image = predictor.model.backbone, read_image(scene)
    batch = predictor.prepare(image, SHORT_SIDE)
    placement = Placement.from_batch(image, batch)
    last = len(backbone.stages[STAGE].blocks)
    tokens = probe(backbone, batch['inputs'], placement.pixel(*PIXEL), [(STAGE, last - 2), (STAGE, last - 1)])
    save(draw_groups(placement, tokens), IMAGES / 'inside_groups.png', palette=256)
    bias = draw_position_bias(backbone, placement.input_size)
    save(bias, IMAGES / 'inside_bias.png', palette=256)
    with torch.no_grad():
        save(draw_pyramid(placement, backbone(batch['inputs'])), IMAGES / 'inside_pyramid.png', palette=256)


if __name__ == '__main__':
    run(main)
