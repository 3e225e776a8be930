"""Writes docs/model_zoo.md from configs/metafile.yml and the counts of .dev_scripts/published_costs.py.

python .dev_scripts/make_zoo.py
"""

import runpy
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
COSTS = runpy.run_path(str(ROOT / '.dev_scripts' / 'published_costs.py'))
HEAD = """# Model zoo

<!-- Written by .dev_scripts/make_zoo.py from configs/metafile.yml and published_costs.py: change these and run it. -->

Every config builds, trains for one step and predicts (`tests/configs/test_configs.py`). *Published* figures are the
papers' and the official program's; none of these models was trained here. *Counted as published* are multiply-adds
(MACs) by the rules of the published ones, from the shapes of the models
([below](#where-counts-and-published-figures-differ)). *Measured here* are parameters and MACs of our models on the
image that the heading names, counted by torch's flop counter, attention included:
`mmcrossformer analyze CONFIG --shape HEIGHT WIDTH` prints them part by part.

- Detectors and segmenters with CrossFormer and CrossFormer++ have groups of 7 tokens at every stage (setting g7:
  G = 7, 7, 7, 7 and I = 8, 4, 2, 1), or larger ones in the first two (`g14`: G = 14, 14, 7, 7 and I = 16, 8, 2, 1).
  Long distance attention spans the whole map (`lda_scope='map'`). A published row is listed with the config that has
  its cost.
- `block`: g7 with long distance attention in blocks of G * I x G * I tokens (`lda_scope='block'`), the cheaper choice
  for very large images. Nothing was published for it. Weights fit every setting and both scopes, but the outputs
  differ.
- `3x`: 36 epochs and many scales. The authors released no config for it; scales and weight decay are those of mmdet's
  configs of Swin Transformer.
- CAT: `multiscale` and both Mask R-CNNs train at many scales, the others at one; Semantic FPN for 80,000 iterations, or
  for 160,000 (`160k`). The ImageNet recipe is that of CrossFormer, the others are as published. The published rows of
  its cascade have only boxes: they are listed with Cascade R-CNN, whose heads are mmdet's. Heads and necks of FCOS and
  ATSS are mmdet's too.
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

**Parameters** agree within 0.2 M everywhere except for RetinaNet on CrossFormer++-S, whose published row repeats the
size and cost of CrossFormer-S.

**MACs on ImageNet** agree within 2 %, except CrossFormer++-S (4.39 G here, 4.9 G published): the published figure
equals that of CrossFormer-S, and the larger CrossFormer++ agree; and CAT-S (6.06 G here, 5.9 G published), whose
smaller and larger variants agree.

**MACs of detectors and segmenters** were published by other rules than those of *measured here*: those of mmcv 1.2.7's
counter on the official program. `python .dev_scripts/published_costs.py` counts by these rules, only from the shapes of
the models:

- Convolutions count with their biases, linear layers without.
- Attention counts with its padding: SDA pads maps to multiples of G, LDA to multiples of I. The projections to queries,
  keys, values and outputs count for padding, too, and both products over padded groups.
- The MLP of the position bias counts once per block, over (2 G<sub>h</sub> - 1)(2 G<sub>w</sub> - 1) offsets.
- ReLU modules count with their outputs, pooling modules with their inputs.
- RoI heads count over 1,000 boxes, mask heads over 100.
- LayerNorm, SyncBN, GELU, softmax, functional ReLU and interpolation, RoIAlign, auxiliary heads and additions count
  nothing.

By these rules 20 of the 21 published costs are reproduced to the printed decimal. That counter prints two decimals,
which the papers round to one. For this reason the unrounded counts of four rows differ by 0.051 to 0.054 G from the
printed decimal: `retinanet_crossformer_b_coco`, `mask_rcnn_crossformer_b_g14_3x_coco`,
`semantic_fpn_crossformer_l_g14_ade20k` and `upernet_crossformer_s_ade20k`. The cost that is not reproduced is that of
RetinaNet on CrossFormer++-S: 268.8 G counted, 282.0 G published, as for CrossFormer-S.

The parts of the counts of CrossFormer-S, in G. *Measured here* is the sum of the first two parts and the position bias:
our models compute nothing for padding.

{account}
No row fits the other setting, and none fits LDA in blocks, counted with the padding of blocks, in either setting. No
program that has both cooling layers and LDA over the whole map was ever published: that the CrossFormer++ rows are of
this kind follows only from their costs (Mask R-CNN on CrossFormer++-S: 287.36 G counted with cooling layers, 287.31 G
without, 287.4 G published).

**An open question** is in which scope the published weights reach the published AP and mIoU. Scope `map` is inferred
from costs, dates and configs, and was *not measured*: no published weights were available. With COCO and the published
weights of Mask R-CNN on CrossFormer-S, you can measure it. This command tests scope `block`; without its last line it
tests scope `map`. The published results are 45.4 box AP and 41.4 mask AP.

<!-- not run: needs COCO and published weights -->
```sh
mmcrossformer test configs/mask_rcnn_crossformer_s_coco.py WEIGHTS \\
    --cfg-options model.backbone.lda_scope=block
```

WEIGHTS is the published file, unchanged.
"""
DATASETS = {
    'ImageNet-1k': 'ImageNet-1k, classification',
    'COCO': 'COCO, boxes and masks',
    'COCO Panoptic': 'COCO, panoptic',
    'ADE20K': 'ADE20K, semantic segmentation',
}
ACCOUNTS = {
    'retinanet_crossformer_s_coco': 'RetinaNet 1x',
    'mask_rcnn_crossformer_s_coco': 'Mask R-CNN 1x',
    'semantic_fpn_crossformer_s_g14_ade20k': 'Semantic FPN',
    'upernet_crossformer_s_ade20k': 'UPerNet',
}
SHORT = {'Top 1 Accuracy': 'top-1', 'mIoU (ms+flip)': 'ms mIoU'}


