"""Checks data sets with an XML file for each image, in Pascal VOC's format."""

from pathlib import Path
from xml.etree import ElementTree

from mmengine.dataset import BaseDataset

from mmcrossformer.engine.check.finding import Finding, count_bad

_SIDES = ('xmin', 'ymin', 'xmax', 'ymax')


def reads_xml(dataset: BaseDataset) -> bool:
    """Whether a data set reads XML files as mmdet's `XMLDataset` does."""
    return 'XMLDataset' in [kind.__name__ for kind in type(dataset).__mro__] and Path(dataset.ann_file).is_file()


def check_xml_files(dataset: BaseDataset) -> list[Finding]:
    """Checks the XML files of a data set, before it reads them itself and stops at the first that it cannot use.

    Args:
        dataset: The data set, which has not read them.
    """
    lines = Path(dataset.ann_file).read_text().splitlines()
    folder = Path(dataset.sub_data_root) / dataset.ann_subdir
    missing, wrong = [], []
    for line in lines:
        path = folder / f'{line}.xml'
        if not path.is_file():
            missing.append(f'{line!r} ({path})')
            continue
        try:
            objects = ElementTree.parse(path).getroot().findall('object')
        except ElementTree.ParseError as error:
            wrong.append(f'{path} (no XML: {error})')
            continue
        fault = next(filter(None, map(_describe_wrong_object, objects)), '')
        if fault:
            wrong.append(f'{path} ({fault})')
    source = dataset.ann_file
    return [
        *count_bad(
            missing,
            len(lines),
            f'lines of {source} name no XML file',
            'A line is the name of an image alone: no suffix, no number behind it, not empty. The files are in '
            f'{folder}, which data_root, data_prefix.sub_data_root and ann_subdir of the data set name',
        ),
        *count_bad(
            wrong,
            len(lines),
            f'XML files of {source} cannot be used',
            'An object needs a name and a bndbox with the numbers xmin, ymin, xmax and ymax; difficult is 0 or 1',
        ),
    ]


def _describe_wrong_object(entry: ElementTree.Element) -> str:
    """Says what of an object mmdet cannot read; empty if it can."""
    if not entry.findtext('name'):
        return 'an object without name'
    for what in (*(f'bndbox/{side}' for side in _SIDES), 'difficult'):
        text = entry.findtext(what)
        if text is None:
            if what == 'difficult':
                continue
            return f'an object without {what}'
        try:
            int(float(text) if what != 'difficult' else text)
        except (ValueError, OverflowError):
            return f'{what} is {text!r}'
    return ''
