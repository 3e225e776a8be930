"""Writes configs/README.md, a table for each method, from the configs' first lines and configs/metafile.yml.

python .dev_scripts/make_configs.py
"""

import re
import runpy
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
CONFIGS = ROOT / 'configs'
ZOO = runpy.run_path(str(ROOT / '.dev_scripts' / 'make_zoo.py'))
HEAD = """# Configs by method

<!-- Written by .dev_scripts/make_configs.py from the configs and metafile.yml: change these and run it. -->

`mmcrossformer train NAME` takes a config by its name, `mmcrossformer configs WORD` searches them. *Published* figures
are those of the papers, for CrossViT of timm's table of results; none of these models was trained here. Parameters and
multiply-adds (MACs) are counted here, on an image of the size beside them. The [model zoo](../docs/model_zoo.md) has
published costs, too, and the accounts behind them; what the small configs reach: [digits](../docs/digits.md).

A config puts parts of `_base_` together, one each of:

- `models`: neck, heads and their training, without a backbone;
- `backbones`: `backbone` for maps, `classifier_backbone` for classifiers, and the `channels` of the maps; ours and some
  of the host libraries;
- `groups`, with CrossFormer in detectors and segmenters: a setting of group sizes, intervals and scope;
- `datasets`, `schedules` and `runtime`.

It says how backbone, groups and channels go into the model ([how to write one](../docs/own_config.md#parts-of-ours)).
"""
# Prefix of a name -> heading; all other configs are classifiers.
METHODS = {
    'mask_rcnn': 'Mask R-CNN: boxes and masks',
    'cascade_mask_rcnn': 'Cascade Mask R-CNN: boxes and masks',
    'cascade_rcnn': 'Cascade R-CNN: boxes',
    'retinanet': 'RetinaNet: boxes',
    'fcos': 'FCOS: boxes',
    'atss': 'ATSS: boxes',
    'dino': 'DINO: boxes',
    'mask2former': 'Mask2Former: instances, panoptic and semantic segmentation',
    'upernet': 'UPerNet: semantic segmentation',
    'semantic_fpn': 'Semantic FPN: semantic segmentation',
    '': 'Classifiers',
}


def main() -> None:
    """Writes the page."""
    (CONFIGS / 'README.md').write_text(page())


def page() -> str:
    """Returns the page."""
    models = {model['Name']: model for model in yaml.safe_load((CONFIGS / 'metafile.yml').read_text())['Models']}
    rows: dict[str, list[list[str]]] = {method: [] for method in METHODS}
    for path in sorted(CONFIGS.glob('*.py')):
        method = next(method for method in METHODS if path.stem.startswith(method))
        rows[method].append(row(path, models.get(path.stem, {})))
    head = ['config', 'what it is', 'published', 'params', 'MACs', 'image']
    return HEAD + ''.join(f'\n## {title}\n\n{ZOO["markdown"](head, rows[name])}' for name, title in METHODS.items())


def row(path: Path, model: dict[str, Any]) -> list[str]:
    """Returns the row of a config."""
    figures = [figure for result in model.get('Results', []) for figure in result['Metrics'].items()]
    measured = model.get('Measured here', {})
    return [
        f'[{path.stem}]({path.name})',
        first_sentence(path),
        ', '.join(f'{ZOO["SHORT"].get(metric, metric)} {value}' for metric, value in figures) or '-',
        *ZOO['costs'](measured),
        measured.get('Input', '-'),
    ]


def first_sentence(path: Path) -> str:
    """Returns the first sentence of the comment at the top of a config."""
    comment = re.match(r'(# .*\n)+', path.read_text())
    assert comment, f'{path} does not start with a comment'
    return comment[0].replace('\n# ', ' ').removeprefix('# ').strip().partition('. ')[0].removesuffix('.')


if __name__ == '__main__':
    main()