def main() -> None:
    """Writes the page."""
    (ROOT / 'docs' / 'model_zoo.md').write_text(page((ROOT / 'configs' / 'metafile.yml').read_text()))


def page(metafile: str) -> str:
    """Returns the page for a metafile."""
    models = yaml.safe_load(metafile)['Models']
    tables = []
    for (data, size), group in groupby(models, lambda m: (m['Metadata']['Training Data'], m['Measured here']['Input'])):
        tables.append(f'\n## {DATASETS[data]}, {size}\n\n{table(list(group))}')
    return HEAD + ''.join(tables) + TAIL.replace('{account}', account())


def table(models: list[dict[str, Any]]) -> str:
    """Returns a table with one row for each model."""
    metrics = [metric for model in models for result in model.get('Results', []) for metric in result['Metrics']]
    metrics = list(dict.fromkeys(metrics))
    counted = any(model['Name'] in COSTS['ROWS'] for model in models)
    head = ['config', *(f'published: {SHORT.get(metric, metric)}' for metric in metrics)]
    head += ['published: params', 'published: MACs', *['counted as published: MACs'] * counted]
    head += ['measured here: params', 'measured here: MACs']
    return markdown(head, [row(model, metrics, counted=counted) for model in models])


def row(model: dict[str, Any], metrics: list[str], *, counted: bool) -> list[str]:
    """Returns the row of a model."""
    found = {key: value for result in model.get('Results', []) for key, value in result['Metrics'].items()}
    published = model.get('Published', {})
    cells = [f'[{model["Name"]}](../{model["Config"]})', *(str(found.get(metric, '-')) for metric in metrics)]
    cells += costs(published, ' (doubtful)' if 'Doubtful' in published else '')
    if counted:
        of_row = COSTS['ROWS'].get(model['Name'])
        cells.append(f'{COSTS["count"](*of_row[:3]):.2f} G' if of_row else '-')
    return cells + costs(model['Measured here'])


def costs(figures: dict[str, Any], mark: str = '') -> list[str]:
    """Returns the cells of parameters and MACs, with an optional mark after each."""
    units = {'Parameters (M)': 'M', 'MACs (G)': 'G'}
    return [f'{figures[key]} {unit}{mark}' if key in figures else '-' for key, unit in units.items()]


def account() -> str:
    """Returns the table of the parts of published costs."""
    rows = []
    for name, title in ACCOUNTS.items():
        method, arch, setting, published = COSTS['ROWS'][name]
        parts = COSTS['account'](method, arch, setting).values()
        rows.append([f'{title}, {setting}', *(f'{part:.2f}' for part in (*parts, sum(parts))), str(published)])
    return markdown(['row', *COSTS['PARTS'], 'sum', 'published'], rows)


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Returns a table in Markdown."""
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in [head, ['---'] * len(head), *rows]) + '\n'


if __name__ == '__main__':
    main()
