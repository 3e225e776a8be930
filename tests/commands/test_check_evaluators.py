"""Evaluators that look things up in another annotation file than the data set loads."""

import copy
import json

import pytest
from checked import assert_contains, edit, findings_of, only, set_to

pytestmark = pytest.mark.hosts


@pytest.fixture
def other(job, data):
    """The evaluator has a file of its own, equal to that of the data set; changes its content."""
    path = data / 'other.json'
    path.write_text((data / 'val.json').read_text())
    job.val_evaluator.ann_file = job.test_evaluator.ann_file = str(path)

    def change(how):
        edit(data, how, ('other',))

    return change


def test_an_equal_file(job, other):
    assert not findings_of(job)


def test_images_that_the_evaluator_does_not_know(job, other):
    """The evaluation would end in an error after the first epoch."""

    def change(coco):
        coco['images'] = coco['images'][:3]
        coco['annotations'] = coco['annotations'][:6]

    other(change)
    only(job, 'error: 1 of 4 images of *val.json are not in *other.json of the evaluator, by id: 3. The evaluator must')


def test_images_that_only_the_evaluator_knows(job, other):
    other(lambda coco: coco['images'].append(dict(id=7, file_name='7.jpg', width=40, height=30)))
    only(
        job,
        'warning: 1 of 5 images of *other.json of the evaluator are not in *val.json, by id: 7. Their objects count',
    )


def test_other_images_of_the_same_ids(job, other):
    other(set_to('images', 2, file_name='elsewhere/9.jpg'))
    only(
        job,
        'error: 1 of 4 images of *val.json are others in *other.json of the evaluator, by id: 2 (val_2.jpg, not else',
    )


def test_categories_in_another_order(job, other):
    other(lambda coco: coco['categories'].reverse())
    only(job, 'error: CocoMetric gives 2 categories of *other.json another class: dog is cat, cat is dog.')


def test_categories_that_the_evaluator_sorts(job, data):
    """Sorted by id in the evaluator, not in the data set."""
    for part in ('train', 'val'):
        edit(data, lambda coco: coco['categories'].reverse(), (part,))
        job[f'{part}_dataloader'].dataset.metainfo.classes = ('dog', 'cat')
    assert not findings_of(job)
    job.val_evaluator.sort_categories = True
    found = [text for text in findings_of(job) if text.startswith('error:')]
    assert len(found) == 1
    assert_contains(found[0], 'CocoMetric gives 2 categories of *val.json another class: cat is dog, dog is cat.')


def test_categories_that_the_evaluator_lacks(job, other):
    other(lambda coco: coco['categories'].pop() and None)
    text = '\n'.join(findings_of(job))
    assert_contains(
        text, 'error: 1 of the 2 classes of *val.json are no categories of *other.json of the evaluator: dog'
    )


def test_a_file_that_is_no_json(job, data):
    (data / 'other.json').write_text('{')
    job.val_evaluator.ann_file = job.test_evaluator.ann_file = str(data / 'other.json')
    errors = [text for text in findings_of(job) if text.startswith('error:')]
    assert len(errors) == 1
    assert_contains(errors[0], 'val_evaluator: annotation file *other.json is no json')


def test_ids_twice(job, other):
    other(set_to('annotations', 0, id=2))
    only(job, 'error: 1 of 8 annotations of *other.json share their id with another one (field id): 2')


def test_an_id_of_zero(job, data):
    """pycocotools takes the id of the matched object for the sign that there is one."""
    edit(data, set_to('annotations', 0, id=0), ('train', 'val'))
    only(
        job, 'warning: 1 of 8 annotations of *val.json have the id 0, for which pycocotools counts a right detection as'
    )


def test_areas_of_zero(job, other):
    other(set_to('annotations', 0, area=0))
    only(
        job, 'warning: 1 of 8 annotations of *other.json have an area of 0 or less (field area): 1. They count as small'
    )


def test_masks_that_only_the_evaluator_needs(mask_job, data):
    """pycocotools decodes all of them."""
    for step in mask_job.val_dataloader.dataset.pipeline:
        step.pop('with_mask', None)
    mask_job.test_dataloader = mask_job.val_dataloader
    assert not findings_of(mask_job)
    edit(data, set_to('annotations', 0, segmentation=[5, 5, 15, 5]), ('val',))
    only(mask_job, 'error: 1 of 8 annotations of *val.json have a segmentation of another form: 1 (a flat list of')


