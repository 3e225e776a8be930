"""Checks label maps: loads them as the training does and compares the labels with the classes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.registry import TRANSFORMS
from PIL import Image

from mmcrossformer.config.walk import dicts_in, type_name
from mmcrossformer.engine.check.finding import Finding, count_bad
from mmcrossformer.engine.check.images import evenly_spaced, in_threads, is_file
from mmcrossformer.engine.check.labels import check_labels
from mmcrossformer.engine.check.picture import Load, Picture, Size, build_load, look_at
from mmcrossformer.utils.errors import names

# mmseg stores labels in 8 bits. These values become 255 there, the label that losses ignore, as their authors meant.
_IGNORED_ELSEWHERE = (-1, 65535)


@dataclass(frozen=True)
class _LabelMap:
    """What a file has and what the training gets of it.

    Attributes:
        path: The file.
        lossy: Whether the file is a JPEG, whose values are not those that were written.
        mode: Pillow's name of its format of pixels, such as 'P'.
        values: Its values, or None if it has several channels.
        pixels: Number of pixels by label, as loaded [256].
        sizes: Width and height of the map and of its image, as loaded.
    """

    path: Path
    lossy: bool
    mode: str
    values: tuple[float, ...] | None
    pixels: np.ndarray
    sizes: tuple[Size, Size]


def check_label_maps(
    entries: Sequence[dict[str, Any]],
    dataset: BaseDataset,
    pipeline: Sequence[dict[str, Any]],
    *,
    source: str,
    decode: int | None,
) -> tuple[list[Finding], Counter[str]]:
    """Checks the label maps of a segmentation data set of mmseg.

    Args:
        entries: Entries of the data set, all or a sample.
        dataset: The data set, which was built without its pipeline.
        pipeline: Settings of the pipeline, whose `LoadAnnotations` loads the maps.
        source: Where the maps are listed, for the messages.
        decode: Number of maps to decode, evenly spaced; None for all.

    Returns:
        The findings, and the number of pixels of each class in the decoded maps.
    """
    reader = _reader(pipeline)
    if reader.get('reduce_zero_label') not in (None, dataset.reduce_zero_label):
        return [
            Finding(
                f'reduce_zero_label is {dataset.reduce_zero_label} in the data set of {source} and '
                f'{reader["reduce_zero_label"]} in its LoadAnnotations, which mmseg refuses: set it in the data set'
            )
        ], Counter()
    exists = in_threads(is_file, (Path(entry['seg_map_path']) for entry in entries))
    missing = [entry['seg_map_path'] for entry, there in zip(entries, exists, strict=True) if not there]
    there = [entry for entry, there in zip(entries, exists, strict=True) if there]
    chosen = evenly_spaced(there, decode)
    maps, broken = _load_all(chosen, reader, build_load(pipeline))
    labelled = [found for found in maps if found.values is not None]
    of = f'label maps of {source}'
    findings = [
        *count_bad(missing, len(entries), f'{of} are missing'),
        *count_bad(broken, len(chosen), f'{of} cannot be decoded'),
        *_check_sizes(maps, of),
        *_check_formats(maps, of, reader),
    ]
    if not labelled:
        return findings, Counter()
    pixels = [found.pixels for found in labelled]
    values = sorted({value for found in labelled for value in found.values or ()})
    paths = [found.path for found in labelled]
    whole = len(chosen) == len(dataset)
    return [*findings, *check_labels(paths, pixels, values, dataset, of, whole=whole)], _count_pixels(pixels, dataset)


def _count_pixels(pixels: Sequence[np.ndarray], dataset: BaseDataset) -> Counter[str]:
    total = np.sum(pixels, axis=0)
    return Counter({name: int(total[label]) for label, name in enumerate(dataset.metainfo.get('classes') or ())})


def _reader(pipeline: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the settings of the step that loads label maps; mmseg's default without one."""
    kind = 'LoadAnnotations'
    steps = [dict(step) for step in dicts_in(pipeline) if type_name(step) == kind]
    return steps[0] if steps else dict(type=kind)


