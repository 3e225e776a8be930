"""Compares the objects of XML files, as of VOC, with those that a data set keeps."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.images import in_threads
from mmcrossformer.utils.errors import names


def check_voc(entries: Sequence[Mapping[str, Any]], classes: Sequence[str], source: str) -> list[Finding]:
    """Reports objects that mmdet drops or ignores; nothing for entries without XML files and boxes.

    Args:
        entries: Entries of a data set.
        classes: Names of its classes.
        source: Where the entries are listed, for messages.
    """
    instances = [instance for entry in entries for instance in entry.get('instances', ())]
    trained = sum(not instance.get('ignore_flag') for instance in instances)
    paths = [Path(entry['xml_path']) for entry in entries if 'xml_path' in entry]
    found = sum(in_threads(_count_names, paths), Counter[str]())
    unknown = {name: count for name, count in found.most_common() if name not in classes}
    findings = []
    if unknown:
        described = [f'{name} ({count})' for name, count in unknown.items()]
        findings.append(
            Finding(
                f'{sum(unknown.values())} of {found.total()} objects of {source} have names that are no classes of the '
                f'data set, and are dropped: {names(described)}. The classes are {names(list(classes))}',
                warning=True,
            )
        )
    if trained < len(instances) / 2:
        text = f'{len(instances) - trained} of {len(instances)} objects of {source} are ignored: difficult or too small'
        findings.append(Finding(text, warning=True))
    if not trained and any('instances' in entry for entry in entries):
        findings.append(Finding(f'{source} has no object of any class of the data set that could be trained or found'))
    return findings


def _count_names(path: Path) -> Counter[str]:
    """Counts the names of the objects of a file, which the data set has parsed before."""
    root = ElementTree.parse(path).getroot()
    return Counter(entry.findtext('name', '') for entry in root.findall('object'))
