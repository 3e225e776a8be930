"""Loads annotations by the rules of the host library, from content that was read before."""

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

from mmengine.dataset import BaseDataset

from mmcrossformer.engine.check.coco.file import CocoFile


@dataclass(frozen=True)
class Loaded:
    """What a data set makes of its annotation file.

    Attributes:
        entries: Every image of the data set with its `instances`.
        kept: The entries that the data set's filter keeps.
        dropped: Annotations of the data set's classes that are no instances.
    """

    entries: list[dict[str, Any]]
    kept: list[dict[str, Any]]
    dropped: list[dict[str, Any]]


def is_coco(dataset: BaseDataset) -> bool:
    """Whether a data set reads boxes in COCO format by pycocotools; LVIS and panoptic data sets have formats apart."""
    api = getattr(dataset, 'COCOAPI', None)
    if api is None:
        return False
    from pycocotools.coco import COCO  # which mmdet needs, and the other libraries do not

    if getattr(api, 'createIndex', None) is not COCO.createIndex:
        return False
    for kind in type(dataset).__mro__:
        load = vars(kind).get('load_data_list')
        if load is not None and 'super' not in load.__code__.co_names:
            return 'COCOAPI' in load.__code__.co_names
    return False


def load_annotations(dataset: BaseDataset, file: CocoFile) -> Loaded:
    """Loads and filters annotations by the methods of the data set.

    Args:
        dataset: A data set for which `is_coco` is true. It gets the attributes that loading sets, such as `cat_ids`.
        file: Content of its annotation file.
    """

    def index(_: str) -> Any:
        api = kind()
        # mmdet writes into the images.
        api.dataset = dict(file.content, images=[dict(image) for image in file.content['images']])
        with redirect_stdout(io.StringIO()):  # pycocotools tells about its progress
            api.createIndex()
        # mmdet's names for what the index replaced.
        api.img_ann_map, api.cat_img_map = api.imgToAnns, api.catToImgs
        return api

    kind = dataset.COCOAPI
    dataset.COCOAPI = index
    try:
        entries = dataset.load_data_list()
        dataset.data_list = entries
        return Loaded(entries, dataset.filter_data(), _find_dropped(dataset, entries, file))
    finally:
        del dataset.COCOAPI


def _find_dropped(dataset: BaseDataset, entries: list[dict[str, Any]], file: CocoFile) -> list[dict[str, Any]]:
    """Returns the annotations of classes of the data set that are no instances of its entries."""
    used, dropped = set(dataset.cat_ids), []
    for loaded in entries:
        wanted = [entry for entry in file.objects_of.get(loaded['img_id'], ()) if entry['category_id'] in used]
        if len(wanted) != len(loaded['instances']):
            image = dict(file.images[loaded['img_id']], img_id=loaded['img_id'])
            dropped += [
                entry
                for entry in wanted
                if not dataset.parse_data_info(dict(raw_img_info=image, raw_ann_info=[entry]))['instances']
            ]
    return dropped
