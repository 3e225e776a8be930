"""Writes docs/field.md from docs/field.yml and configs/metafile.yml.

python .dev_scripts/make_field.py
"""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
# Column -> task and metric in configs/metafile.yml.
COLUMNS = {
    'top-1': ('Image Classification', 'Top 1 Accuracy'),
    'Mask R-CNN': ('Object Detection', 'box AP'),
    'UPerNet': ('Semantic Segmentation', 'mIoU'),
    'Semantic FPN': ('Semantic Segmentation', 'mIoU'),
}
EXAMPLE = 'MViTv2-T'  # shown on the page as a complete config
HEAD = """# The field

<!-- Written by .dev_scripts/make_field.py from docs/field.yml: change that file and run the program. -->

Alternatives to CrossFormer of about the size of CrossFormer-S: their published results, and which of them run here, as
a class of this project, of a host library or of timm. *Published* figures are not measured here and come from different
recipes; a letter names the source of each:

{sources}

## Published

Top-1 on ImageNet-1k in %; box AP on COCO of Mask R-CNN, 12 epochs; mIoU on ADE20K of UPerNet (160,000 iterations) and
of Semantic FPN (80,000), each at a single scale. Parameters are those of the classifier, in millions: for systems that
run here they agree with a count (`tests/docs/test_field.py`), for the others their source was not noted. `-`: no figure
was available.

{published}

## What runs here

{runs}

With its prefix a class works in configs of all three host libraries, and timm's models through mmpretrain's
`TimmClassifier` and `TIMMBackbone`, with the extra `timm`. Other sizes of these systems are settings of the same
classes, or other names. Files of `_base_/backbones` fit any config of ours
(`mmcrossformer compare CONFIG --backbones swin_t`); results: [backbones side by side](comparison.md).

The others are neither in mmdet, mmseg and mmpretrain nor in timm, in the versions that were tested together:
{elsewhere}.

## In a config

A backbone of a host library takes the place of ours in any config. {example}, in Mask R-CNN:

```python
_base_ = 'configs/mask_rcnn_crossformer_s_coco.py'

backbone = {backbone}
model = dict(backbone=dict(backbone, _delete_=True), neck=dict(in_channels={channels}))
```

The others without a config:

{settings}

A model of timm as a backbone, if timm returns its maps (`features_only`), and as a whole classifier:

```python
_base_ = 'configs/mask_rcnn_crossformer_s_coco.py'

backbone = dict(type='mmpretrain.TIMMBackbone', model_name='twins_pcpvt_small', features_only=True)
model = dict(backbone=dict(backbone, _delete_=True), neck=dict(in_channels=[64, 128, 320, 512]))
```

```python
_base_ = 'configs/crossvit_s_imagenet.py'

model = dict(model_name='pvt_v2_b2')
```

Models of timm that take images of one size, such as Swin's and DeiT's, also need `img_size=240` there. A file of
published weights is the model's `checkpoint_path`, as in CrossViT's configs; but if timm's class has a method
`init_weights`, as those two have, mmengine calls it afterwards and overwrites them: use `load_from` instead.

`tests/docs/test_field.py` runs a training step and a prediction of each. The recipes are CrossFormer's: to reproduce a
published result, use the recipe of that system.

## Simplified modules

`vit-pytorch` on PyPI has modules after some of these papers:
{simplified}.
They are simplified and come without weights, and nothing here uses them. In its CrossFormer (read in 1.26.11) queries,
keys and values have no bias, all heads share one position bias, nothing is padded, and the bias table has sides of
2G + 1 offsets but is indexed in steps of 2G - 1, so that pairs read the bias of other offsets.
"""


def main() -> None:
    """Writes the page."""
    field, metafile = ((ROOT / name).read_text() for name in ('docs/field.yml', 'configs/metafile.yml'))
    (ROOT / 'docs' / 'field.md').write_text(page(field, metafile))


def page(field: str, metafile: str) -> str:
    """Returns the page for field data and metafile."""
    content = yaml.safe_load(field)
    index = {model['Name']: model for model in yaml.safe_load(metafile)['Models']}
    systems = content['Systems']
    running = [system for system in systems if classes(system) or 'Timm' in system]
    shown = next(system for system in systems if system['Name'] == EXAMPLE)
    alone = [system for system in systems if 'Backbone' in system and system is not shown]
    return HEAD.format(
        sources='\n'.join(f'- `{letter}`: {source}' for letter, source in content['Sources'].items()),
        published=table(
            ['system', 'params', 'top-1', 'Mask R-CNN', 'UPerNet', 'Semantic FPN', ''],
            [published(system, index) for system in systems],
        ),
        runs=table(['system', 'class', 'timm', 'config'], [runs(system) for system in running]),
        elsewhere=', '.join(system['Name'] for system in systems if system not in running),
        example=EXAMPLE,
        backbone=shown['Backbone'],
        channels=shown['Channels'],
        settings=table(
            ['system', 'backbone', 'channels'],
            [[s['Name'], f'`{s["Backbone"]}`', f'`{s["Channels"]}`'] for s in alone],
        ),
        simplified=', '.join(
            f'[`{name}`](https://arxiv.org/abs/{paper})' for name, paper in content['Simplified'].items()
        ),
    )


def published(system: dict[str, Any], index: dict[str, Any]) -> list[str]:
    """Returns the row of a system in the table of published figures."""
    if 'Index' in system:
        params, found = read_metafile_figures([index[name] for name in system['Index']])
    else:
        params = str(system.get('Params', '-'))
        found = {column: f'{value} {source}' for column, (value, source) in system['Figures'].items()}
    paper = f'[{system["Name"]}](https://arxiv.org/abs/{system["Paper"]})'
    return [paper, params, *(found.get(column, '-') for column in COLUMNS), system.get('Note', '')]


def read_metafile_figures(models: list[dict[str, Any]]) -> tuple[str, dict[str, str]]:
    """Returns parameters and published figures of models of the metafile."""
    params, found = '-', {}
    for model in models:
        source = 'C' if model['In Collection'] == 'CrossViT' else 'P'
        for column, (task, metric) in COLUMNS.items():
            figures = {result['Task']: result['Metrics'] for result in model.get('Results', [])}.get(task, {})
            method = column.lower().replace(' ', '_').replace('-', '')
            if metric in figures and (column == 'top-1' or model['Name'].startswith(method)):
                found[column] = f'{figures[metric]} {source}'
            if column == 'top-1' and metric in figures:
                params = f'{model["Measured here"]["Parameters (M)"]:.0f}'
    return params, found


def runs(system: dict[str, Any]) -> list[str]:
    """Returns the row of a system in the table of available classes."""
    configs = [f'[{Path(name).name}](../configs/{name}.py)' for name in system.get('Configs', [])]
    timm = f'`{system["Timm"]}`' if 'Timm' in system else '-'
    return [
        system['Name'],
        ', '.join(f'`{name}`' for name in classes(system)) or '-',
        timm,
        ', '.join(configs) or '[two lines of your own](#in-a-config)',
    ]


def classes(system: dict[str, Any]) -> list[str]:
    """Returns the names of the classes of a system: ours, and those of host libraries."""
    own = [f'mmcrossformer.{system["Ours"]}'] if 'Ours' in system else []
    return own + system.get('Hosts', [])


def table(head: list[str], rows: list[list[str]]) -> str:
    """Returns a table in Markdown."""
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in [head, ['---'] * len(head), *rows])


if __name__ == '__main__':
    main()