def second_set(job, data, number):
    """Validates on a second data set as well, whose images have ids from a number on."""
    coco = json.loads((data / 'val.json').read_text())
    for image in coco['images']:
        image.update(id=image['id'] + number, file_name=f'more/{image["file_name"]}')
    for entry in coco['annotations']:
        entry.update(id=entry['id'] + 1000, image_id=entry['image_id'] + number)
    (data / 'second.json').write_text(json.dumps(coco))
    (data / 'images/more').mkdir()
    for i in range(4):
        (data / f'images/more/val_{i}.jpg').write_bytes((data / f'images/val_{i}.jpg').read_bytes())
    first = job.val_dataloader.dataset
    second = dict(copy.deepcopy(first), ann_file='second.json')
    job.val_dataloader.dataset = dict(type='ConcatDataset', datasets=[first, second])
    return coco


def test_two_data_sets_and_the_file_of_one(job, data):
    second_set(job, data, 100)
    text = '\n'.join(findings_of(job))
    assert_contains(text, 'error: 4 of 8 images of *val.json are not in *val.json of the evaluator, by id:')


def test_two_data_sets_and_a_file_of_both(job, data, other):
    coco = second_set(job, data, 100)

    def add(both):
        for part in ('images', 'annotations'):
            both[part] += coco[part]

    other(add)
    assert not [text for text in findings_of(job) if text.startswith('error:')]


def test_two_data_sets_with_the_same_ids(job, data):
    second_set(job, data, 0)
    text = '\n'.join(findings_of(job))
    assert_contains(text, 'error: 4 of 8 images of * have the id of another image, so that one file')


def test_the_evaluator_of_the_command_test(job, data):
    """It does not keep the training from its start."""
    assert job.test_dataloader == job.val_dataloader
    (data / 'other.json').write_text((data / 'val.json').read_text())
    job.test_evaluator = dict(job.val_evaluator, ann_file=str(data / 'other.json'))
    assert not findings_of(job)
    edit(data, lambda coco: coco['categories'].reverse(), ('other',))
    only(
        job,
        'warning: `mmcrossformer test` would fail or be wrong: CocoMetric gives 2 categories of *other.json another',
    )
    (data / 'other.json').write_text('[')
    only(
        job,
        'warning: `mmcrossformer test` would fail or be wrong: test_evaluator: annotation file *other.json is no json',
    )
    job.test_dataloader.dataset.ann_file = 'not_there_yet.json'
    assert not findings_of(job)


def panoptic(coco):
    """Things of the content in panoptic format, and a class of stuff without a segment."""
    categories = [dict(entry, isthing=1) for entry in coco['categories']]
    return dict(
        images=coco['images'],
        categories=[*categories, dict(id=3, name='grass', isthing=0)],
        annotations=[
            dict(
                image_id=image['id'],
                file_name=f'{image["id"]}.png',
                segments_info=[dict(e, iscrowd=0) for e in coco['annotations'] if e['image_id'] == image['id']],
            )
            for image in coco['images']
        ],
    )


def test_things_of_a_panoptic_data_set(job, data):
    """It has another format and more classes; the file of the things is one in COCO format."""
    (data / 'instances.json').write_text((data / 'val.json').read_text())
    job.val_evaluator.ann_file = job.test_evaluator.ann_file = str(data / 'instances.json')
    edit(data, panoptic, ('train', 'val'))
    things, stuff = ('cat', 'dog'), ('grass',)
    classes = dict(classes=things + stuff, thing_classes=things, stuff_classes=stuff)
    for part in ('train', 'val'):
        prefix = dict(img='images', seg='')
        job[f'{part}_dataloader'].dataset.update(type='CocoPanopticDataset', metainfo=classes, data_prefix=prefix)
    job.test_dataloader = job.val_dataloader
    job.model.bbox_head.num_classes = 3
    assert not findings_of(job)
    edit(data, set_to('annotations', 0, id=0), ('instances',))
    only(job, 'warning: 1 of 8 annotations of *instances.json have the id 0')
