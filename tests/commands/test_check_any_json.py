"""Annotation files of any content: the check ends in findings, and what it lets through can be loaded."""

import copy
import json

import pytest
from checked import HEIGHT, WIDTH, coco_of
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mmengine.registry import DATASETS

from mmcrossformer.engine.check import Limits, check_job

LISTS = ('images', 'annotations', 'categories')
NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 0.5, WIDTH, HEIGHT, 1e30, 2**31, 2**80, float('nan'), float('inf'), -float('inf')]),
    st.integers(-50, 50),
    st.floats(),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(['', '1', '0.jpg', 'cat', '\ud800', 'a\0b']))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(NUMBERS, min_size=3, max_size=10),
        st.dictionaries(st.sampled_from(['id', 'size', 'counts', 'bbox']), inner, max_size=2),
    ),
    max_leaves=8,
)
KEYS = ('id', 'file_name', 'width', 'height', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd', 'segmentation')
PARTS = st.sampled_from([*LISTS, 'info', 'licenses'])
CHANGES = st.one_of(
    st.tuples(st.just('whole'), VALUES),
    st.tuples(st.just('part'), PARTS, VALUES),
    st.tuples(st.just('no part'), PARTS),
    st.tuples(st.just('entry'), st.sampled_from(LISTS), st.integers(0, 1), VALUES),
    *(
        # More often than the others.
        st.tuples(st.just('value'), st.sampled_from(LISTS), st.integers(0, 1), st.sampled_from([*KEYS, 'name']), VALUES)
        for _ in range(4)
    ),
    st.tuples(st.just('no value'), st.sampled_from(LISTS), st.integers(0, 1), st.sampled_from([*KEYS, 'name'])),
    st.tuples(st.just('all values'), st.just('annotations'), st.sampled_from(KEYS), VALUES),
    st.tuples(st.just('coordinate'), st.sampled_from(['bbox', 'polygon']), st.integers(0, 3), SCALARS),
)


def apply(coco, change):
    """Changes a valid content; does nothing where an earlier change has removed what this one changes."""
    kind, *rest = change
    if kind == 'whole':
        return rest[0]
    try:
        if kind == 'part':
            coco[rest[0]] = rest[1]
        elif kind == 'no part':
            del coco[rest[0]]
        elif kind == 'entry':
            coco[rest[0]][rest[1]] = rest[2]
        elif kind == 'value':
            coco[rest[0]][rest[1]][rest[2]] = rest[3]
        elif kind == 'no value':
            del coco[rest[0]][rest[1]][rest[2]]
        elif kind == 'all values':
            for entry in coco[rest[0]]:
                entry[rest[1]] = rest[2]
        elif kind == 'coordinate':
            entry = coco['annotations'][0]
            values = entry['bbox'] if rest[0] == 'bbox' else entry['segmentation'][0]
            values[rest[1]] = rest[2]
    except (KeyError, IndexError, TypeError, AttributeError):
        pass
    return coco


def check_any(job, data, changes):
    coco = copy.deepcopy(coco_of())
    for change in changes:
        coco = apply(coco, change)
    (data / 'train.json').write_text(json.dumps(coco))
    findings = check_job(job, Limits(), channels=False)
    for finding in findings:
        assert finding.text.encode(), 'it can be printed'
    errors = [finding.text for finding in findings if not finding.warning]
    for text in errors:
        assert 'train.json' in text or 'val.json' in text, 'each names the file'
    if not errors:
        dataset = DATASETS.build(dict(job.train_dataloader.dataset, serialize_data=False))  # which takes a second
        for i in range(len(dataset)):
            assert dataset[i] is not None


QUICK = settings(
    max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LONG = settings(QUICK, max_examples=1500)


@QUICK
@example(changes=[('part', 'info', 7), ('part', 'licenses', [None])])
@example(changes=[('value', 'annotations', 0, 'segmentation', dict(size=[HEIGHT, WIDTH], counts=[WIDTH * HEIGHT]))])
@example(changes=[('value', 'annotations', 0, 'segmentation', dict(size=[HEIGHT, WIDTH], counts='PPYo1'))])
@given(changes=st.lists(CHANGES, min_size=1, max_size=2))
def test_any_content(mask_job, data, changes):
    check_any(mask_job, data, changes)


@pytest.mark.repetition
@LONG
@given(changes=st.lists(CHANGES, min_size=1, max_size=3))
def test_any_content_more(mask_job, data, changes):
    check_any(mask_job, data, changes)


@pytest.mark.repetition
@LONG
@given(changes=st.lists(CHANGES, min_size=1, max_size=3))
def test_any_content_for_boxes(job, data, changes):
    check_any(job, data, changes)
