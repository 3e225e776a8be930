"""Results that are whole or not there."""

import json

import numpy as np
import pytest
import torch

from mmcrossformer.utils.files import write_json


def test_values_of_any_library(tmp_path):
    path = tmp_path / 'metrics.json'
    values = dict(
        mIoU=np.float32(0.5),
        classes=[np.float64(0.25), 1],
        confusion=torch.eye(2, dtype=torch.int64),
        per_class=np.array([0.5, 1.0]),
        name='all',
    )
    write_json(path, values)
    assert json.loads(path.read_text()) == dict(
        mIoU=0.5, classes=[0.25, 1], confusion=[[1, 0], [0, 1]], per_class=[0.5, 1.0], name='all'
    )


def test_an_error_leaves_the_old_file(tmp_path):
    path, circle = tmp_path / 'metrics.json', []
    circle.append(circle)
    write_json(path, dict(mIoU=0.5))
    with pytest.raises(ValueError, match='Circular'):
        write_json(path, circle)
    assert json.loads(path.read_text()) == dict(mIoU=0.5)
