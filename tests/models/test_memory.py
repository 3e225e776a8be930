"""Memory grows with the tokens, not with the pairs of tokens in a group: every operator is watched."""

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from mmcrossformer.models.attention import GroupRule, group_attention
from mmcrossformer.models.layers.block import CrossFormerBlock

# The long distance groups of an image of 2624 x 2560 pixels in the first stage: every 8th of 656 x 640 tokens.
HEIGHT, WIDTH = 82, 80
TOKENS = HEIGHT * WIDTH
CHANNELS, HEADS = 4, 1
RULE = GroupRule(7, 1, long_distance=True, scope='map')


def largest_tensor(function):
    """Numbers in the largest tensor that any operator takes, also inside of custom operators."""
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as watched:
        function()
    shapes = [shape for event in watched.events() for shape in event.input_shapes if shape]
    assert len(shapes) > 50
    return max(torch.Size(shape).numel() for shape in shapes if all(isinstance(side, int) for side in shape))


@pytest.fixture(scope='module')
def large_group():
    """One group of a large image: queries, keys and values, biases, grouping."""
    grouping = RULE(HEIGHT, WIDTH)
    assert grouping.size == (HEIGHT, WIDTH)
    qkv = torch.randn(1, HEIGHT, WIDTH, 3 * CHANNELS, requires_grad=True)
    table = torch.randn(HEADS, (2 * HEIGHT - 1) * (2 * WIDTH - 1), requires_grad=True)
    return qkv, table, grouping


def test_all_pairs_of_a_large_group_are_never_held(large_group):
    qkv, table, grouping = large_group

    def forward_and_backward():
        group_attention(qkv, table, grouping, HEADS).mean().backward()

    # Chunks of a fixed size; one head has 43 million pairs.
    assert TOKENS == 6560
    assert largest_tensor(forward_and_backward) <= 2**22 < TOKENS**2 / 10


def test_neither_where_a_block_runs_in_strips():
    block = CrossFormerBlock(16, HEADS, RULE, drop_path=0.0, cooling=False).eval()

    def forward():
        with torch.no_grad():
            block(torch.randn(1, HEIGHT, WIDTH, 16))

    assert largest_tensor(forward) <= 2**22
