"""Checks one data set of a job."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from mmcrossformer.config.walk import dicts_in
from mmcrossformer.datasets.coco import Reader
from mmcrossformer.engine.check.coco import check_coco, image_sizes
from mmcrossformer.engine.check.coco.file import CocoFile
from mmcrossformer.engine.check.coco.load import is_coco, load_annotations
from mmcrossformer.engine.check.contents import Contents
from mmcrossformer.engine.check.entries import check_entries
from mmcrossformer.engine.check.finding import Finding
from mmcrossformer.engine.check.images import Limits, among, check_images, evenly_spaced
from mmcrossformer.engine.check.objects import check_objects, find_objects
from mmcrossformer.engine.check.picture import Load, build_load
from mmcrossformer.engine.check.voc import check_voc
from mmcrossformer.engine.check.xml_files import check_xml_files, reads_xml
from mmcrossformer.utils.errors import UserError, innermost


def check_dataset(
    settings: dict[str, Any], part: str, limits: Limits, read: Reader
) -> tuple[list[Finding], Contents | None]:
    """Checks a data set: its annotations and its images.

    Args:
        settings: Its settings in the config.
        part: `train` or `val`.
        limits: How many images to check.
        read: Reads an annotation file.

    Returns:
        The findings, and what the data set contains; None if it cannot be built.
    """
    try:
        dataset = _build(settings)
        load = build_load(_pipeline_of(settings))
        if reads_xml(dataset) and (unusable := check_xml_files(dataset)):
            return unusable, None
        _read_entries(dataset)
    except Exception as error:  # a data set of any library can raise anything
        return [Finding(f'the data set of {part}_dataloader cannot be built: {innermost(error)}')], None
    contents = _describe(dataset, part)
    if is_coco(dataset):
        return _check_coco(dataset, settings, contents, limits, read, load)
    return _check_other(dataset, settings, contents, limits)


def _check_coco(
    dataset: BaseDataset, settings: dict[str, Any], contents: Contents, limits: Limits, read: Reader, load: Load | None
) -> tuple[list[Finding], Contents]:
    """Checks a data set in COCO format, from the content of its file."""
    path, pipeline = Path(dataset.ann_file), _pipeline_of(settings)
    if 'img' not in dataset.data_prefix:
        text = f'data_prefix of the data set of {path} has no key img: set data_prefix=dict(img=FOLDER of the images)'
        return [Finding(text)], contents
    try:
        file = CocoFile(read(path), path)
    except UserError as error:
        return [Finding(str(error))], contents
    mask_steps = [step for step in dicts_in(pipeline) if step.get('with_mask')]
    findings, loaded = check_coco(file, dataset, contents.part, mask_steps)
    if loaded is None:
        return findings, contents
    sizes = image_sizes(loaded)
    chosen = {image: sizes[image] for image in evenly_spaced(list(sizes), limits.present)}
    source = contents.source + among(len(chosen), len(sizes))
    of_images = check_images(chosen, source, limits.decoded, load, Path(dataset.data_prefix['img']))
    used = _select(loaded.kept, settings.get('indices'))
    objects = find_objects(used, pipeline)
    of_objects = check_objects(objects, contents.classes, contents.source) if contents.part == 'train' else []
    contents = replace(
        contents,
        samples=len(used),
        entries=_for_pipeline(dataset, used),
        file=file,
        loaded=loaded,
        labelled=dataset.cat_ids,
        masks=bool(mask_steps),
        images=list(chosen),
        objects=objects,
    )
    return [*of_images, *findings, *of_objects], contents


def _check_other(
    dataset: BaseDataset, settings: dict[str, Any], contents: Contents, limits: Limits
) -> tuple[list[Finding], Contents]:
    """Checks a data set in any other format, by its entries."""
    pipeline = _pipeline_of(settings)
    entries = [dataset.get_data_info(i) for i in evenly_spaced(range(len(dataset)), limits.present)]
    # The objects of panoptic data sets are things, whose classes come first.
    classes = list(dataset.metainfo.get('thing_classes') or contents.classes)
    findings, pixels = check_entries(entries, dataset, pipeline, classes, contents.source, limits.decoded)
    findings += check_voc(entries, classes, contents.source)
    objects = find_objects(entries, pipeline)
    if contents.part == 'train' and len(entries) == len(dataset):  # a sample may miss the few instances of a class
        findings += check_objects(objects, classes, contents.source)
    images = [Path(entry['img_path']) for entry in entries if 'img_path' in entry]
    used = _for_pipeline(dataset, entries)
    return findings, replace(contents, entries=used, images=images, objects=objects, pixels=pixels)


def load_contents(settings: dict[str, Any], part: str, read: Reader) -> tuple[list[Finding], Contents | None]:
    """Loads a data set in COCO format without checking it; of another one the contents are None.

    Args:
        settings: Its settings in the config.
        part: `train`, `val` or `test`.
        read: Reads an annotation file.
    """
    try:
        dataset = _build(settings)
        if not is_coco(dataset):
            _read_entries(dataset)
            return [], None
        path = Path(dataset.ann_file)
        file = CocoFile(read(path), path)
        loaded = load_annotations(dataset, file)
    except Exception as error:  # a data set of any library can raise anything
        return [Finding(f'the data set of {part}_dataloader cannot be loaded: {innermost(error)}')], None
    return [], replace(_describe(dataset, part), file=file, loaded=loaded, labelled=dataset.cat_ids)


def _pipeline_of(settings: dict[str, Any]) -> list[Any]:
    return list(settings.get('pipeline') or ())


def _build(settings: dict[str, Any]) -> BaseDataset:
    """Builds a data set without its pipeline; if possible, it does not read its files."""
    lazy = dict(lazy_init=True) if _can_be_lazy(settings) else {}
    return DATASETS.build({**settings, 'pipeline': [], **lazy})


def _read_entries(dataset: BaseDataset) -> None:
    """Lets a data set read its files; one in COCO format gets the content of a file that is read once."""
    if isinstance(dataset, BaseDataset) and not is_coco(dataset) and not dataset._fully_initialized:
        dataset.serialize_data = False  # which fails without entries
        dataset.full_init()


def _can_be_lazy(settings: dict[str, Any]) -> bool:
    """Whether a data set supports `lazy_init`, which skips its annotation file."""
    kind = settings.get('type')
    with DATASETS.switch_scope_and_registry(None) as registry:
        kind = registry.get(kind) if isinstance(kind, str) else kind
    return isinstance(kind, type) and issubclass(kind, BaseDataset)


def _select(entries: list[dict[str, Any]], indices: int | Sequence[int] | None) -> list[dict[str, Any]]:
    """Returns the entries that `indices` of mmengine's data sets selects: the first, the last if negative, or some."""
    if indices is None:
        return entries
    if isinstance(indices, int):
        return entries[:indices] if indices >= 0 else entries[indices:]
    return [entries[i] for i in indices]


def _for_pipeline(dataset: BaseDataset, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the entries that a pipeline gets one by one; none of a data set that joins them first, as of videos."""
    return entries if type(dataset).prepare_data is BaseDataset.prepare_data else []


def _describe(dataset: BaseDataset, part: str) -> Contents:
    path = Path(getattr(dataset, 'ann_file', None) or '')
    source = str(path) if path.is_file() else f'{part}_dataloader'
    samples = 0 if is_coco(dataset) else len(dataset)  # which is not known before the file is read
    return Contents(part, source, list(dataset.metainfo.get('classes') or ()), samples)
