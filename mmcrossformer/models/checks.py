"""Checks of the arguments that all backbones take."""

from collections.abc import Sequence
from typing import Any

from mmcrossformer.models.arch import NUM_STAGES, is_count


def check_flags(**flags: Any) -> None:
    """Checks that arguments are True or False.

    Raises:
        TypeError: One is not.
    """
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f'{name} must be True or False, got {value!r}')


def check_in_channels(in_channels: Any) -> int:
    """Checks a number of channels.

    Raises:
        ValueError: It is no positive integer.
    """
    if not is_count(in_channels):
        raise ValueError(f'in_channels must be a positive integer, got {in_channels!r}')
    return in_channels


def check_out_indices(out_indices: Any) -> tuple[int, ...]:
    """Checks the stages whose outputs are returned.

    Raises:
        ValueError: They are no increasing stage numbers.
    """
    allowed = range(NUM_STAGES)
    message = f'out_indices must be increasing stage numbers out of {list(allowed)}, got {out_indices!r}'
    if not isinstance(out_indices, Sequence) or not out_indices:
        raise ValueError(message)
    if any(type(i) is not int or i not in allowed for i in out_indices) or sorted(set(out_indices)) != [*out_indices]:
        raise ValueError(message)
    return tuple(out_indices)


def check_frozen_stages(frozen_stages: Any, num_stages: int) -> int:
    """Checks the number of the last frozen stage.

    Raises:
        ValueError: No such stage is built.
    """
    if type(frozen_stages) is not int or frozen_stages not in range(-1, num_stages):
        raise ValueError(
            f'frozen_stages must be an integer from -1 (none) to {num_stages - 1}, the last stage of out_indices, '
            f'got {frozen_stages!r}'
        )
    return frozen_stages
