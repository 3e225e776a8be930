"""Precision of single steps inside a half precision model."""

from contextlib import AbstractContextManager, nullcontext

import torch


def autocast_off(device_type: str) -> AbstractContextManager:
    """Switches autocast off, on devices that have it (the meta device has not)."""
    return torch.autocast(device_type, enabled=False) if torch.amp.is_autocast_available(device_type) else nullcontext()
