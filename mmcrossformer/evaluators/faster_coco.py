"""COCO's metrics by faster-coco-eval: the same numbers as mmdet's `CocoMetric`, in less time."""

import importlib.util
from types import FunctionType
from typing import Any

from mmdet.evaluation.metrics import CocoMetric
from mmdet.evaluation.metrics import coco_metric as host

from mmcrossformer.registry import METRICS
from mmcrossformer.utils.errors import UserError

# What pycocotools takes AP from, whatever the numbers of predictions are.
_AP_DETS = 100


@METRICS.register_module()
class FasterCocoMetric(CocoMetric):
    """mmdet's `CocoMetric`, computed by faster-coco-eval; see there for the arguments.

    Set `val_evaluator.type` and `test_evaluator.type` to `'mmcrossformer.FasterCocoMetric'`. Other users of pycocotools
    in the process are not affected.

    Raises:
        UserError: faster-coco-eval is not installed, or `use_mp_eval` asks for pycocotools in several processes.
    """

    def __init__(self, *args: Any, use_mp_eval: bool = False, **kwargs: Any) -> None:
        if importlib.util.find_spec('faster_coco_eval') is None:
            raise UserError(
                "FasterCocoMetric needs faster-coco-eval: pip install 'mmcrossformer[faster-coco-eval]', or use "
                'CocoMetric, which reports the same numbers'
            )
        if use_mp_eval:
            raise UserError('FasterCocoMetric has use_mp_eval=True, which is for CocoMetric: leave it out')
        super().__init__(*args, **kwargs)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Computes the metrics as `CocoMetric` does, with another evaluation of objects."""
        # A copy of the host's function that sees our evaluation: nothing in mmdet is replaced.
        names = {**vars(host), 'COCOeval': _evaluation}
        compute = FunctionType(CocoMetric.compute_metrics.__code__, names, 'compute_metrics')
        return compute(self, results)


def _evaluation(truth: Any, found: Any, kind: str) -> Any:
    """Returns what `COCOeval` of pycocotools would, for the same arguments."""
    from faster_coco_eval import COCO, COCOeval_faster

    class Evaluation(COCOeval_faster):
        def summarize(self) -> None:
            super().summarize()
            # faster-coco-eval takes AP from the largest number of predictions; pycocotools has none without this one.
            with_it = _AP_DETS in self.params.maxDets
            self.stats[0] = self._summarize(1, maxDets=_AP_DETS) if with_it else -1.0

    # Copies: faster-coco-eval adds fields to the annotations.
    copies = [COCO(part.dataset, use_deepcopy=True) for part in (truth, found)]
    return Evaluation(*copies, kind, print_function=print)
