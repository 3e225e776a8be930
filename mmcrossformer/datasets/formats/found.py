"""What a folder of own data contains, whatever its format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal['objects', 'label maps', 'classes']


@dataclass(frozen=True)
class Picture:
    """An image file and its annotation.

    Attributes:
        path: The image, absolute.
        annotation: Of objects, the entries of COCO's `annotations` without ids (`bbox`, `category` as an index of the
            classes, `segmentation`, `iscrowd`, `area`); of label maps, the path of the map; of classes, the index of
            the class.
        size: Width and height in pixels as the annotation states them, or None.
    """

    path: Path
    annotation: Any
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Found:
    """Own data.

    Attributes:
        kind: What is annotated.
        format: Name of the format, such as 'COCO json' or 'YOLO'.
        folder: The folder that was searched.
        classes: Names of the classes, in the order of their labels.
        train: Pictures to train on.
        val: Pictures to validate on; empty until `split` where the folder has no subset for it.
        masks: Whether every object has a segmentation.
        notes: What was found and decided, a sentence each, for the user.
        labels: Of label maps whose values are no labels, the label of each value, of colours by their numbers
            `red << 16 | green << 8 | blue`; None where the values are the labels.
    """

    kind: Kind
    format: str
    folder: Path
    classes: tuple[str, ...]
    train: list[Picture]
    val: list[Picture] = field(default_factory=list)
    masks: bool = False
    notes: tuple[str, ...] = ()
    labels: Mapping[int, int] | None = None
