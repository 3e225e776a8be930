"""Counts the multiply-adds of detectors and segmenters from shapes alone, by the rules behind the published costs.

python .dev_scripts/published_costs.py

The rules: convolutions with their biases, linear layers without; attention over padded groups, SDA padded to multiples
of G and LDA (scope `map`) to multiples of I, with queries, keys, values and outputs of padded tokens; the position bias
once for each block; outputs of ReLU modules; inputs of pooling modules. Norms, GELU, softmax, functional ReLU, pooling
and interpolation, RoIAlign, auxiliary heads and additions count nothing. The counter prints two decimals, which the
papers round to one: 388.949 is 388.95, then 389.0.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import NamedTuple

Layers = Iterator[Counter[str]]  # counts of each layer, by parts


class Arch(NamedTuple):
    """Dimensions of a backbone; heads have 32 channels in all variants."""

    dim: int
    depths: tuple[int, ...]
    cooling: bool = False


class Row(NamedTuple):
    """A published cost in G multiply-adds."""

    method: str
    arch: str
    setting: str
    published: float


ARCHS = {
    'small': Arch(96, (2, 2, 6, 2)),
    'base': Arch(96, (2, 2, 18, 2)),
    'large': Arch(128, (2, 2, 18, 2)),
    'pp-small': Arch(64, (2, 2, 18, 2), cooling=True),
    'pp-base': Arch(96, (2, 2, 18, 2), cooling=True),
}
SETTINGS = {'g7': ((7, 7, 7, 7), (8, 4, 2, 1)), 'g14': ((14, 14, 7, 7), (16, 8, 2, 1))}  # G and I of each stage
BOXES, MASKS = 1000, 100  # inputs of the heads of detectors
ROWS = {
    'retinanet_crossformer_s_coco': Row('retinanet', 'small', 'g7', 282.0),
    'retinanet_crossformer_b_coco': Row('retinanet', 'base', 'g7', 389.0),
    'retinanet_crossformerpp_s_coco': Row('retinanet', 'pp-small', 'g7', 282.0),  # doubtful: repeats that of small
    'retinanet_crossformerpp_b_coco': Row('retinanet', 'pp-base', 'g7', 389.0),
    'mask_rcnn_crossformer_s_coco': Row('mask_rcnn', 'small', 'g7', 301.0),
    'mask_rcnn_crossformer_b_coco': Row('mask_rcnn', 'base', 'g7', 407.9),
    'mask_rcnn_crossformerpp_s_coco': Row('mask_rcnn', 'pp-small', 'g7', 287.4),
    'mask_rcnn_crossformerpp_b_coco': Row('mask_rcnn', 'pp-base', 'g7', 408.0),
    'mask_rcnn_crossformer_s_g14_3x_coco': Row('mask_rcnn', 'small', 'g14', 291.1),
    'mask_rcnn_crossformer_b_g14_3x_coco': Row('mask_rcnn', 'base', 'g14', 398.1),
    'cascade_mask_rcnn_crossformer_s_g14_3x_coco': Row('cascade_mask_rcnn', 'small', 'g14', 769.7),
    'semantic_fpn_crossformer_s_g14_ade20k': Row('semantic_fpn', 'small', 'g14', 209.8),
    'semantic_fpn_crossformer_b_g14_ade20k': Row('semantic_fpn', 'base', 'g14', 320.1),
    'semantic_fpn_crossformer_l_g14_ade20k': Row('semantic_fpn', 'large', 'g14', 482.7),
    'semantic_fpn_crossformerpp_s_g14_ade20k': Row('semantic_fpn', 'pp-small', 'g14', 199.5),
    'semantic_fpn_crossformerpp_b_ade20k': Row('semantic_fpn', 'pp-base', 'g7', 331.1),
    'upernet_crossformer_s_ade20k': Row('upernet', 'small', 'g7', 979.5),
    'upernet_crossformer_b_ade20k': Row('upernet', 'base', 'g7', 1089.7),
    'upernet_crossformer_l_ade20k': Row('upernet', 'large', 'g7', 1257.8),
    'upernet_crossformerpp_s_ade20k': Row('upernet', 'pp-small', 'g7', 963.5),
    'upernet_crossformerpp_b_ade20k': Row('upernet', 'pp-base', 'g7', 1089.8),
}

# The parts of a count. The first and the position bias are the count of `mmcrossformer analyze` in scope `block`,
# together with the second they are that in scope `map`.
OWN = 'convolutions, linear layers, attention in scope block'
LDA = 'LDA, scope map minus block'
PAIRS = 'attention over padding'
PROJECTIONS = 'projections of padding'
BIAS = 'position bias'
SMALL = 'biases, ReLUs, pooling'
PARTS = (OWN, LDA, PAIRS, PROJECTIONS, BIAS, SMALL)


def main() -> None:
    """Prints the counts of all rows beside the published ones."""
    print(f'{"row":<46}{"setting":<8}{"counted":>9}{"published":>11}{"difference":>12}')
    for name, (method, arch, setting, published) in ROWS.items():
        counted = count(method, arch, setting)
        print(f'{name:<46}{setting:<8}{counted:>9.2f}{published:>11.1f}{counted - published:>+12.2f}')


def count(method: str, arch: str, setting: str) -> float:
    """Counts a model on the image of its published rows, in G multiply-adds.

    Args:
        method: A key of `METHODS`.
        arch: A key of `ARCHS`.
        setting: A key of `SETTINGS`.
    """
    return sum(account(method, arch, setting).values())


def account(method: str, arch: str, setting: str) -> dict[str, float]:
    """Counts like `count`, for each of `PARTS`."""
    height, width, rest = METHODS[method]
    widths = [ARCHS[arch].dim * 2**i for i in range(4)]
    maps = [ceil(height / stride) * ceil(width / stride) for stride in (4, 8, 16, 32, 64, 128)]
    total: Counter[str] = Counter()
    for layer in (*backbone(ARCHS[arch], SETTINGS[setting], height, width), *rest(widths, maps)):
        total.update(layer)
    return {part: total[part] / 1e9 for part in PARTS}


def conv(
    inputs: int, outputs: int, kernel: int, positions: int, *, bias: bool = True, relu: bool = False
) -> Counter[str]:
    """Counts a convolution with this number of output positions, and a ReLU module after it."""
    return Counter({OWN: inputs * outputs * kernel**2 * positions, SMALL: outputs * positions * (bias + relu)})


def linear(inputs: int, outputs: int, rows: int, *, relu: bool = False) -> Counter[str]:
    """Counts a linear layer, without its bias, and a ReLU module after it."""
    return conv(inputs, outputs, 1, rows, bias=False, relu=relu)


def backbone(arch: Arch, setting: tuple[tuple[int, ...], ...], height: int, width: int) -> Layers:
    """Counts the layers of CrossFormer."""
    for i, (depth, group, interval) in enumerate(zip(arch.depths, *setting, strict=True)):
        dim, h, w = arch.dim * 2**i, ceil(height / (4 * 2**i)), ceil(width / (4 * 2**i))
        if i == 0:
            yield from (conv(3, dim // share, k, h * w) for k, share in ((4, 2), (8, 4), (16, 8), (32, 8)))
        else:
            yield from (conv(dim // 2, dim // 2, k, h * w) for k in (2, 4))
        for j in range(depth):
            yield attention(dim, h, w, group, interval, far=j % 2 == 1)
            yield from [linear(dim, 4 * dim, h * w)] * 2  # the MLP; its other layer costs as much
            if arch.cooling and (j + 1) % 3 == 0 and j < depth - 1:
                yield conv(1, dim, 3, h * w)  # depthwise


def attention(dim: int, h: int, w: int, group: int, interval: int, *, far: bool) -> Counter[str]:
    """Counts the attention of one block on a map of h x w tokens: LDA (far) or SDA."""
    if min(h, w) <= group:  # windows for both; no row has such small maps
        group, far = min(h, w), False
    step, multiple = (interval, interval) if far else (1, group)
    rows, columns = ceil(h / multiple) * multiple, ceil(w / multiple) * multiple
    gh, gw = (rows // interval, columns // interval) if far else (group, group)
    # Pairs of tokens that share a group.
    block = squares(h, group, step) * squares(w, group, step)
    exact = squares(h, gh, step) * squares(w, gw, step)
    padded = rows * columns * gh * gw
    d, offsets = dim // 16, (2 * gh - 1) * (2 * gw - 1)
    return Counter(
        {
            OWN: 4 * dim**2 * h * w + 2 * dim * block,
            LDA: 2 * dim * (exact - block),
            PAIRS: 2 * dim * (padded - exact),
            PROJECTIONS: 4 * dim**2 * (rows * columns - h * w),
            BIAS: (2 * d + 2 * d**2 + d * (dim // 32)) * offsets,
            SMALL: 3 * d * offsets,  # the ReLUs of the position bias
        }
    )


def squares(side: int, group: int, step: int) -> int:
    """Sums the squared lengths of the pieces that groups cut a side of a map into, without padding.

    A region is as many tokens as `step` groups have, and every `step`-th token of a region is in one piece. Scope `map`
    is one region.
    """
    region = group * step
    pieces = (range(s + k, min(s + region, side), step) for s in range(0, side, region) for k in range(step))
    return sum(len(piece) ** 2 for piece in pieces)


def fpn(widths: Sequence[int], maps: Sequence[int]) -> Layers:
    """Counts an FPN of 256 channels, without levels that are made of others."""
    for inputs, positions in zip(widths, maps, strict=True):
        yield conv(inputs, 256, 1, positions)
        yield conv(256, 256, 3, positions)


def retinanet(widths: Sequence[int], maps: Sequence[int]) -> Layers:
    """Counts an FPN from stage 1 on with two levels more, and RetinaNet's head: 80 classes, 9 anchors."""
    yield from fpn(widths[1:], maps[1:4])
    yield conv(widths[3], 256, 3, maps[4])
    yield conv(256, 256, 3, maps[5])
    positions = sum(maps[1:])
    yield from [conv(256, 256, 3, positions, relu=True)] * 8  # 4 for classes, 4 for boxes
    yield from (conv(256, 9 * outputs, 3, positions) for outputs in (80, 4))


