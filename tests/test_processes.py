"""Many processes compute what one does."""

from pathlib import Path

import pytest
from quick import run_program

TORCHRUN = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2']


@pytest.mark.slow
def test_two_processes_give_the_gradients_of_one():
    """For any outputs, so that no parameter is unused; with checkpointing, accumulation and mixed precision."""
    result = run_program(Path(__file__).parent / 'two_processes.py', [], launcher=TORCHRUN)
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'process 0 agrees' in result.stderr
    assert 'process 1 agrees' in result.stderr
