"""Writes docs/model_zoo.md from configs/metafile.yml.

python docs/make_zoo.py
"""

from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
HEAD = """# Model zoo

<!-- Written by docs/make_zoo.py from configs/metafile.yml: change that file and run the program. -->

Every config builds, takes a training step and predicts (`tests/test_configs.py`). *Published* figures are the papers'
and the official program's; none of these models was trained here. *Measured here* are parameters and multiply-adds
(MACs) of our models, counted by torch's flop counter with attention and padding included on the image that the heading
names: `python tools/analyze.py CONFIG --shape HEIGHT WIDTH` prints them part by part.

- A name without detail has groups of 7 tokens at every stage (`g7`: G = 7, 7, 7, 7 and I = 8, 4, 2, 1), which the
  official configs for dense tasks use for every variant. `g14` has G = 14, 14, 7, 7 and I = 16, 8, 2, 1, whose cost the
  published COCO 1x rows carry: they stand there. Weights fit either.
- `3x`: 36 epochs and many scales. The authors released no config for it; scales and weight decay are those of mmdet's
  for Swin Transformer.
- CAT: `multiscale` and both Mask R-CNNs train at many scales, the others at one; Semantic FPN for 80,000 iterations, or
  for 160,000 (`160k`). The ImageNet recipe is that of CrossFormer, the others are as published. The published
  rows of its cascade have boxes alone: they stand with Cascade R-CNN, whose heads are mmdet's. Heads and necks of FCOS
  and ATSS are mmdet's too.
- `multires`: trained at 224, 160 and 128 pixels in each step ([resolutions](resolutions.md)); the authors published no
  such model.
- Mask2Former and DINO are not the authors': recipes of the host libraries with the backbone replaced.
- CrossViT is timm's (`pip install 'mmcrossformer[timm]'`): top-1 is that of timm's table of results, the schedule here
  CrossFormer's and not its authors'. `dagger`: the variants with three convolutions as stem. `408px`: 408 x 408 pixels.
- ImageNet: top-1 at the size that the heading names. COCO: val2017. ADE20K: val, single scale, and with many scales and
  flips (`ms`).
"""
TAIL = """
## Where counts and published figures differ

**Parameters** agree within 0.2 M everywhere but for RetinaNet on CrossFormer++-S, whose published row repeats the size
and cost of CrossFormer-S.

**MACs on ImageNet** agree within 2 %, except CrossFormer++-S (4.39 G here, 4.9 G published): the published figure
equals that of CrossFormer-S, and the larger CrossFormer++ agree; and CAT-S (6.06 G here, 5.9 G published), whose
smaller and larger variants agree.

**MACs of detectors and segmenters** are 3 to 16 % lower here. Heads and necks cannot be the reason for detectors: on
the same backbone the difference is the same for RetinaNet, Mask R-CNN and Cascade Mask R-CNN (20.2 to 20.6 G with
CrossFormer-S and `g7`). At 224 x 224, where groups need next to no padding, it is absent, which points to padding:

- The official program pads before it computes queries, keys and values and removes the padding after the output
  projection; here nothing is computed for padding, in attention either. By the shapes of the maps this is 5.4 G of the
  20.3 G for CrossFormer-S at 800 x 1280.
- The remaining 15 G (1.2 G a block) we cannot explain; the rules of the counter behind the published figures are not
  described. The UPerNet rows, and Semantic FPN on CrossFormer++-B, lie another 11 G higher, which is no part of the
  backbone either.
"""
DATASETS = {
    'ImageNet-1k': 'ImageNet-1k, classification',
    'COCO': 'COCO, boxes and masks',
    'COCO Panoptic': 'COCO, panoptic',
    'ADE20K': 'ADE20K, semantic segmentation',
}
SHORT = {'Top 1 Accuracy': 'top-1', 'mIoU (ms+flip)': 'ms mIoU'}


def main() -> None:
    """Writes the page."""
    (ROOT / 'docs' / 'model_zoo.md').write_text(page((ROOT / 'configs' / 'metafile.yml').read_text()))


def page(metafile: str) -> str:
    """Returns the page that a metafile gives."""
    models = yaml.safe_load(metafile)['Models']
    tables = []
    for (data, size), group in groupby(models, lambda m: (m['Metadata']['Training Data'], m['Measured here']['Input'])):
        tables.append(f'\n## {DATASETS[data]}, {size}\n\n{table(list(group))}')
    return HEAD + ''.join(tables) + TAIL


def table(models: list[dict[str, Any]]) -> str:
    """Returns one table, a row for each model."""
    metrics = [metric for model in models for result in model.get('Results', []) for metric in result['Metrics']]
    metrics = list(dict.fromkeys(metrics))
    head = ['config', *(f'published: {SHORT.get(metric, metric)}' for metric in metrics)]
    head += ['published: params', 'published: MACs', 'measured here: params', 'measured here: MACs']
    rows = [row(model, metrics) for model in models]
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in [head, ['---'] * len(head), *rows]) + '\n'


def row(model: dict[str, Any], metrics: list[str]) -> list[str]:
    """Returns the cells of a model."""
    found = {key: value for result in model.get('Results', []) for key, value in result['Metrics'].items()}
    published, measured = model.get('Published', {}), model['Measured here']
    doubt = ' (doubtful)' if 'Doubtful' in published else ''
    cells = [f'[{model["Name"]}](../{model["Config"]})', *(str(found.get(metric, '-')) for metric in metrics)]
    for figures, mark in ((published, doubt), (measured, '')):
        for key, unit in (('Parameters (M)', 'M'), ('MACs (G)', 'G')):
            cells.append(f'{figures[key]} {unit}{mark}' if key in figures else '-')
    return cells


if __name__ == '__main__':
    main()
