"""What the data sets of a job contain."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmcrossformer.engine.check.coco.file import CocoFile
from mmcrossformer.engine.check.coco.load import Loaded
from mmcrossformer.engine.check.objects import NO_OBJECTS, Objects


@dataclass(frozen=True)
class Contents:
    """What a data set contains, to compare it with others.

    Attributes:
        part: `train`, `val` or `test`.
        source: Its annotation file or loader, for messages.
        classes: Names of its classes.
        samples: Number of its samples.
        entries: Those of them that were looked at, as its pipeline gets them.
        file: Its annotation file, if that is in COCO format and can be loaded.
        loaded: What the data set makes of that file.
        labelled: Ids of the categories of that file, in the order of the labels that the data set gives them.
        masks: Whether the segmentations of that file have been checked.
        images: Its images, all or a sample.
        objects: Its objects, of the images or of all.
        pixels: Number of pixels of each class in its label maps.
    """

    part: str
    source: str
    classes: list[str]
    samples: int = 0
    entries: Sequence[dict[str, Any]] = ()
    file: CocoFile | None = None
    loaded: Loaded | None = None
    labelled: Sequence[Hashable] = ()
    masks: bool = False
    images: Sequence[Path] = ()
    objects: Objects = NO_OBJECTS
    pixels: Mapping[str, int] = field(default_factory=dict)
