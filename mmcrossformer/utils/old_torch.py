"""What versions of torch lack that are older than those that everything here works with."""

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, flop_registry, sdpa_flop_count

from mmcrossformer.utils.errors import UserError


def require_torch(version: str, what: str) -> None:
    """Refuses an older torch.

    Args:
        version: The oldest that works, such as '2.7'.
        what: What needs it, for the message.

    Raises:
        UserError: torch is older.
    """
    if torch.__version__ < version:  # torch compares versions, not strings
        raise UserError(f'{what} needs torch >= {version}, installed is {torch.__version__}: pip install -U torch')


def flop_counter() -> FlopCounterMode:
    """Returns torch's counter of operations; before torch 2.7 it may leave out fused attention on processors."""
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return FlopCounterMode(display=False, custom_mapping={} if fused in flop_registry else {fused: _count_fused})


def _count_fused(query: torch.Size, key: torch.Size, value: torch.Size, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))
