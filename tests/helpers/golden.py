"""Weights, inputs and cotangents of the golden values, made again from the rules they were made by.

Nothing here depends on torch's random numbers: NumPy's PCG64 streams are fixed for ever.
"""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Sequence
from math import prod, sqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

# Variant -> official parameter name -> shape.
OFFICIAL_SHAPES = json.loads((Path(__file__).parents[1] / 'data/official_keys.json').read_text())


def golden_weights(variant: str) -> dict[str, Tensor]:
    """Float32 weights by official parameter name; each depends on its name and shape alone. Not to be written to."""
    return dict(_weights(variant))


@functools.lru_cache(maxsize=1)  # large ones have 400 MB; tests of one variant follow each other
def _weights(variant: str) -> dict[str, Tensor]:
    weights = {}
    for name, shape in OFFICIAL_SHAPES[variant].items():
        z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        z = z.astype(np.float32)
        if len(shape) > 1:
            # Divided in float64 and rounded once; the 1-d weights are float32 throughout.
            z = (z.astype(np.float64) / sqrt(prod(shape[1:]))).astype(np.float32)
        elif name.endswith('weight'):
            z = 1 + 0.1 * z
        else:
            z = 0.1 * z
        weights[name] = torch.from_numpy(z)
    return weights


def golden_input(batch: int, height: int, width: int) -> Tensor:
    """Float32 images [batch, 3, height, width]."""
    rng = np.random.default_rng(1234 + height * 10000 + width)
    return torch.from_numpy(rng.standard_normal((batch, 3, height, width)).astype(np.float32))


def golden_cotangent(index: int, shape: Sequence[int]) -> Tensor:
    """Float64 factor r_i of output `index` in the loss `sum_i (out_i * r_i).sum()`."""
    return torch.from_numpy(np.random.default_rng(7 + index).standard_normal(tuple(shape)))