def _load_all(
    entries: Sequence[dict[str, Any]], reader: dict[str, Any], load_image: Load | None
) -> tuple[list[_LabelMap], list[str]]:
    """Loads label maps with steps of the pipeline; returns them, and the paths of those that cannot be decoded."""
    # The data set sets it, and the warning of mmseg would be about the file of the user.
    load = TRANSFORMS.build({**reader, 'reduce_zero_label': None})

    def load_one(entry: dict[str, Any]) -> _LabelMap | str:
        try:
            return _load(entry, load, load_image)
        except Exception:  # readers raise errors of many types
            return entry['seg_map_path']

    found = in_threads(load_one, entries)
    return [one for one in found if not isinstance(one, str)], [one for one in found if isinstance(one, str)]


def _load(entry: dict[str, Any], load: Any, load_image: Load | None) -> _LabelMap:
    import mmcv

    path = Path(entry['seg_map_path'])
    with Image.open(path) as file:
        lossy, mode = file.format == 'JPEG', file.mode
    stored = mmcv.imfrombytes(path.read_bytes(), flag='unchanged', backend=load.imdecode_backend).squeeze()
    labels = load(dict(entry, seg_fields=[]))['gt_seg_map']
    size, picture = (labels.shape[1], labels.shape[0]), look_at(Path(entry['img_path']), load_image)
    return _LabelMap(
        path=path,
        lossy=lossy,
        mode=mode,
        values=tuple(np.unique(stored).tolist()) if stored.ndim == 2 else None,
        pixels=np.bincount(labels.ravel(), minlength=256),
        sizes=(size, picture.loaded if isinstance(picture, Picture) else size),  # the check of images reports others
    )


def _check_sizes(maps: Sequence[_LabelMap], of: str) -> list[Finding]:
    other = [
        f'{found.path} ({size[0]} x {size[1]}, not {wanted[0]} x {wanted[1]})'
        for found in maps
        for size, wanted in [found.sizes]
        if size != wanted
    ]
    return count_bad(other, len(maps), f'{of} have another width x height than their image as it is loaded')


def _check_formats(maps: Sequence[_LabelMap], of: str, reader: Mapping[str, Any]) -> list[Finding]:
    """Reports files that do not keep labels: colours, values that do not fit in 8 bits, JPEG."""
    colors = [found for found in maps if found.values is None]
    palette = any(found.mode == 'P' for found in colors)
    advice = (
        f"LoadAnnotations with imdecode_backend='{reader.get('imdecode_backend')}' loads the palette, not the labels: "
        "leave imdecode_backend out, which is then 'pillow'"
        if palette
        else 'Write one channel with the number of the class in each pixel'
    )
    cut = [f'{found.path} ({names(changes)})' for found in maps if found.values and (changes := _changes(found.values))]
    lossy = [found.path for found in maps if found.lossy]
    findings = [
        *count_bad([found.path for found in colors], len(maps), f'{of} have colours, not labels', advice),
        *count_bad(cut, len(maps), f'{of} have values that are lost in the 8 bits of mmseg'),
    ]
    if lossy:
        findings.append(
            Finding(
                f'{len(lossy)} of {len(maps)} {of} are JPEG files, whose values near edges are mixtures of labels: '
                f'{names(lossy)}. Write them again from the source, as PNG',
            )
        )
    return findings


def _changes(values: Sequence[float]) -> list[str]:
    """Returns what becomes of values that do not fit in 8 bits."""
    with np.errstate(invalid='ignore'):  # not a number
        stored = np.asarray(values).astype(np.int64).astype(np.uint8).tolist()
    return [
        f'{value:g} becomes {label}'
        for value, label in zip(values, stored, strict=True)
        if value != label and value not in _IGNORED_ELSEWHERE
    ]
