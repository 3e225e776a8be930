"""Group sizes that grow with depth (PGS)."""

import math
from collections.abc import Sequence

from mmcrossformer.models.arch import PerBlock, per_stage

PGS_SCHEDULES = ('linear', 'linear_div', 'alter', '7_14')


def progressive_group_sizes(schedule: str, depths: Sequence[int], map_side: int = 56) -> PerBlock:
    """Group sizes that grow with depth (PGS), as `group_size` of `CrossFormer` takes them.

    CrossFormer++ (TPAMI 2023). The wanted fraction of the map's side grows linearly, block by block, from
    4 tokens of the first stage towards the whole side:

    - 'linear': that fraction of the stage's side, rounded up, at least 4.
    - 'linear_div': the same up to half the side; above it the whole side, but in the third stage half the side up to
      three quarters of it.
    - 'alter': the same up to half the side; above it the whole side, but in the third stage half and whole side
      alternate.
    - '7_14': the constant sizes 4, 4, 14, 7, with 7 in the first four blocks of the third stage.

    Args:
        schedule: One of the above.
        depths: Blocks of each of the four stages.
        map_side: Tokens along a side of the first stage's map; 56 for images of 224 x 224.

    Returns:
        A group size for each block of each stage.

    Raises:
        ValueError: An unknown schedule, or depths that are not four positive numbers.
    """
    if schedule not in PGS_SCHEDULES:
        raise ValueError(f'schedule must be one of {", ".join(PGS_SCHEDULES)}, got {schedule!r}')
    depths = per_stage('depths', depths)
    if schedule == '7_14':
        return (
            (4,) * depths[0],
            (4,) * depths[1],
            tuple(7 if j < 4 else 14 for j in range(depths[2])),
            (7,) * depths[3],
        )
    start = 4 / map_side
    step = (1 - start) / sum(depths)
    sizes, block = [], 0
    for stage, depth in enumerate(depths):
        side = math.ceil(map_side / 2**stage)
        row = []
        for _ in range(depth):
            wanted = max(4, math.ceil((start + block * step) * side))
            row.append(_quantize(schedule, wanted, side, stage, block))
            block += 1
        sizes.append(tuple(row))
    return tuple(sizes)


def _quantize(schedule: str, wanted: int, side: int, stage: int, block: int) -> int:
    """Rounds a wanted group size to half or the whole side of the map, where the schedule asks for it."""
    if schedule == 'linear' or wanted <= side / 2:
        return wanted
    if stage != 2:
        return side
    whole = wanted > 0.75 * side if schedule == 'linear_div' else block % 2 == 1
    return side if whole else math.ceil(side / 2)
