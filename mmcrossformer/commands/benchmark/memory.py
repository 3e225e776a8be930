"""Measures the peak memory of one step."""

import json
import os
import tempfile
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile


def peak_memory(step: Callable[[], object], device: str) -> int:
    """Runs a step and returns its peak memory in bytes beyond what was allocated before.

    This counts the memory of torch's allocator: activations, temporary tensors inside operators, and gradients. On CUDA
    the allocator reports its peak. On a CPU torch's profiler reports every allocation and release; their running sum is
    exact and reproducible. The resident set size of the process is not: it grows by pages, includes freed memory, and
    depends on earlier work. On a CPU, scratch memory that libraries below torch allocate themselves is not counted.

    Args:
        step: Function to run; it must not free tensors of an earlier step.
        device: 'cpu', 'cuda' or 'cuda:N'.
    """
    if device != 'cpu':
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        step()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # the profiler's library logs when it starts and stops
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / 'trace.json'
        profiler.export_chrome_trace(str(trace))
        events = [event for event in json.loads(trace.read_text())['traceEvents'] if event['name'] == '[memory]']
    sizes = [event['args']['Bytes'] for event in sorted(events, key=lambda event: event['ts'])]
    return max(accumulate(sizes), default=0)
