"""Results of evaluators of any kind, in `metrics.json` of a test."""

import json
import math

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from terminaltables import AsciiTable

from mmcrossformer.apis.predictor import Predictor
from mmcrossformer.utils.metrics import read_metrics

pytestmark = pytest.mark.hosts

CLASSES = 'crossformer_t_digits'
TABLE = AsciiTable([['class', 'IoU'], ['cat', '1.0']]).table


@METRICS.register_module()
class AnyKind(BaseMetric):
    """An evaluator whose results are of every kind that occurs."""

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(
            tensor=torch.eye(2),
            number=torch.tensor(0.5),
            array=np.array([0.5, math.nan]),
            list=[0.5, math.inf],
            table=TABLE,
            nan=math.nan,
            infinite=-math.inf,
            by_class={'cat': np.float32(0.5)},
        )


def test_results_of_any_kind(quick, tmp_path, call):
    config, checkpoint = quick(CLASSES), tmp_path / 'weights.pth'
    evaluators = (
        "[dict(type='ConfusionMatrix'), dict(type='SingleLabelMetric', average=None), dict(type='mmengine.AnyKind')]"
    )
    config.write_text(f'{config.read_text()}\ntest_evaluator = {evaluators}')
    torch.save(dict(state_dict=Predictor(config).model.state_dict(), meta={}), checkpoint)
    code, printed = call('test', config, checkpoint, '--work-dir', tmp_path / 'run')
    assert code == 0, printed
    path = tmp_path / 'run/metrics.json'
    metrics = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert np.shape(metrics.pop('confusion_matrix/result')) == (10, 10)
    assert len(metrics.pop('single-label/precision_classwise')) == 10
    known = dict(tensor=[[1, 0], [0, 1]], number=0.5, array=[0.5, None], list=[0.5, None], table=TABLE)
    known |= dict(nan=None, infinite=None, by_class=dict(cat=0.5))
    assert {name: metrics[name] for name in known} == known
    assert math.isnan(read_metrics(path)['nan'])
