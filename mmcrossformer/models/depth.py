"""How deep a parameter is, for layer-wise learning rates."""

import re
from collections.abc import Sequence

_IN_STAGE = re.compile(r'stages\.(?P<stage>\d+)\.(embed|blocks\.(?P<block>\d+))\.')


def layer_depth(name: str, depths: Sequence[int]) -> tuple[int, int]:
    """Returns the layer of a parameter of a backbone.

    The stem is layer 0, then come the blocks, from 1. The embedding between two stages belongs to the layer of the
    block after it, output norms and what is not of the backbone to the layer after the last block.

    Args:
        name: Name of the parameter in the backbone.
        depths: Blocks of each stage.

    Returns:
        The layer, and the number of layers.
    """
    num_layers = sum(depths) + 2
    match = _IN_STAGE.match(name)
    if match is None:
        return num_layers - 1, num_layers
    stage, block = int(match['stage']), match['block']
    if block is None and stage == 0:
        return 0, num_layers
    return sum(depths[:stage]) + int(block or 0) + 1, num_layers