def region_proposals(widths: Sequence[int], maps: Sequence[int]) -> Layers:
    """Counts an FPN and the RPN, 3 anchors, on its levels and a fifth that is picked from the fourth."""
    yield from fpn(widths, maps[:4])
    positions = sum(maps[:5])
    yield conv(256, 256, 3, positions)  # its ReLU is a function
    yield from (conv(256, 3 * outputs, 1, positions) for outputs in (1, 4))


def box_outputs() -> Layers:
    """Counts the last layers of a box head: 80 classes and the background, a box for each class."""
    yield from (linear(1024, outputs, BOXES) for outputs in (80 + 1, 80 * 4))


def mask_head() -> Layers:
    """Counts a mask head, from 14 x 14 to 28 x 28 positions for each mask."""
    yield from [conv(256, 256, 3, MASKS * 14 * 14, relu=True)] * 4
    # Transposed, of kernel 2 and stride 2: an output position takes one input position.
    yield conv(256, 256, 1, MASKS * 28 * 28, relu=True)
    yield conv(256, 80, 1, MASKS * 28 * 28)


def mask_rcnn(widths: Sequence[int], maps: Sequence[int]) -> Layers:
    """Counts Mask R-CNN behind the backbone, with a box head of two linear layers."""
    yield from region_proposals(widths, maps)
    yield linear(256 * 7 * 7, 1024, BOXES, relu=True)
    yield linear(1024, 1024, BOXES, relu=True)
    yield from box_outputs()
    yield from mask_head()


