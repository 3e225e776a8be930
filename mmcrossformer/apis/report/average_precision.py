"""Average precision of objects, as COCO defines it, by pycocotools."""

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmcrossformer.apis.masks import encode_mask
from mmcrossformer.apis.prediction import Prediction
from mmcrossformer.apis.report.rankings import Ranking

# Numbers of predictions of an image, as mmdet's CocoMetric has them.
_MAX_DETS = (100, 300, 1000)
AR_DETS = _MAX_DETS[0]


@dataclass
class ObjectTruth:
    """Ground truth of the objects of a data set.

    Attributes:
        coco: The annotations.
        image_ids: Id of each image that is evaluated.
        category_ids: Id of each class.
    """

    coco: COCO
    category_ids: list[int]
    image_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class AveragePrecision:
    """Results of boxes or masks; NaN for what has no objects.

    Attributes:
        stats: COCO's twelve numbers [12], as mmdet's CocoMetric has them: AP, AP50, AP75, those of small, medium and
            large objects, and recall.
        ap: AP of each class [classes], mean over IoU 0.5 to 0.95.
        ap50: AP of each class at IoU 0.5 [classes].
        recall: Recall of each class with at most 100 predictions an image, mean over IoU 0.5 to 0.95 [classes].
        rankings: Predictions of each class at IoU 0.5.
    """

    stats: np.ndarray
    ap: np.ndarray
    ap50: np.ndarray
    recall: np.ndarray
    rankings: list[Ranking]


def read_object_truth(dataset: BaseDataset, classes: Sequence[str], indices: Sequence[int]) -> ObjectTruth:
    """Reads the ground truth: the annotation file of a COCO data set, or else the objects that the data set gives.

    Args:
        dataset: A data set of mmdet.
        classes: Names of the classes.
        indices: Images that are evaluated.
    """
    from mmdet.datasets import CocoDataset

    infos = [dataset.get_data_info(index) for index in indices]
    if isinstance(dataset, CocoDataset):
        content = json.loads(Path(dataset.ann_file).read_text())
        return ObjectTruth(_index(content), list(dataset.cat_ids), [info['img_id'] for info in infos])
    content = dict(
        images=[dict(id=index, width=info['width'], height=info['height']) for index, info in enumerate(infos)],
        categories=[dict(id=label, name=name) for label, name in enumerate(classes)],
        annotations=[],
    )
    for image, info in enumerate(infos):
        for instance in info['instances']:
            x, y, right, bottom = (float(corner) for corner in instance['bbox'])
            annotation = dict(
                id=len(content['annotations']) + 1,  # pycocotools takes 0 for no match
                image_id=image,
                category_id=int(instance['bbox_label']),
                bbox=[x, y, right - x, bottom - y],
                area=(right - x) * (bottom - y),
                iscrowd=int(instance.get('ignore_flag', 0)),
            )
            if instance.get('mask'):
                annotation['segmentation'] = instance['mask']
            content['annotations'].append(annotation)
    return ObjectTruth(_index(content), list(range(len(classes))), list(range(len(infos))))


def as_results(found: Prediction, image_id: int, category_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Converts the objects of an image to results of COCO's format."""
    assert found.boxes is not None, 'detectors find boxes'
    results: list[dict[str, Any]] = []
    for i, (label, score) in enumerate(zip(found.labels.tolist(), found.scores.tolist(), strict=True)):
        x, y, right, bottom = found.boxes[i].tolist()
        results.append(
            dict(image_id=image_id, category_id=category_ids[label], score=score, bbox=[x, y, right - x, bottom - y])
        )
        if found.masks is not None:
            results[-1]['segmentation'] = encode_mask(found.masks, i)
    return results


def kinds_of(truth: ObjectTruth, results: Sequence[dict[str, Any]]) -> list[str]:
    """Returns `bbox`, and `segm` where truth and predictions have masks."""
    annotations = [a for image in truth.image_ids for a in truth.coco.imgToAnns[image]]
    masks = results and annotations and all(item.get('segmentation') for item in (*results, *annotations))
    return ['bbox', 'segm'] if masks else ['bbox']


def index_results(truth: ObjectTruth, results: Sequence[dict[str, Any]], kind: str) -> COCO:
    """Indexes results; `kind` is `bbox` or `segm`."""
    # With its box, an object of a mask would have the area of the box.
    other = 'segmentation' if kind == 'bbox' else 'bbox'
    taken = [{key: value for key, value in result.items() if key != other} for result in results]
    if not taken:
        return _index(dict(truth.coco.dataset, annotations=[]))
    with contextlib.redirect_stdout(io.StringIO()):
        return truth.coco.loadRes(taken)


def evaluate_objects(truth: ObjectTruth, found: COCO, kind: str) -> AveragePrecision:
    """Computes average precision; see `index_results` for the arguments."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth.coco, found, kind)
        evaluation.params.imgIds = truth.image_ids
        evaluation.params.catIds = truth.category_ids
        evaluation.params.maxDets = list(_MAX_DETS)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    places = np.searchsorted(evaluation.params.catIds, truth.category_ids)  # pycocotools sorts the classes
    precision, recall = evaluation.eval['precision'], evaluation.eval['recall']
    return AveragePrecision(
        np.where(evaluation.stats < 0, np.nan, evaluation.stats),
        np.array([_mean(precision[:, :, place, 0, -1]) for place in places]),
        np.array([_mean(precision[0, :, place, 0, -1]) for place in places]),
        np.array([_mean(recall[:, place, 0, 0]) for place in places]),
        [_rank(evaluation, place) for place in places.tolist()],
    )


def _rank(evaluation: COCOeval, place: int) -> Ranking:
    """Returns the predictions of a class that are matched at IoU 0.5, the first threshold."""
    images, sizes = len(evaluation.params.imgIds), len(evaluation.params.areaRng)
    start = place * sizes * images  # those of objects of all sizes come first
    parts = [part for part in evaluation.evalImgs[start : start + images] if part is not None]
    kept = [~np.asarray(part['dtIgnore'][0], bool) for part in parts]
    scores = [np.asarray(part['dtScores'], float)[mask] for part, mask in zip(parts, kept, strict=True)]
    right = [(part['dtMatches'][0] > 0)[mask] for part, mask in zip(parts, kept, strict=True)]
    number = sum(int((np.asarray(part['gtIgnore']) == 0).sum()) for part in parts)
    return Ranking(np.concatenate([np.zeros(0), *scores]), np.concatenate([np.zeros(0, bool), *right]), number)


def _mean(values: np.ndarray) -> float:
    """Returns the mean of what pycocotools computed: -1 stands for no objects."""
    values = values[values > -1]
    return float(values.mean()) if values.size else float('nan')


def _index(content: dict[str, Any]) -> COCO:
    coco = COCO()
    coco.dataset = content
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco
