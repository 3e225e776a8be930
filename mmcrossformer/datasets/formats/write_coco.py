"""Writes objects as the COCO json that mmdet reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.datasets.formats.pictures import loaded_size
from mmcrossformer.utils.files import encode_json, write_text


def write_coco(found: Found, folder: Path) -> tuple[Path, Path]:
    """Writes train.json and val.json. The same data give the same bytes.

    Ids count from 1, categories have the order of the classes, and the names of the images are absolute.

    Args:
        found: Objects.
        folder: Where to write; it exists.

    Returns:
        The files for training and for validation.

    Raises:
        UserError: The size of an image is not known, and it cannot be read.
    """
    paths = folder / 'train.json', folder / 'val.json'
    for path, pictures in zip(paths, (found.train, found.val), strict=True):
        # Without line breaks: indented, every coordinate would have a line of its own.
        write_text(path, encode_json(_coco_of(pictures, found.classes)) + '\n')
    return paths


def _coco_of(pictures: Sequence[Picture], classes: Sequence[str]) -> dict[str, list[dict]]:
    images, annotations = [], list[dict]()
    for image_id, picture in enumerate(pictures, 1):
        width, height = picture.size or loaded_size(picture.path)
        images.append(dict(id=image_id, file_name=str(picture.path), width=width, height=height))
        for entry in picture.annotation:
            others = {key: value for key, value in entry.items() if key != 'category'}
            annotations.append(
                dict(
                    {'area': area_of(entry), 'iscrowd': 0, **others},
                    id=len(annotations) + 1,
                    image_id=image_id,
                    category_id=entry['category'] + 1,
                )
            )
    categories = [dict(id=label, name=name) for label, name in enumerate(classes, 1)]
    return dict(images=images, annotations=annotations, categories=categories)


def area_of(entry: dict[str, Any]) -> float:
    """Returns the area of an object in pixels: of its polygons, or of its mask, or else of its box."""
    segmentation = entry.get('segmentation')
    if isinstance(segmentation, list) and segmentation:
        return sum(_polygon_area(polygon) for polygon in segmentation)
    if isinstance(segmentation, dict) and isinstance(segmentation['counts'], list):
        return float(sum(segmentation['counts'][1::2]))
    return entry['bbox'][2] * entry['bbox'][3]


def _polygon_area(polygon: Sequence[float]) -> float:
    x, y = polygon[0::2], polygon[1::2]
    return abs(sum(x[i - 1] * y[i] - x[i] * y[i - 1] for i in range(len(x)))) / 2
