"""How much code an image runs through."""

import sys
from pathlib import Path

import pytest
import torch
from tiny import TINY

import mmcrossformer
from mmcrossformer import CrossFormer

PACKAGE = Path(mmcrossformer.__file__).parent


@pytest.fixture
def files_that_run():
    """Calls a function and returns the files of the package of which some function ran."""

    def run(function):
        found = set()
        before = sys.getprofile()
        sys.setprofile(lambda frame, event, _: found.add(frame.f_code.co_filename) if event == 'call' else None)
        try:
            function()
        finally:
            sys.setprofile(before)
        return {path for path in map(Path, found) if path.is_relative_to(PACKAGE)}

    return run


@pytest.mark.usefixtures('in_strips')
def test_the_core_is_ten_files_and_1200_lines_at_most(files_that_run):
    """Inference and a training step in plain torch; without Triton's kernels and what exported programs contain."""
    model, images = CrossFormer(TINY), torch.randn(1, 3, 96, 64)

    def infer_and_train():
        with torch.no_grad():
            model.eval()(images)
        sum(out.mean() for out in model.train()(images)).backward()

    files = files_that_run(infer_and_train)
    # Each of them stands for a part that an image certainly runs through.
    assert {'pyramid.py', 'embed.py', 'block.py', 'grouping.py', 'strips.py'} <= {path.name for path in files}
    # What puts the layers together runs before, but a reader needs it.
    files.add(PACKAGE / 'models/crossformer.py')
    lines = {path.relative_to(PACKAGE).as_posix(): len(path.read_text().splitlines()) for path in files}
    assert len(lines) <= 10, lines
    assert sum(lines.values()) <= 1200, lines
