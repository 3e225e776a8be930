"""Writes docs/resolutions.md and its plot from docs/resolutions/*.json, which `mmcrossformer sweep` wrote.

python .dev_scripts/make_resolutions.py
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from mmcrossformer.commands.sweep.report import Point, Sweep, plot

ROOT = Path(__file__).parent.parent
DATA = ROOT / 'docs' / 'resolutions'
PICTURE = ROOT / 'docs' / 'images' / 'resolutions.png'
HEAD = """# Resolutions

<!-- Written by .dev_scripts/make_resolutions.py from docs/resolutions/*.json: change that file and run the program. -->

CrossFormer takes images of any size: position biases are computed from distances, and nothing is resized. But a model
that was trained at one size is not accurate at all others. This page covers training for several and testing at many.

## Training at several resolutions

`MultiResolutionClassifier` is mmpretrain's `ImageClassifier` for any backbone, neck and head, trained as
[ResFormer](https://arxiv.org/abs/2212.00776) is: each step has each image at several resolutions, augmented separately.
The loss is the head's at each of them, plus the smooth L1 distance between the features of neighbouring resolutions
before the last linear layer; its gradients only reach the lower one. Predictions, checkpoints and everything else are
those of `ImageClassifier`. `configs/crossformer_s_multires_imagenet.py` (224, 160 and 128 pixels) and
`configs/crossformer_t_multires_digits.py` (56, 40 and 32) are recipes. To convert another config:

```python
_base_ = 'configs/crossformer_s_imagenet.py'

model = dict(type='mmcrossformer.MultiResolutionClassifier', consistency_weight=1.0)
load, crop, *augment, pack = _base_.train_pipeline
views = [[dict(crop, scale=size), *augment] for size in (384, 224, 128)]
train_pipeline = [load, dict(type='MultiView', num_views=[1, 1, 1], transforms=views), pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
```

The log names the losses: `loss_224px`, `loss_consistency_160px`. Mixup and CutMix choose the same partners, ratios and
boxes for all resolutions of a step, since features of differently mixed images could not agree.

ResFormer-S, trained at 224, 160 and 128 pixels, reaches top-1 73.59, 78.24, 80.39, 82.16, 82.72 and 82.00 on ImageNet
at 96, 128, 160, 224, 384 and 512 pixels (*published*, for its own architecture). No CrossFormer was trained on ImageNet
here, and none is published that was trained in this way.

## Testing at many

<!-- run by tests/commands/test_resolution_sweep.py -->
```sh
mmcrossformer sweep CONFIG CHECKPOINT --sizes 128 160 224 384
```

tests a classifier, detector or segmenter with the test data and evaluator of its config, and writes table, plot and
json into the work directory. A resolution is the shorter side of the image that the test pipeline returns; all sizes in
the pipeline change by the same factor. Time is that of the model for an image, pre- and postprocessing included: the
median of the batches, without the first one. A resolution at which a model cannot run stays in the table, with the
error.
"""
RESULTS = """
## Digits, measured here

Classifiers of the [embedded digits](digits.md), 12 epochs, one run each, seed 0; `*_multires_*` takes three forward and
backward passes a step where the others take one. Images are stored at 64 x 64 pixels; larger resolutions are upsampled.

![Result and time over the resolution](images/resolutions.png)

Top-1 in percent; **bold**: a resolution of the training.
"""
# Remarks that the figures do not show.
NOTES = """
`lda_scope` changes nothing here: up to 112 pixels both scopes have the same groups in every block of these models
(`test_scopes_agree_at_all_resolutions_of_the_page`).

With 600 images, one run each, differences of two or three points are not significant. Swin-T is ahead at 56 pixels, its
training size; the results of the three models that were trained only at 56 are lower at all other sizes. Compared with
CrossFormer-T at one resolution, training at several gains 61 points at 32 and 40 pixels and 42 at 48, which was not a
training size; nothing at 56; above that neither is better throughout.

Between its training resolutions, the multi-resolution model is not equally good: `--sizes 30 34 36 38 42 44 46 52 60
68` yields 65.3, 23.3, 28.5, 73.2, 50.2, 56.2, 77.7, 68.5, 79.0 and 45.8. Where the first map has 9, 11 or 13 tokens a
side (33 to 36, 41 to 44 and 49 to 52 pixels), the result is below that of both neighbours, and at 7 (28 pixels) too: in
training, that map had 14, 10 and 8, and the layers between stages pad odd maps. At 15 (60 pixels) it is not. This was
not examined further.
"""
TIMES = """
Milliseconds for an image, one model after the other, with no other work of ours on a machine that is shared.
"""


def main() -> None:
    """Writes page and plot."""
    sweeps = load()
    if sweeps:
        plot(sweeps, PICTURE)
    (ROOT / 'docs' / 'resolutions.md').write_text(page(sweeps))


def load() -> list[Sweep]:
    """Reads the stored sweeps."""
    return [Sweep.load(path) for path in sorted(DATA.glob('*.json'))]


def page(sweeps: Sequence[Sweep]) -> str:
    """Returns the page for some sweeps."""
    if not sweeps:
        return HEAD
    return f'{HEAD}{RESULTS}\n{table(sweeps, result)}{NOTES}{TIMES}\n{table(sweeps, milliseconds)}\n{origin(sweeps)}'


def table(sweeps: Sequence[Sweep], cell: Callable[[Sweep, Point], str]) -> str:
    """Returns a table with one row for each resolution."""
    sizes = sorted({point.size for sweep in sweeps for point in sweep.points})
    rows = [['resolution', *(f'`{sweep.config}`' for sweep in sweeps)], ['---', *['---:'] * len(sweeps)]]
    for size in sizes:
        found = [[point for point in sweep.points if point.size == size] for sweep in sweeps]
        cells = [cell(sweep, points[0]) if points else '-' for sweep, points in zip(sweeps, found, strict=True)]
        rows.append([str(size), *cells])
    return ''.join(f'| {" | ".join(row)} |\n' for row in rows)


def result(sweep: Sweep, point: Point) -> str:
    """Returns the cell with the result of a model."""
    if point.result is None:
        return 'cannot run'
    return f'**{point.result:.1f}**' if point.size in sweep.trained_sizes else f'{point.result:.1f}'


def milliseconds(_: Sweep, point: Point) -> str:
    """Returns the cell with the time of a model."""
    return '-' if point.seconds is None else f'{1000 * point.seconds:.1f}'


def origin(sweeps: Sequence[Sweep]) -> str:
    """Returns the conditions of the sweeps, one line for all sweeps with the same."""
    lines: dict[str, list[str]] = {}
    for sweep in sweeps:
        settings = sweep.settings
        hardware = sweep.hardware.get('gpu') or f'{sweep.hardware["cpu"]}, {sweep.hardware["cores"]} cores'
        sizes = ' '.join(str(point.size) for point in sweep.points)
        run = (
            f'`mmcrossformer sweep CONFIG {sweep.checkpoint} --sizes {sizes} --device {settings["device"]}`, '
            f'{sweep.images} images in batches of {settings["batch_size"]}, {hardware}, '
            f'threads: {settings["threads"]}, torch {sweep.versions["torch"]}, revision {sweep.revision}'
        )
        lines.setdefault(run, []).append(f'`{sweep.config}`')
    return ''.join(f'- {", ".join(configs)}: {run}\n' for run, configs in lines.items())


if __name__ == '__main__':
    main()