def cascade_mask_rcnn(widths: Sequence[int], maps: Sequence[int]) -> Layers:
    """Counts Cascade Mask R-CNN: three box heads of four convolutions with SyncBN, three mask heads."""
    yield from region_proposals(widths, maps)
    for _ in range(3):
        yield from [conv(256, 256, 3, BOXES * 7 * 7, bias=False, relu=True)] * 4
        yield linear(256 * 7 * 7, 1024, BOXES, relu=True)
        yield from box_outputs()
        yield from mask_head()


def semantic_fpn(widths: Sequence[int], maps: Sequence[int]) -> Layers:
    """Counts Semantic FPN: a level takes one convolution for each doubling of its size, the first takes one too."""
    yield from fpn(widths, maps[:4])
    for i in range(4):
        for k, positions in enumerate(reversed(maps[min(i, 1) : i + 1])):
            yield conv(256 if k == 0 else 128, 128, 3, positions, bias=False, relu=True)
    yield conv(128, 150, 1, maps[0])


def upernet(widths: Sequence[int], maps: Sequence[int]) -> Layers:
    """Counts UPerNet: pyramid pooling of the last stage, an FPN of 512 channels, the fusion of its levels."""
    for scale in (1, 2, 3, 6):
        yield Counter({SMALL: widths[3] * maps[3]})  # pooling
        yield conv(widths[3], 512, 1, scale**2, bias=False, relu=True)
    yield conv(widths[3] + 4 * 512, 512, 3, maps[3], bias=False, relu=True)
    for inputs, positions in zip(widths[:3], maps[:3], strict=True):
        yield conv(inputs, 512, 1, positions, bias=False, relu=True)
        yield conv(512, 512, 3, positions, bias=False, relu=True)
    yield conv(4 * 512, 512, 3, maps[0], bias=False, relu=True)
    yield conv(512, 150, 1, maps[0])


# Height and width of the image, and what counts the neck and the heads.
METHODS: dict[str, tuple[int, int, Callable[[Sequence[int], Sequence[int]], Layers]]] = {
    'retinanet': (800, 1280, retinanet),
    'mask_rcnn': (800, 1280, mask_rcnn),
    'cascade_mask_rcnn': (800, 1280, cascade_mask_rcnn),
    'semantic_fpn': (1024, 1024, semantic_fpn),
    'upernet': (1024, 1024, upernet),
}

if __name__ == '__main__':
    main()
