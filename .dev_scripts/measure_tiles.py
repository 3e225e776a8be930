"""Measures recall and precision with and without tiles on one large scene of digits, for docs/large_images.md.

python .dev_scripts/measure_tiles.py CONFIG CHECKPOINT
"""

import resource
import sys
import time

import numpy as np

from mmcrossformer.apis import Prediction, Predictor, Tiling, above, predict_tiled
from mmcrossformer.datasets.scenes import Scene, compose_scene, load_digits, photographs

SIDE, TILE, OVERLAP = 4000, 400, 0.2
DIGITS, HEIGHTS = 100, (80.0, 1200.0)
RANGES = ((80, 200), (200, 400), (400, 1200))  # heights of digits, for recall by size
SCORE, IOU = 0.5, 0.5


def main() -> None:
    """Prints a table."""
    config, checkpoint = sys.argv[1:]
    predictor = Predictor(config, checkpoint)
    scene = make_scene()
    truth = boxes_of(scene)
    print(
        '| | found | precision | recall |',
        *(f'{low} to {high} px |' for low, high in RANGES),
        'seconds | peak MB so far |',
    )
    print('|---' * (6 + len(RANGES)) + '|')
    for name, tiling in (('whole', None), ('tiles', Tiling(TILE, OVERLAP))):
        start = time.perf_counter()
        found = predictor(scene.image) if tiling is None else predict_tiled(predictor, scene.image, tiling)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        is_found, number = compare(above(found, SCORE), truth, scene.labels)
        heights = truth[:, 3] - truth[:, 1]
        shares = [is_found[(heights >= low) & (heights < high)] for low, high in RANGES]
        parts = [f'{part.sum()} of {len(part)} |' for part in shares]
        precision = f'{is_found.sum() / max(number, 1):.3f}'
        recall = f'{is_found.mean():.3f}'
        print(f'| {name} | {number} | {precision} | {recall} |', *parts, f'{seconds:.0f} | {peak:.0f} |', flush=True)


def make_scene() -> Scene:
    """Returns digits of the validation split on one of its photographs."""
    rng = np.random.default_rng(0)
    grids, labels = load_digits('val')
    picks = rng.integers(len(grids), size=DIGITS)
    digits = [(grids[i], int(labels[i])) for i in picks]
    return compose_scene(photographs('val')['chelsea.png'], digits, HEIGHTS, SIDE, rng)


def boxes_of(scene: Scene) -> np.ndarray:
    """Returns the corners [N, 4] of a scene's digits."""
    boxes = []
    for k in range(1, len(scene.labels) + 1):
        mask = scene.instances == k
        rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        boxes.append((cols[0], rows[0], cols[-1] + 1, rows[-1] + 1))
    return np.array(boxes, float)


def compare(found: Prediction, truth: np.ndarray, labels: tuple[int, ...]) -> tuple[np.ndarray, int]:
    """Returns which digits [N] are found, each by at most one object, best score first; and the number of objects."""
    assert found.boxes is not None
    is_found = np.zeros(len(truth), bool)
    for label, box in zip(found.labels, found.boxes, strict=True):
        sides = np.minimum(box[2:], truth[:, 2:]) - np.maximum(box[:2], truth[:, :2])
        common = np.maximum(sides, 0).prod(1)
        union = (box[2:] - box[:2]).prod() + (truth[:, 2:] - truth[:, :2]).prod(1) - common
        ratios = np.where((np.array(labels) == label) & ~is_found, common / union, 0)
        if ratios.max() >= IOU:
            is_found[ratios.argmax()] = True
    return is_found, len(found.labels)


if __name__ == '__main__':
    main()
