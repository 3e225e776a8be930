"""What the data sets of a job contain."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from mmcrossformer.engine.check.coco.file import CocoFile
from mmcrossformer.engine.check.coco.load import Loaded
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.utils.errors import names


@dataclass(frozen=True)
class Contents:
    """What a data set contains, to compare it with others.

    Attributes:
        part: `train`, `val` or `test`.
        source: Its annotation file or loader, for messages.
        classes: Names of its classes.
        samples: Number of its samples.
        file: Its annotation file, if that is in COCO format and can be loaded.
        loaded: What the data set makes of that file.
        labelled: Ids of the categories of that file, in the order of the labels that the data set gives them.
        masks: Whether the segmentations of that file have been checked.
    """

    part: str
    source: str
    classes: list[str]
    samples: int = 0
    file: CocoFile | None = None
    loaded: Loaded | None = None
    labelled: Sequence[Hashable] = ()
    masks: bool = False


def check_together(contents: Sequence[Contents]) -> list[Finding]:
    """Compares the data sets of a job with each other.

    Args:
        contents: The data sets for training and validation.
    """
    train, val = ([content for content in contents if content.part == part] for part in ('train', 'val'))
    return [finding for one in train[:1] for other in val for finding in _check_same_classes(one, other)]


def _check_same_classes(train: Contents, val: Contents) -> list[Finding]:
    """A label means the class at its place in the list, in training and validation."""
    if train.classes == val.classes or not train.classes or not val.classes:
        return []
    same = sorted(train.classes) == sorted(val.classes)
    return [
        Finding(
            f'the classes of {val.source} are {"in another order than" if same else "others than"} those of '
            f'{train.source}: {names(val.classes)}, not {names(train.classes)}. Set '
            'dataset.metainfo.classes of both to the same list'
        )
    ]
