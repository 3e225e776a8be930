"""Faults of annotation files in COCO format: each is planted in a small file, and found."""

import json
from pathlib import Path

import pytest
from checked import assert_contains, edit, findings_of, many, only, set_to
from mmdet.datasets import CocoDataset
from mmengine.registry import DATASETS, init_default_scope


def set_all(part, **values):
    return lambda coco: [entry.update(values) for entry in coco[part]] and None


def take(part):
    return lambda coco: coco.pop(part) and None


def clear(part):
    return lambda coco: coco[part].clear()


FAULTS = {
    'empty box': (
        set_to('annotations', 0, bbox=[5, 5, 0, 10]),
        '1 of 8 annotations of * have an empty or inverted box * 1. They are dropped by CocoDataset',
    ),
    'inverted box': (
        set_to('annotations', 1, bbox=[15, 15, -10, -10]),
        '1 of 8 annotations of * have an empty or inverted box * 2.',
    ),
    'box outside': (
        set_to('annotations', 2, bbox=[45, 5, 10, 10]),
        '1 of 8 annotations of * have a box outside of the image: 11.',
    ),
    'box below a pixel': (
        set_to('annotations', 2, bbox=[5, 5, 10, 0.5]),
        '1 of 8 annotations of * have a box with a side below 1 pixel: 11.',
    ),
    'area of zero': (
        set_to('annotations', 3, area=0),
        '1 of 8 annotations of * have an area of 0 or less (field area): 12. They are dropped by CocoDataset',
    ),
    'marked as ignore': (
        set_to('annotations', 3, ignore=1),
        '1 of 8 annotations of * have a true key ignore: 12. They are dropped by CocoDataset',
    ),
    'no such image': (
        set_to('annotations', 0, image_id=99),
        '1 of 8 annotations of * belong to no image of the file (field image_id): 1.',
    ),
    'image id of another type': (
        set_to('annotations', 0, image_id='3'),
        "1 of 8 annotations of * belong to no image of the file (field image_id): 1. * image_id is '3', and the id 3,",
    ),
    'no such category': (
        set_to('annotations', 0, category_id=9),
        '1 of 8 annotations of * have a category that the file does not list (field category_id): 1.',
    ),
    'box of three numbers': (
        set_to('annotations', 0, bbox=[5, 5, 10]),
        'bbox of 1 of 8 annotations is not the four numbers x, y, width, height: annotations[0] (id 1) has',
    ),
    'id of an annotation twice': (
        set_to('annotations', 0, id=2),
        '1 of 8 annotations of * share their id with another one (field id): 2',
    ),
    'id of an image twice': (
        set_to('images', 0, id=2),
        '1 of 4 images of * share their id with another one (field id): 2',
    ),
    'id of a category twice': (
        set_to('categories', 0, id=2),
        '1 of 2 categories of * share their id with another one (field id): 2',
    ),
    'ids of two types': (
        set_to('images', 1, id='1'),
        "1 of 4 images of * have a text for an id (field id): '1'. The others have numbers: use one type",
    ),
    'id of an annotation that is a text': (
        set_to('annotations', 0, id='a'),
        "id of 1 of 8 annotations is not a number, as the evaluation needs: annotations[0] (id 'a') has 'a'",
    ),
    'image missing': (
        set_to('images', 2, file_name='away.jpg'),
        '1 of 4 images of * are missing: */images/away.jpg',
    ),
    'image of another size': (
        set_to('images', 1, width=30, height=40),
        '1 of 4 images of * have another width x height than in the annotations: *1.jpg (40 x 30, not 30 x 40)',
    ),
    'no number': (
        set_to('annotations', 0, area=float('nan')),
        'area of 1 of * is not a number: annotations[0] (id 1)',
    ),
    'no size': (set_to('images', 0, width=0), 'width of 1 of 4 images is not a number of pixels above 0'),
    'no text': (
        set_to('images', 0, file_name=7),
        'file_name of 1 of 4 images is not a text: images[0] (id 0)',
    ),
    'no categories': (clear('categories'), 'train.json has no categories'),
    'no images': (clear('images'), 'train.json has no images'),
    'not COCO': (take('annotations'), "train.json is not in COCO format: it has no list 'annotations'"),
    'no object': (lambda coco: coco['images'].append(5), '1 of 5 images are no objects with keys: images[4]'),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_faults(job, data, fault):
    plant, message = FAULTS[fault]
    edit(data, plant)
    errors = [text for text in findings_of(job) if text.startswith('error:')]
    assert_contains('\n'.join(errors), message)


def test_few_bad_boxes_are_a_warning(job, data):
    """COCO itself has some."""
    edit(data, lambda coco: many(coco, 20))
    edit(data, set_to('annotations', 7, bbox=[5, 5, 0, 0]))
    only(job, 'warning: 1 of 160 annotations of * have an empty or inverted box')


FILES = {
    'gzip': (b'\x1f\x8b\x08\x00', 'is compressed (gzip): unpack it'),
    'byte order mark': ('\ufeff{}'.encode(), 'is UTF-8 with a byte order mark: save it as UTF-8 without'),
    'UTF-16': ('{}'.encode('utf-16'), 'is UTF-16: save it as UTF-8'),
    'Latin-1': ('{"ä": 1}'.encode('latin-1'), 'is not UTF-8'),
    'JSON lines': (b'{"id": 1}\n{"id": 2}\n', 'is no json: * It has several values, as JSON lines do'),
    'cut off': (b'{"images": [', 'is no json: Expecting value'),
    'nested deep': (b'[' * 100_000, 'is no json that can be read'),
    'endless integer': (b'{"images": ' + b'9' * 5000 + b'}', 'is no json that can be read'),
}


@pytest.mark.parametrize('fault', FILES)
def test_files_that_are_no_json(job, data, fault):
    content, message = FILES[fault]
    (data / 'train.json').write_bytes(content)
    only(job, f'error: annotation file *train.json * {message}')


def test_categories_without_instances(job, data):
    edit(data, lambda coco: dict(coco, annotations=[e for e in coco['annotations'] if e['category_id'] == 1]))
    without, never = findings_of(job)
    assert_contains(without, 'warning: 1 classes have no instance in *train.json: dog')
    assert_contains(never, 'warning: 1 classes have instances in *val.json and none to train on: dog')


def test_a_category_of_crowds_has_no_instance(job, data):
    """mmdet does not train crowds."""
    edit(data, lambda coco: [e.update(iscrowd=1) for e in coco['annotations'] if e['category_id'] == 2] and None)
    crowds, without, _never = findings_of(job)
    assert_contains(crowds, 'warning: 4 of 8 objects of *train.json have iscrowd=1: they are neither trained nor found')
    assert_contains(without, 'warning: 1 classes have no instance in *train.json: dog')


def test_nothing_to_train_on(job, data):
    """mmdet would train to the end on empty images."""
    edit(data, set_all('annotations', area=0), ('train', 'val'))
    text = '\n'.join(findings_of(job))
    assert_contains(text, 'error: 8 of 8 annotations of *train.json have an area of 0 or less')
    assert_contains(
        text, 'error: CocoDataset keeps none of the 8 annotations of *train.json: there is nothing to train on'
    )
    assert_contains(
        text, 'error: CocoDataset keeps none of the 8 annotations of *val.json: there is nothing to evaluate'
    )


def test_boxes_that_are_fractions(job, data):
    edit(data, set_all('annotations', bbox=[0.1, 0.2, 0.5, 0.5]))
    text = '\n'.join(findings_of(job))
    assert_contains(text, '8 of 8 annotations of * have a box with a side below 1 pixel * look like fractions of 0..1')


def test_images_that_the_filter_drops(job, data):
    job.train_dataloader.dataset.filter_cfg = dict(filter_empty_gt=True, min_size=32)
    text = '\n'.join(findings_of(job))
    assert_contains(text, 'error: 4 of 4 images of *train.json have objects and are dropped by filter_cfg')
    assert_contains(text, 'error: CocoDataset keeps none of the 8 annotations of *train.json')


def test_background_that_the_filter_drops(job, data):
    edit(data, lambda coco: dict(coco, annotations=[e for e in coco['annotations'] if e['image_id'] == 1]))
    job.train_dataloader.dataset.filter_cfg = dict(filter_empty_gt=True)
    job.train_dataloader.batch_size = 1
    only(job, 'warning: 3 of 4 images of *train.json have no objects left and are dropped * filter_empty_gt=False')


def reverse(coco):
    coco['categories'].reverse()


def test_classes_in_another_order_than_categories(job, data):
    """mmdet would swap the names, and the AP would look right."""
    edit(data, reverse)
    only(
        job,
        'error: CocoDataset gives 2 categories of *train.json another class: dog is cat, cat is dog. Fix: set '
        "dataset.metainfo.classes to ('dog', 'cat')",
    )
    init_default_scope('mmdet')
    loaded = DATASETS.build({**job.train_dataloader.dataset, 'pipeline': []})
    assert [instance['bbox_label'] for instance in loaded[0]['instances']] == [1, 0]


def test_order_of_a_data_set_that_sorts_categories(job, data):
    """Objects365 has another rule."""
    edit(data, reverse)
    job.train_dataloader.dataset.type = 'Objects365V1Dataset'
    assert not findings_of(job)
    edit(data, lambda coco: dict(coco, categories=[dict(id=1, name='dog'), dict(id=2, name='cat')]))
    only(job, 'error: Objects365V1Dataset gives 2 categories of *train.json another class: dog is cat, cat is dog')


def test_two_categories_of_one_name(job, data):
    edit(data, set_to('categories', 1, name='cat'), ('train', 'val'))
    for part in ('train', 'val'):
        job[f'{part}_dataloader'].dataset.metainfo.classes = ('cat',)
    text = '\n'.join(findings_of(job))
    assert_contains(
        text, 'error: CocoDataset gives 1 categories of * another class: cat is number 1. Fix: two categories'
    )


def test_classes_of_training_and_validation(job, data):
    edit(data, reverse, ('val',))
    job.val_dataloader.dataset.metainfo.classes = ('dog', 'cat')
    only(job, 'error: the classes of *val.json are in another order than those of *train.json: dog, cat, not cat, dog')


def test_two_images_of_one_file(job, data):
    edit(data, set_to('images', 1, file_name='0.jpg'))
    only(job, 'warning: 1 of 4 images of *train.json share their file with another one (field file_name): 0.jpg')


def test_texts_for_ids(job, data):
    """Legal for mmdet and pycocotools, if all are texts."""

    def change(coco):
        for image in coco['images']:
            image['id'] = f'frame {image["id"]}'
        for entry in coco['annotations']:
            entry['image_id'] = f'frame {entry["image_id"]}'

    edit(data, change)
    only(job, "warning: 4 of 4 images of *train.json have a text for an id (field id): 'frame 0', * COCO has integers")


class Renumbered(CocoDataset):
    """A data set of a user who changes what mmdet loads."""

    def load_data_list(self):
        entries = super().load_data_list()
        for entry in entries:
            entry['instances'] = entry['instances'][:1]
        return entries


class OwnFormat(CocoDataset):
    """A data set of a user with a format of its own."""

    def load_data_list(self):
        content = json.loads(Path(self.ann_file).read_text())
        box = dict(bbox=[5, 5, 15, 15], bbox_label=0, ignore_flag=0)
        boxes = [box, dict(box, bbox_label=1)]
        return [dict(img_path=f'{self.data_prefix["img"]}/{name}', img_id=name, instances=boxes) for name in content]


@pytest.fixture
def registered():
    init_default_scope('mmdet')
    with DATASETS.switch_scope_and_registry('mmdet') as registry:
        for kind in (Renumbered, OwnFormat):
            registry.register_module(module=kind)
        yield
        for kind in (Renumbered, OwnFormat):
            registry.module_dict.pop(kind.__name__)


def test_rules_of_a_derived_data_set(job, data, registered):
    job.train_dataloader.dataset.type = 'Renumbered'
    text = '\n'.join(findings_of(job))
    assert_contains(text, 'warning: 1 classes have no instance in *train.json: dog')


def test_a_data_set_with_another_format(job, data, registered):
    (data / 'train.json').write_text(json.dumps([f'{i}.jpg' for i in range(4)]))
    job.train_dataloader.dataset.type = 'OwnFormat'
    assert not findings_of(job)
    (data / 'train.json').write_text(json.dumps(['0.jpg', 'away.jpg']))
    only(job, 'error: 1 of 2 images of *train.json are missing: */images/away.jpg')
