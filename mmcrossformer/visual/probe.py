"""Attention of a token, block by block."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from mmcrossformer.models.attention import GroupAttention
from mmcrossformer.models.crossformer import CrossFormer
from mmcrossformer.models.layers.block import CrossFormerBlock
from mmcrossformer.models.layers.precision import autocast_off
from mmcrossformer.models.pyramid import Stage

# Stage and block, from 0.
Place = tuple[int, int]


@dataclass(frozen=True)
class TokenAttention:
    """Attention of a token to its group in one block. Pairs are (rows, columns).

    Attributes:
        stage: Stage, from 0.
        block: Block of the stage, from 0.
        long_distance: Whether the block has long distance attention (LDA) or short distance attention (SDA).
        stride: Pixels of the image between neighbouring tokens.
        map_size: Height and width of the token map.
        query: Row and column of the token.
        rows: The R rows of its group, in tokens.
        cols: The C columns of its group.
        weights: Weight of each token of the group for each head, [heads, R, C]; each head sums to 1.
    """

    stage: int
    block: int
    long_distance: bool
    stride: int
    map_size: tuple[int, int]
    query: tuple[int, int]
    rows: range
    cols: range
    weights: Tensor

    @property
    def name(self) -> str:
        """Stage, block and kind, counted from 1 as in the papers."""
        return f'stage {self.stage + 1}, block {self.block + 1} ({"LDA" if self.long_distance else "SDA"})'


def blocks_of(backbone: CrossFormer) -> list[list[CrossFormerBlock]]:
    """Returns the blocks of each stage."""
    stages = cast(Iterable[Stage], backbone.stages)
    return [list(cast(Iterable[CrossFormerBlock], stage.blocks)) for stage in stages]


def last_blocks(backbone: CrossFormer) -> list[Place]:
    """Returns the last block with SDA and the last block with LDA of each stage, if any."""
    places = []
    for i, stage in enumerate(blocks_of(backbone)):
        by_kind = {block.attn.rule.long_distance: j for j, block in enumerate(stage)}
        places += [(i, by_kind[kind]) for kind in (False, True) if kind in by_kind]
    return places


@torch.no_grad()
def probe(
    backbone: CrossFormer, image: Tensor, pixel: tuple[int, int], blocks: Sequence[Place] | None = None
) -> list[TokenAttention]:
    """Runs a backbone and records the attention of the token at a pixel in each block.

    Args:
        backbone: A backbone in evaluation mode; it is not changed.
        image: One image [1, C, H, W], preprocessed.
        pixel: Row and column of a pixel of it.
        blocks: Pairs (stage, block) to record, from 0; by default those of `last_blocks`.

    Returns:
        The attention of the token in each block, in the order of `blocks`.

    Raises:
        ValueError: More or less than one image, a pixel outside of it, a block that the backbone does not have, or a
            backbone in training mode, where blocks are dropped at random.
    """
    if backbone.training:
        raise ValueError('the backbone is in training mode, which drops blocks at random: call its eval() first')
    if image.dim() != 4 or len(image) != 1:
        raise ValueError(f'the image must have shape [1, C, H, W], got {list(image.shape)}')
    if not all(0 <= place < side for place, side in zip(pixel, image.shape[2:], strict=True)):
        raise ValueError(f'pixel {tuple(pixel)} is outside the image of {image.shape[2]} x {image.shape[3]} pixels')
    stages = blocks_of(backbone)
    depths = [len(stage) for stage in stages]
    places = last_blocks(backbone) if blocks is None else [(stage, block) for stage, block in blocks]
    for stage, block in places:
        if not (0 <= stage < len(depths) and 0 <= block < depths[stage]):
            raise ValueError(f'there is no block {block} of stage {stage}: the stages have {depths} blocks, from 0')

    found: dict[Place, TokenAttention] = {}
    handles = []
    try:
        for place in places:
            attention = stages[place[0]][place[1]].attn
            handles.append(attention.register_forward_pre_hook(_recording_hook(place, pixel, found)))
        backbone(image)
    finally:
        for handle in handles:
            handle.remove()
    return [found[place] for place in places]


def _recording_hook(place: Place, pixel: tuple[int, int], found: dict[Place, TokenAttention]) -> Callable:
    """Returns a hook that records the attention of the token at a pixel; blocks with hooks run no fused operator."""
    stage, block = place
    stride = 4 * 2**stage

    def hook(attention: GroupAttention, inputs: tuple[Tensor]) -> None:
        (x,) = inputs
        query = pixel[0] // stride, pixel[1] // stride
        size = x.shape[1], x.shape[2]
        rows, cols = attention.rule(*size).group_of(*query)
        weights = attention_weights(attention, x[0], query)
        found[place] = TokenAttention(
            stage, block, attention.rule.long_distance, stride, size, query, rows, cols, weights
        )

    return hook


def attention_weights(attention: GroupAttention, x: Tensor, query: tuple[int, int]) -> Tensor:
    """Computes the attention weights of a token over its group.

    CrossFormer (ICLR 2022), section 3.2: the softmax of q . k / sqrt(d) + bias, in float32 or better as in the layer.

    Args:
        attention: The layer.
        x: Its input, a normalised map [H, W, C].
        query: Row and column of the token.

    Returns:
        Weights [heads, R, C] of the rows and columns of `Grouping.group_of`.
    """
    grouping = attention.rule(*x.shape[:2])
    rows, cols = grouping.group_of(*query)
    group = x[rows.start : rows.stop : rows.step, cols.start : cols.stop : cols.step]
    q, k, _ = attention.qkv(group).unflatten(-1, (3, attention.num_heads, -1)).unbind(-3)
    precise = torch.promote_types(q.dtype, torch.float32)
    member = rows.index(query[0]), cols.index(query[1])
    with autocast_off(x.device.type):
        q, k = q[member].to(precise), k.to(precise)
        logits = torch.einsum('hd,rchd->hrc', q * q.shape[-1] ** -0.5, k)
        logits += _bias_of(attention, grouping.size, member)[:, : len(rows), : len(cols)].to(precise)
    return logits.flatten(1).softmax(-1).unflatten(1, logits.shape[1:])


def _bias_of(attention: GroupAttention, size: tuple[int, int], member: tuple[int, int]) -> Tensor:
    """Returns the bias of a member of a group for all places of a full one, [heads, Gh, Gw]; offset = query - key."""
    table = bias_table(attention, size)
    (height, width), (row, col) = size, member
    return table[:, row : row + height, col : col + width].flip(1, 2)


def bias_table(attention: GroupAttention, size: tuple[int, int]) -> Tensor:
    """Returns the position bias of each offset in a group of (Gh, Gw) tokens, [heads, 2*Gh-1, 2*Gw-1].

    Entry [:, i, j] belongs to a query that is i - (Gh-1) rows below and j - (Gw-1) columns right of its key.
    """
    return attention.pos_bias(size).unflatten(1, (2 * size[0] - 1, 2 * size[1] - 1))
