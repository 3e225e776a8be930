"""Triton kernels of the attention inside groups; `triton` imports them on first use.

Both kernels read the map [B, H, W, 3C] as it is, without a copy. The places of a group, 0 to N - 1, are row-major. The
token at place 0 is `origin`, a number that may need 64 bits; the distance of the others from it depends on the place
alone. Groups are numbered over all images. Groups of padding alone have no number: they come last along each axis, so
the numbers of the others have no gaps.

Integers that change with the size of the image are never specialised: a detector that sees a new size with each image
compiles once.
"""

# Arguments of kernels are pointers, integers, and compile-time constants in capitals, as usual in Triton.
# ruff: noqa: ANN001, ANN201, ANN202, N803
# mypy: allow-untyped-defs, allow-incomplete-defs

import triton
import triton.language as tl

_SIZES = ('height', 'width', 'size_h', 'size_w', 'step_h', 'step_w', 'groups', 'group_cols')
_TURN = ('all_groups', 'chunks', 'heads', 'first_head', 'query_tiles', 'first_tile')


@triton.jit
def _group(index, height, width, size_h, size_w, step_h, step_w, groups, group_cols):
    """Image of a group, its `origin`, and how many rows and columns of the group start on the map."""
    image = tl.cast(index // groups, tl.int64)
    row, col = index % groups // group_cols, index % group_cols
    # Region row // step_h, phase row % step_h.
    row = row // step_h * (size_h * step_h) + row % step_h
    col = col // step_w * (size_w * step_w) + col % step_w
    rows = tl.minimum(size_h, tl.cdiv(height - row, step_h))
    return image, (image * height + row) * width + col, rows, tl.cdiv(width - col, step_w)


@triton.jit
def _bias_tile(bias, head, query, key, size_h, size_w):
    """Bias [queries, keys] out of the table of offsets [heads, P].

    The offset of two places has row (di + Gh - 1) * (2*Gw - 1) + dj + Gw - 1 of the table, which is a term of the query
    minus one of the key plus the middle of the table.
    """
    pitch = 2 * size_w - 1
    table = (2 * size_h - 1) * pitch
    query_term = query // size_w * pitch + query % size_w
    key_term = key // size_w * pitch + key % size_w
    row = query_term[:, None] - key_term[None, :] + table // 2
    inside = (query < size_h * size_w)[:, None] & (key < size_h * size_w)[None, :]
    return tl.load(bias + head * table + row, mask=inside, other=0.0).to(tl.float32)


@triton.jit(do_not_specialize=(*_SIZES, 'all_groups', 'chunks'))
def forward_kernel(
    qkv,
    bias,
    out,
    lse,
    height,
    width,
    size_h,
    size_w,
    step_h,
    step_w,
    groups,
    group_cols,
    all_groups,
    chunks,
    HEADS: tl.constexpr,
    DIM: tl.constexpr,
    PADDED_DIM: tl.constexpr,
    TILE: tl.constexpr,
    ONE_TILE: tl.constexpr,
    OPERAND: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Output and logsumexp of TILE queries of one head, in every `chunks`-th group of all images.

    The softmax is built up over tiles of keys. With ONE_TILE a group is one tile, whose bias stays in registers.

    Programs: [chunks, heads, tiles of queries].
    """
    tiles = tl.cdiv(size_h * size_w, TILE)
    tile = tl.program_id(0) % tiles
    head = tl.program_id(0) // tiles % HEADS
    chunk = tl.program_id(0) // (tiles * HEADS)

    channel = tl.arange(0, PADDED_DIM)
    is_channel = channel < DIM
    place = tile * TILE + tl.arange(0, TILE)
    query = place // size_w * (step_h * width) + place % size_w * step_w
    query_at = query[:, None] * (3 * HEADS * DIM) + channel[None, :]
    out_at = query[:, None] * (HEADS * DIM) + channel[None, :]
    if ONE_TILE:
        bias_tile = _bias_tile(bias, head, place, place, size_h, size_w)
    for index in range(chunk, all_groups, chunks):
        image, origin, rows, cols = _group(index, height, width, size_h, size_w, step_h, step_w, groups, group_cols)
        # Rows below the map hold no tokens: the places end with the last row that does.
        places = rows * size_w
        is_query = (place < places) & (place % size_w < cols)
        query_mask = is_query[:, None] & is_channel[None, :]
        from_q = qkv + origin * (3 * HEADS * DIM) + head * DIM
        q = tl.load(from_q + query_at, mask=query_mask, other=0.0).to(OPERAND)

        largest = tl.full([TILE], float('-inf'), tl.float32)
        total = tl.zeros([TILE], tl.float32)
        result = tl.zeros([TILE, PADDED_DIM], tl.float32)
        # Queries that are padding alone stop after one tile.
        for start in range(0, TILE if ONE_TILE else tl.where(tile * TILE < places, places, 1), TILE):
            key_place = start + tl.arange(0, TILE)
            is_key = (key_place < places) & (key_place % size_w < cols)
            key = key_place // size_w * (step_h * width) + key_place % size_w * step_w
            key_mask = is_key[:, None] & is_channel[None, :]
            key_at = key[:, None] * (3 * HEADS * DIM) + channel[None, :]
            k = tl.load(from_q + HEADS * DIM + key_at, mask=key_mask, other=0.0).to(OPERAND)
            v = tl.load(from_q + 2 * HEADS * DIM + key_at, mask=key_mask, other=0.0).to(OPERAND)
            if not ONE_TILE:
                bias_tile = _bias_tile(bias, head, place, key_place, size_h, size_w)
            logits = tl.dot(q, tl.trans(k), input_precision=PRECISION) * (DIM**-0.5) + bias_tile
            logits = tl.where(is_key[None, :], logits, float('-inf'))
            # Place 0 is a token: after the first tile the largest logit is finite, and no difference below inf - inf.
            new_largest = tl.maximum(largest, tl.max(logits, 1))
            shrink = tl.exp(largest - new_largest)
            weights = tl.exp(logits - new_largest[:, None])
            total = total * shrink + tl.sum(weights, 1)
            result = result * shrink[:, None]
            result += tl.dot(weights.to(OPERAND), v, input_precision=PRECISION)
            largest = new_largest

        to_out = out + origin * (HEADS * DIM) + head * DIM
        tl.store(to_out + out_at, (result / total[:, None]).to(out.dtype.element_ty), mask=query_mask)
        # lse is [B, heads, H, W]: one more head for each image that came before, and this one's.
        to_lse = lse + origin + (image * (HEADS - 1) + head) * height * width
        tl.store(to_lse + query, largest + tl.log(total), mask=is_query)


@triton.jit(do_not_specialize=(*_SIZES, *_TURN))
def backward_kernel(
    qkv,
    bias,
    out,
    lse,
    grad_out,
    grad_qkv,
    grad_bias,
    height,
    width,
    size_h,
    size_w,
    step_h,
    step_w,
    groups,
    group_cols,
    all_groups,
    chunks,
    heads,
    first_head,
    query_tiles,
    first_tile,
    HEADS: tl.constexpr,
    DIM: tl.constexpr,
    PADDED_DIM: tl.constexpr,
    TILE: tl.constexpr,
    ONE_TILE: tl.constexpr,
    OPERAND: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Gradients of TILE queries and TILE keys of one head, in every `chunks`-th group of all images.

    The tile of the bias and that of its gradient belong to all groups, so they stay in registers; the latter is written
    once, to [chunks, heads, queries, N], the queries of `query_tiles` tiles from `first_tile` on. With ONE_TILE a group
    is one tile and its tokens' gradients are stored; else each tile adds its share to them.

    Programs: [chunks, heads, query_tiles, tiles of keys], for `heads` heads from `first_head` on.
    """
    size = size_h * size_w
    key_tiles = tl.cdiv(size, TILE)
    tiles = query_tiles * key_tiles
    tile = tl.program_id(0) % tiles
    head = first_head + tl.program_id(0) // tiles % heads
    chunk = tl.program_id(0) // (tiles * heads)
    first = first_tile * TILE

    channel = tl.arange(0, PADDED_DIM)
    is_channel = channel < DIM
    place = first + tile // key_tiles * TILE + tl.arange(0, TILE)
    key_place = tile % key_tiles * TILE + tl.arange(0, TILE)
    query = place // size_w * (step_h * width) + place % size_w * step_w
    key = key_place // size_w * (step_h * width) + key_place % size_w * step_w
    query_at = query[:, None] * (3 * HEADS * DIM) + channel[None, :]
    key_at = key[:, None] * (3 * HEADS * DIM) + channel[None, :]
    out_at = query[:, None] * (HEADS * DIM) + channel[None, :]

    bias_tile = _bias_tile(bias, head, place, key_place, size_h, size_w)
    grad_tile = tl.zeros([TILE, TILE], tl.float32)
    for index in range(chunk, all_groups, chunks):
        image, origin, rows, cols = _group(index, height, width, size_h, size_w, step_h, step_w, groups, group_cols)
        is_query = (place < rows * size_w) & (place % size_w < cols)
        is_key = (key_place < rows * size_w) & (key_place % size_w < cols)
        query_mask = is_query[:, None] & is_channel[None, :]
        key_mask = is_key[:, None] & is_channel[None, :]

        from_q = qkv + origin * (3 * HEADS * DIM) + head * DIM
        from_out = origin * (HEADS * DIM) + head * DIM
        q = tl.load(from_q + query_at, mask=query_mask, other=0.0).to(OPERAND)
        k = tl.load(from_q + HEADS * DIM + key_at, mask=key_mask, other=0.0).to(OPERAND)
        v = tl.load(from_q + 2 * HEADS * DIM + key_at, mask=key_mask, other=0.0).to(OPERAND)
        grad = tl.load(grad_out + from_out + out_at, mask=query_mask, other=0.0).to(OPERAND)
        # A place without a token gets the weight exp(-inf) = 0 as a query, and 0 as a key.
        from_lse = lse + origin + (image * (HEADS - 1) + head) * height * width
        log_total = tl.load(from_lse + query, mask=is_query, other=float('inf'))
        logits = tl.dot(q, tl.trans(k), input_precision=PRECISION) * (DIM**-0.5) + bias_tile
        weights = tl.where(is_key[None, :], tl.exp(logits - log_total[:, None]), 0.0)

        grad_v = tl.dot(tl.trans(weights.to(OPERAND)), grad, input_precision=PRECISION)
        grad_weights = tl.dot(grad, tl.trans(v), input_precision=PRECISION)
        # The mean of a query's grad_weights under its weights, which is also grad . out.
        if ONE_TILE:
            mean = tl.sum(weights * grad_weights, 1)
        else:
            result = tl.load(out + from_out + out_at, mask=query_mask, other=0.0).to(tl.float32)
            mean = tl.sum(result * grad.to(tl.float32), 1)
        grad_logits = weights * (grad_weights - mean[:, None])
        grad_tile += grad_logits
        scaled = (grad_logits * (DIM**-0.5)).to(OPERAND)
        grad_q = tl.dot(scaled, k, input_precision=PRECISION)
        grad_k = tl.dot(tl.trans(scaled), q, input_precision=PRECISION)

        to_q = grad_qkv + origin * (3 * HEADS * DIM) + head * DIM
        to_k, to_v = to_q + HEADS * DIM, to_q + 2 * HEADS * DIM
        if ONE_TILE:
            tl.store(to_q + query_at, grad_q.to(grad_qkv.dtype.element_ty), mask=query_mask)
            tl.store(to_k + key_at, grad_k.to(grad_qkv.dtype.element_ty), mask=key_mask)
            tl.store(to_v + key_at, grad_v.to(grad_qkv.dtype.element_ty), mask=key_mask)
        else:
            tl.atomic_add(to_q + query_at, grad_q, mask=query_mask, sem='relaxed')
            tl.atomic_add(to_k + key_at, grad_k, mask=key_mask, sem='relaxed')
            tl.atomic_add(to_v + key_at, grad_v, mask=key_mask, sem='relaxed')

    rows = tl.minimum(size - first, query_tiles * TILE)
    grad_bias += tl.cast(chunk * heads + head - first_head, tl.int64) * rows * size
    inside = (place < size)[:, None] & (key_place < size)[None, :]
    tl.store(grad_bias + (place - first)[:, None] * size + key_place[None, :], grad_tile, mask=inside)
