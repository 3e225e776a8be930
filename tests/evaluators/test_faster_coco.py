"""COCO's metrics by faster-coco-eval."""

import importlib.util
import json
import sys

import numpy as np
import pytest
from mmengine.registry import METRICS, init_default_scope
from objects import CATEGORIES, as_samples, make_objects

from mmcrossformer.utils.errors import UserError

pytestmark = pytest.mark.hosts


def compute(kind, path, content, results, **options):
    init_default_scope('mmdet')
    metric = METRICS.build(dict(type=kind, ann_file=str(path), classwise=True, **options))
    metric.dataset_meta = dict(classes=tuple(CATEGORIES.values()))
    metric.process({}, [*as_samples(content, results)])
    return metric.evaluate(len(content['images']))


@pytest.mark.parametrize('crowded', [False, True])
def test_numbers_are_those_of_the_host(crowded, monkeypatch, tmp_path):
    """Crowds, masks, classes without objects, images with more than 100 predictions; before they are rounded."""
    from faster_coco_eval import COCOeval_faster
    from mmdet.evaluation.metrics.coco_metric import COCOeval

    content, results = make_objects(images=3 if crowded else 12)
    if crowded:
        results = results + [dict(r, score=r['score'] / (i + 2)) for i in range(12) for r in results]
    path = tmp_path / 'truth.json'
    path.write_text(json.dumps(content))
    seen = []
    for kind in (COCOeval, COCOeval_faster):
        original = kind.accumulate
        monkeypatch.setattr(kind, 'accumulate', lambda self, run=original: (run(self), seen.append(self))[0])
    options = dict(metric=['bbox', 'segm', 'proposal'])
    expected = compute('CocoMetric', path, content, results, **options)
    assert compute('mmcrossformer.FasterCocoMetric', path, content, results, **options) == pytest.approx(
        expected, abs=1e-9, nan_ok=True
    )
    assert len(seen) == 6
    for host, fast in zip(seen[:3], seen[3:], strict=True):
        for name in ('precision', 'recall'):
            np.testing.assert_allclose(fast.eval[name], host.eval[name], atol=1e-9)
        np.testing.assert_allclose(fast.stats, host.stats, atol=1e-9)


def test_pycocotools_stays_as_it_is(tmp_path):
    from pycocotools.cocoeval import COCOeval

    content, results = make_objects()
    path = tmp_path / 'truth.json'
    path.write_text(json.dumps(content))
    compute('mmcrossformer.FasterCocoMetric', path, content, results)
    assert sys.modules['pycocotools.cocoeval'].COCOeval is COCOeval
    from mmdet.evaluation.metrics import coco_metric

    assert coco_metric.COCOeval is COCOeval
    assert path.read_text() == json.dumps(content)


def test_what_is_missing(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == 'faster_coco_eval' else find(name))
    with pytest.raises(UserError, match=r"pip install 'mmcrossformer\[faster-coco-eval\]'"):
        METRICS.build(dict(type='mmcrossformer.FasterCocoMetric'))
    monkeypatch.undo()
    with pytest.raises(UserError, match='use_mp_eval=True'):
        METRICS.build(dict(type='mmcrossformer.FasterCocoMetric', use_mp_eval=True))
