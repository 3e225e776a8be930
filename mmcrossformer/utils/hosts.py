"""The host libraries, which exist in two families that own the same modules: the maintained and the original packages.

Imports only the standard library, as `mmcrossformer doctor` does.
"""

import importlib.metadata
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Host libraries that work together.

    Attributes:
        name: What the family is called.
        extra: The extra of this package that installs it.
        distributions: The distribution of each module.
    """

    name: str
    extra: str
    distributions: dict[str, str]

    @property
    def install_command(self) -> str:
        """The command that installs the whole family."""
        return f"pip install 'mmcrossformer[{self.extra}]'"


MAINTAINED = Family(
    'maintained',
    'mm',
    dict(
        mmengine='onedl-mmengine',
        mmcv='onedl-mmcv',
        mmdet='onedl-mmdetection',
        mmseg='onedl-mmsegmentation',
        mmpretrain='onedl-mmpretrain',
    ),
)
ORIGINAL = Family(
    'original',
    'mm-original',
    dict(mmengine='mmengine', mmcv='mmcv-lite', mmdet='mmdet', mmseg='mmsegmentation', mmpretrain='mmpretrain'),
)
# mmdet reads and evaluates panoptic segmentation with it; it is in no package index.
INSTALL_PANOPTIC = 'pip install git+https://github.com/cocodataset/panopticapi.git'
# Those that models, data sets and metrics come from; they need the other modules.
LIBRARIES = ('mmdet', 'mmseg', 'mmpretrain')


def find_owners() -> dict[str, list[str]]:
    """Returns the installed distributions of each module of the host libraries, none for those that are missing."""
    found = importlib.metadata.packages_distributions()
    return {module: sorted({*found.get(module, ())}) for module in MAINTAINED.distributions}


def family_of(distribution: str) -> Family:
    """Returns the family of a distribution; mmcv with compiled operators, for one, is of the original family, too."""
    return MAINTAINED if distribution.startswith('onedl-') else ORIGINAL


def installed_family() -> Family:
    """Returns the family that most of the installed host libraries are of; the maintained one where none prevails."""
    counts = Counter(family_of(name).name for names in find_owners().values() for name in names)
    return ORIGINAL if counts[ORIGINAL.name] > counts[MAINTAINED.name] else MAINTAINED


def install_command(module: str) -> str:
    """Returns the command that installs a missing module beside what is installed."""
    family, owners = installed_family(), find_owners()
    if module in LIBRARIES and any(owners.values()):
        return f'pip install {family.distributions[module]}'  # keeps an mmcv that was compiled
    return family.install_command


def repair_command() -> str:
    """Returns the command that leaves the installed family alone, with each module of one distribution."""
    family = installed_family()
    foreign = {
        name
        for module, names in find_owners().items()
        if names != [family.distributions[module]]
        for name in names  # all of them: each has replaced files of the others
    }
    uninstall = f'pip uninstall -y {" ".join(sorted(foreign))} && ' if foreign else ''
    return uninstall + family.install_command
