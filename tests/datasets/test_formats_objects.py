"""Formats of objects: what lies in a folder is found, and all formats give the same objects."""

import base64
import io
import json
import os

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.datasets import CocoDataset, XMLDataset
from PIL import Image

from mmcrossformer.datasets.coco import read_coco
from mmcrossformer.datasets.formats.find import FORMATS, find_data
from mmcrossformer.datasets.formats.found import Picture
from mmcrossformer.datasets.formats.pictures import loaded_size
from mmcrossformer.datasets.formats.reader import DEFAULT_SHARE, subset_of
from mmcrossformer.datasets.formats.write_coco import area_of, write_coco
from mmcrossformer.datasets.formats.yolo import YOLO
from mmcrossformer.utils.errors import UserError

WIDTH, HEIGHT = 40, 30
CLASSES = ('cat', 'dog')
BOX = [5, 6, 10, 12]
OUTLINE = [5, 6, 15, 6, 15, 18, 5, 18]
ALL = range(6)
TRAIN, VAL = range(4), range(4, 6)


# What lies in the folders


def picture(folder, number, name=None, **options):
    """Writes a picture whose content depends on the number."""
    path = folder / (name or f'{number}.jpg')
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def text(path, content):
    """Writes a text file, or a json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding='utf-8')


def box_of(number):
    """The object of a picture: a box that differs from picture to picture, and its label."""
    return [BOX[0] + number, BOX[1], BOX[2], BOX[3] + number], number % 2


def coco_of(numbers, masks=True, names=CLASSES, first_id=1, **values):
    """COCO json with an object in every picture."""
    annotations = []
    for number in numbers:
        (x, y, w, h), label = box_of(number)
        outline = [x, y, x + w, y, x + w, y + h, x, y + h]
        entry = dict(id=number, image_id=number, bbox=[x, y, w, h], area=w * h, iscrowd=0)
        category = first_id + names.index(CLASSES[label])
        annotations.append(
            entry | dict(category_id=category) | (dict(segmentation=[outline]) if masks else {}) | values
        )
    return dict(
        images=[dict(id=number, file_name=f'{number}.jpg', width=WIDTH, height=HEIGHT) for number in numbers],
        categories=[dict(id=first_id + i, name=name) for i, name in enumerate(names)],
        annotations=annotations,
    )


def write_coco_folder(folder):
    for subset, numbers in (('train', TRAIN), ('val', VAL)):
        text(folder / f'{subset}.json', coco_of(numbers, masks=False))
        for number in numbers:
            picture(folder / 'images', number)


def yolo_row(number):
    (x, y, w, h), label = box_of(number)
    return f'{label} {(x + w / 2) / WIDTH} {(y + h / 2) / HEIGHT} {w / WIDTH} {h / HEIGHT}\n'


def write_yolo(folder, description='train: images/train\nval: images/val\nnames: [cat, dog]\n', row=yolo_row):
    for subset, numbers in (('train', TRAIN), ('val', VAL)):
        for number in numbers:
            picture(folder / 'images' / subset, number)
            text(folder / 'labels' / subset / f'{number}.txt', row(number))
    text(folder / 'data.yaml', description)


def voc_xml(number, more='', size=f'<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>'):
    (x, y, w, h), label = box_of(number)
    corners = dict(xmin=x + 1, ymin=y + 1, xmax=x + w + 1, ymax=y + h + 1)
    box = ''.join(f'<{key}>{value}</{key}>' for key, value in corners.items())
    entry = f'<object><name>{CLASSES[label]}</name><bndbox>{box}</bndbox>{more}</object>'
    return f'<annotation><filename>{number}.jpg</filename>{size}{entry}</annotation>'


def write_voc(folder):
    for number in ALL:
        picture(folder / 'JPEGImages', number)
        text(folder / 'Annotations' / f'{number}.xml', voc_xml(number))
    for subset, numbers in (('train', TRAIN), ('val', VAL), ('trainval', ALL)):
        text(folder / 'ImageSets/Main' / f'{subset}.txt', ''.join(f'{number}\n' for number in numbers))
        text(folder / 'ImageSets/Main' / f'cat_{subset}.txt', ''.join(f'{number} -1\n' for number in numbers))


def shape(label='cat', points=((5, 6), (15, 18)), kind='rectangle', **values):
    return dict(label=label, points=points, shape_type=kind, group_id=None, flags={}) | values


def labelme(name, *shapes, **values):
    content = dict(version='5.4.1', flags={}, shapes=shapes, imagePath=name, imageData=None)
    return content | dict(imageHeight=HEIGHT, imageWidth=WIDTH) | values


def write_labelme(folder):
    for subset, numbers in (('train', TRAIN), ('val', VAL)):
        for number in numbers:
            picture(folder / subset, number)
            (x, y, w, h), label = box_of(number)
            drawn = shape(CLASSES[label], [[x + w, y + h], [x, y]])
            text(folder / subset / f'{number}.json', labelme(f'..\\{subset}\\{number}.jpg', drawn))


WRITERS = dict(coco=write_coco_folder, yolo=write_yolo, voc=write_voc, labelme=write_labelme)


def boxes(pictures):
    """Name of the file -> label and box of each object."""
    return {
        path.name: [(entry['category'], pytest.approx(entry['bbox'], abs=1e-6)) for entry in annotation]
        for path, annotation in ((picture.path, picture.annotation) for picture in pictures)
    }


def wanted(numbers):
    return {f'{number}.jpg': [(label, box)] for number in numbers for box, label in [box_of(number)]}


def numbers_of(pictures):
    return sorted(int(picture.path.stem) for picture in pictures)


def assert_notes(found, *parts):
    """Each part is in a note of its own, and there are no others."""
    assert len(found.notes) == len(parts), found.notes
    for part in parts:
        assert any(part in note for note in found.notes), found.notes


def assert_all(found, train=TRAIN, val=VAL):
    """The data has the objects of the pictures."""
    assert found.classes == CLASSES
    assert boxes(found.train) == wanted(train)
    assert boxes(found.val) == wanted(val)


# All formats


@pytest.mark.parametrize('name', WRITERS)
def test_all_formats_give_the_same_objects(tmp_path, name):
    WRITERS[name](tmp_path)
    found = find_data(tmp_path)
    assert_all(found)
    assert found.kind == 'objects'
    assert found.format == next(known.title for known in FORMATS if known.name == name)
    assert found.folder == tmp_path
    assert not found.masks
    assert found.notes == ()
    assert all(picture.path.is_absolute() and picture.size == (WIDTH, HEIGHT) for picture in found.train)


@pytest.mark.parametrize('name', WRITERS)
def test_folder_stays_as_it_is_and_systems_files_do_not_matter(tmp_path, name):
    folder = tmp_path / 'outer folder' / 'mit Umläuten'  # an archive that unpacked to a folder in a folder
    WRITERS[name](folder)
    for waste in ('__MACOSX/._1.jpg', '__MACOSX/train.json', '.ipynb_checkpoints/data.yaml', 'Thumbs.db', '.DS_Store'):
        text(folder / waste, '{"images": [], "annotations": [], "categories": []}')
    text(folder / '__MACOSX/images/._1.xml', '<annotation></annotation>')
    text(folder / 'package.json', dict(name='page', images='none'))
    (folder / 'loop').symlink_to(folder)
    before = {path: path.stat().st_mtime_ns for path in sorted(folder.rglob('*'))}
    assert_all(find_data(tmp_path))
    assert {path: path.stat().st_mtime_ns for path in sorted(folder.rglob('*'))} == before


@pytest.mark.hosts
@pytest.mark.parametrize('name', WRITERS)
def test_written_json_is_what_mmdet_reads(tmp_path, name):
    WRITERS[name](tmp_path / 'data')
    found = find_data(tmp_path / 'data')
    paths = write_coco(found, tmp_path)
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_coco(find_data(tmp_path / 'data'), tmp_path)] == before
    for path, numbers in zip(paths, (TRAIN, VAL), strict=True):
        assert read_coco(path)['annotations'][0]['id'] == 1
        data = CocoDataset(
            ann_file=str(path), data_prefix=dict(img=''), metainfo=dict(classes=found.classes), pipeline=[]
        )
        assert len(data) == len(numbers)
        for i in range(len(data)):
            info = data.get_data_info(i)
            (x, y, w, h), label = box_of(int(os.path.basename(info['img_path'])[0]))
            assert info['instances'][0]['bbox_label'] == label
            assert info['instances'][0]['bbox'] == pytest.approx([x, y, x + w, y + h])


def test_two_formats_are_one_error_with_the_choices(tmp_path):
    write_yolo(tmp_path)
    text(tmp_path / 'annotations.json', coco_of(ALL))
    with pytest.raises(
        UserError, match=r'(?s)several ways.*coco .*annotations\.json.*yolo .*data\.yaml.*--data-format'
    ):
        find_data(tmp_path)
    assert find_data(tmp_path, data_format='yolo').format == 'YOLO'
    assert find_data(tmp_path, data_format='coco').format == 'COCO json'


def test_nothing_found_is_one_error_with_what_was_looked_for(tmp_path):
    text(tmp_path / 'readme.txt', 'nothing')
    with pytest.raises(UserError, match=r'(?s)readme\.txt.*coco: .*yolo: .*voc: .*labelme: .*datumaro.*own_data'):
        find_data(tmp_path)
    with pytest.raises(UserError, match='not there'):
        find_data(tmp_path / 'other')
    with pytest.raises(UserError, match='no folder'):
        find_data(tmp_path / 'readme.txt')


@pytest.mark.parametrize('name', WRITERS)
def test_nothing_to_learn(tmp_path, name):
    WRITERS[name](tmp_path)
    for number in TRAIN:
        text(tmp_path / f'labels/train/{number}.txt', '')
        text(tmp_path / f'Annotations/{number}.xml', '<annotation></annotation>')
        text(tmp_path / f'train/{number}.json', labelme(f'{number}.jpg'))
    text(tmp_path / 'train.json', dict(coco_of(TRAIN), annotations=[]))
    with pytest.raises(UserError, match='no objects in 4 pictures to train on'):
        find_data(tmp_path, data_format=name)


@pytest.mark.parametrize('share', [0, 1, -0.5, 80, float('nan')])
def test_share_is_between_0_and_1(tmp_path, share):
    with pytest.raises(UserError, match='--split is the share'):
        find_data(tmp_path, share)


def test_format_has_to_be_known(tmp_path):
    with pytest.raises(UserError, match=r"--data-format is one of coco, yolo, voc, labelme.*got 'csv'"):
        find_data(tmp_path, data_format='csv')


def test_share_is_for_folders_without_validation(tmp_path):
    write_coco_folder(tmp_path)
    with pytest.raises(UserError, match='leave out --split'):
        find_data(tmp_path, 0.5)


@pytest.mark.parametrize(
    ('name', 'subset'),
    [
        ('train', 'train'),
        ('instances_train2017', 'train'),
        ('Training', 'train'),
        ('valid', 'val'),
        ('validation-set', 'val'),
        ('VAL 2', 'val'),
        ('test', 'test'),
        ('trains', None),
        ('valley', None),
        ('train_and_val', None),
    ],
)
def test_names_of_subsets(name, subset):
    assert subset_of(name) == subset


# COCO


def coco_single(folder, coco, place='annotations.json', images='images', numbers=ALL):
    text(folder / place, coco)
    for number in numbers:
        picture(folder / images, number)


@pytest.mark.parametrize(
    ('place', 'images'),
    [
        ('annotations.json', 'images'),
        ('annotations/all.json', '.'),
        ('labels.json', 'data'),
        ('annotations/instances_default.json', 'images/default'),
        ('train.json', 'train'),
        ('train/_annotations.coco.json', 'train'),
        ('a b/c/ünïcode.json', 'bilder mit ä'),
    ],
)
def test_one_json_is_split(tmp_path, place, images):
    coco_single(tmp_path, coco_of(ALL), place, images)
    found = find_data(tmp_path)
    assert_all(found, numbers_of(found.train), numbers_of(found.val))
    assert len(found.train) == round(DEFAULT_SHARE * len(ALL))
    assert sorted(numbers_of(found.train) + numbers_of(found.val)) == list(ALL)
    assert found.masks
    assert_notes(found, '--split 0.8')
    assert len(find_data(tmp_path, 0.5).train) == 3


@pytest.mark.parametrize(
    ('ann', 'images'),
    [
        ('annotations/instances_{}2017.json', '{}2017'),
        ('{}.json', 'images/{}'),
        ('{}.json', '{}'),
        ('{}/_annotations.coco.json', '{}'),
        ('{}_coco.json', '{}/images'),
        ('annotations/{}/instances.json', 'images'),
    ],
)
def test_subsets_of_coco(tmp_path, ann, images):
    # Every subset has pictures of the same names.
    for subset, numbers in (('train', TRAIN), ('val', VAL), ('test', VAL)):
        coco = coco_of(numbers)
        if '{}' in images:
            for image in coco['images']:
                image['file_name'] = f'{image["id"] % 4}.jpg'
        for image in coco['images']:
            picture(tmp_path / images.format(subset), image['id'], image['file_name'])
        text(tmp_path / ann.format(subset), coco)
    found = find_data(tmp_path)
    assert (len(found.train), len(found.val)) == (4, 2)
    assert_notes(found, 'testing are not used')
    if '{}' in images:
        assert [picture.path.name for picture in found.val] == ['0.jpg', '1.jpg']
        assert all('val' in str(picture.path.relative_to(tmp_path)) for picture in found.val)


def test_other_jsons_of_coco_do_not_confuse(tmp_path):
    for subset, numbers in (('train', TRAIN), ('val', VAL)):
        folder = tmp_path / 'annotations'
        coco = coco_of(numbers)
        coco_single(tmp_path, coco, f'annotations/instances_{subset}2017.json', f'{subset}2017', numbers)
        points = coco_of(numbers, keypoints=[1, 2, 2])
        text(folder / f'person_keypoints_{subset}2017.json', points)
        text(folder / f'stuff_{subset}2017.json', coco)
        captions = [dict(entry, caption='a cat') for entry in coco['annotations']]
        text(folder / f'captions_{subset}2017.json', dict(images=coco['images'], annotations=captions))
        panoptic = [dict(image_id=1, file_name='1.png', segments_info=[])]
        text(folder / f'panoptic_{subset}2017.json', dict(coco, annotations=panoptic))
    text(tmp_path / 'annotations/image_info_test2017.json', dict(images=coco['images'], categories=[]))
    text(tmp_path / 'results.json', coco['annotations'])
    found = find_data(tmp_path)
    assert_all(found)
    assert_notes(found)


def test_two_unrelated_jsons_are_ambiguous(tmp_path):
    coco_single(tmp_path, coco_of(ALL), 'cats.json')
    text(tmp_path / 'dogs.json', coco_of(ALL))
    with pytest.raises(UserError, match=r'(?s)cats\.json\n.*dogs\.json\n.*pass a folder with it alone'):
        find_data(tmp_path)


def test_two_jsons_of_one_subset_are_ambiguous(tmp_path):
    write_coco_folder(tmp_path)
    text(tmp_path / 'training.json', coco_of(TRAIN))
    with pytest.raises(UserError, match='several ways'):
        find_data(tmp_path)


def test_classes_are_joined_by_name(tmp_path):
    coco_single(tmp_path, coco_of(TRAIN), 'train.json')
    coco_single(tmp_path, coco_of(VAL, names=CLASSES[::-1], first_id=7), 'val.json', numbers=VAL)
    assert_all(find_data(tmp_path))


def test_class_of_validation_alone_is_noted(tmp_path):
    coco_single(tmp_path, coco_of(TRAIN), 'train.json')
    coco_single(tmp_path, coco_of(VAL, names=('cow', *CLASSES)), 'val.json', numbers=VAL)
    found = find_data(tmp_path)
    assert found.classes == ('cat', 'dog', 'cow')
    assert_notes(found, 'does not list the classes cow')


def test_group_of_classes_that_roboflow_writes_is_left_out(tmp_path):
    coco = coco_of(ALL, names=('animals', *CLASSES), first_id=0)
    for category in coco['categories']:
        category['supercategory'] = 'none' if category['id'] == 0 else 'animals'
    coco_single(tmp_path, coco)
    found = find_data(tmp_path)
    assert_all(found, numbers_of(found.train), numbers_of(found.val))
    assert_notes(found, "'animals' is left out", '--split')


def test_class_without_objects_stays(tmp_path):
    coco_single(tmp_path, coco_of(ALL, names=('cow', *CLASSES)))
    assert find_data(tmp_path).classes == ('cow', 'cat', 'dog')


def test_entries_of_coco_stay_as_they_are(tmp_path):
    run_lengths = dict(size=[HEIGHT, WIDTH], counts=[100, 5, WIDTH * HEIGHT - 105])
    for values in (
        dict(iscrowd=1, segmentation=run_lengths, area=5),
        dict(bbox=[-5, 0, 0, 900]),
        dict(segmentation=[OUTLINE, OUTLINE[:6]], area=7.5),
        dict(ignore=1),
    ):
        folder = tmp_path / next(iter(values))
        coco_single(folder, coco_of(ALL, **values))
        train, _ = write_coco(find_data(folder), folder)
        assert all(entry.items() >= values.items() for entry in read_coco(train)['annotations'])


@pytest.mark.parametrize(
    'name', ['images\\{}.jpg', './images/{}.jpg', 'C:\\Users\\me\\images\\{}.jpg', '/gone/images/{}.jpg']
)
def test_names_of_images_of_other_machines(tmp_path, name):
    coco = coco_of(ALL)
    for image in coco['images']:
        image['file_name'] = name.format(image['id'])
        picture(tmp_path / 'thumbnails', image['id'])
    coco_single(tmp_path, coco)
    found = find_data(tmp_path)
    assert {picture.path.parent.name for picture in found.train + found.val} == {'images'}


def test_what_is_for_testing_does_not_matter(tmp_path):
    write_coco_folder(tmp_path)
    coco = coco_of(VAL, names=('cow', *CLASSES))
    for image in coco['images']:
        image['file_name'] = f'gone_{image["id"]}.jpg'
    text(tmp_path / 'test.json', coco)
    assert_all(find_data(tmp_path))


def test_pictures_that_are_missing(tmp_path):
    coco_single(tmp_path, coco_of(ALL), numbers=TRAIN)
    with pytest.raises(UserError, match=r'annotations\.json: 2 of 6 images are not in.*4\.jpg, 5\.jpg'):
        find_data(tmp_path)


def test_picture_of_another_subset_is_not_taken(tmp_path):
    coco_single(tmp_path, coco_of(TRAIN), 'train.json', 'train', ALL)
    text(tmp_path / 'val.json', coco_of(VAL))
    with pytest.raises(UserError, match=r'val\.json: 2 of 2 images'):
        find_data(tmp_path)


def test_picture_that_may_be_two(tmp_path):
    coco_single(tmp_path, coco_of(ALL), images='a')
    coco_single(tmp_path, coco_of(ALL), images='b')
    with pytest.raises(UserError, match=r'0\.jpg, which may be any of .*a/0\.jpg, .*b/0\.jpg'):
        find_data(tmp_path)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda coco: coco['annotations'][0].update(image_id=99), '1 of 6 annotations have a image_id that none'),
        (lambda coco: coco['annotations'][1].update(category_id=9), 'category_id that none.*id 1 has 9'),
        (lambda coco: coco['images'].append(coco['images'][0]), 'ids of images must be unique, got twice: 0'),
        (lambda coco: coco['categories'][0].update(name='dog'), 'names of categories must be unique, got twice: dog'),
        (lambda coco: coco['annotations'][0].pop('bbox'), r'annotations\[0\] has no bbox'),
    ],
)
def test_wrong_coco(tmp_path, change, message):
    coco = coco_of(ALL)
    change(coco)
    coco_single(tmp_path, coco)
    with pytest.raises(UserError, match=message):
        find_data(tmp_path)


def test_cut_off_json_is_reported(tmp_path):
    coco_single(tmp_path, json.dumps(coco_of(ALL))[:-50])
    with pytest.raises(UserError, match='is no json'):
        find_data(tmp_path)


def test_only_validation_or_nothing_to_split(tmp_path):
    coco_single(tmp_path / 'a', coco_of(ALL), 'val.json')
    with pytest.raises(UserError, match='no pictures to train on, 6 to validate on'):
        find_data(tmp_path / 'a')
    coco_single(tmp_path / 'b', coco_of([0]), numbers=[0])
    with pytest.raises(UserError, match='cannot be split'):
        find_data(tmp_path / 'b')


# YOLO


@pytest.mark.parametrize(
    'description',
    [
        'path: .\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n',
        'path: ../datasets/gone\ntrain: images/train\nvalid: ./images/val\nnames: {1: dog, 0: cat}\nnc: 2\n',
        'train: ../images/train\nval: ../images/val\ntest: ../images/test\nnames: ["cat", "dog"]\nroboflow:\n  x: 1\n',
        'train: [images/train]\nval:\n- images/val\nnames: [cat, dog]\n',
        'train: train.txt\nval: val.txt\nnames: [cat, dog]\n',
        'path: {folder}\ntrain: images\\train\nval: images/val\nnames: [cat, dog]\n',
        'train: /content/data/images/train\nval: /content/data/images/val\nnames: [cat, dog]\n',
    ],
)
def test_descriptions_of_yolo(tmp_path, description):
    write_yolo(tmp_path, description.replace('{folder}', str(tmp_path)))
    if '.txt' in description:
        for subset, numbers in (('train', TRAIN), ('val', VAL)):
            text(tmp_path / f'{subset}.txt', ''.join(f'./images/{subset}/{number}.jpg\n' for number in numbers))
    found = find_data(tmp_path)
    assert_all(found)
    assert_notes(found, *(['test, which is not there'] if 'images/test' in description else []))


def test_layout_of_roboflow_for_yolo(tmp_path):
    for subset, numbers in (('train', TRAIN), ('valid', VAL), ('test', VAL)):
        for number in numbers:
            picture(tmp_path / subset / 'images', number)
            text(tmp_path / subset / 'labels' / f'{number}.txt', yolo_row(number))
    text(tmp_path / 'README.roboflow.txt', 'text')
    places = 'train: ../train/images\nval: ../valid/images\ntest: ../test/images\n'
    text(tmp_path / 'data.yaml', f'{places}\nnc: 2\nnames: [cat, dog]\n')
    found = find_data(tmp_path)
    assert_all(found)
    assert_notes(found, '2 pictures of the subset for testing are not used')


@pytest.mark.parametrize(
    ('images', 'labels', 'classes'),
    [
        ('images', 'labels', 'classes.txt'),
        ('images', 'labels', 'labels/classes.txt'),
        ('photos', 'labels', 'classes.txt'),
        ('.', '.', 'classes.txt'),
        ('obj_train_data', 'obj_train_data', 'obj.names'),
        ('data/images', 'data/labels', 'classes.txt'),
    ],
)
def test_yolo_without_description(tmp_path, images, labels, classes):
    for number in ALL:
        picture(tmp_path / images, number)
        text(tmp_path / labels / f'{number}.txt', yolo_row(number))
    text(tmp_path / classes, 'cat\ndog\n')
    found = find_data(tmp_path)
    assert found.format == 'YOLO'
    assert_all(found, numbers_of(found.train), numbers_of(found.val))
    (tmp_path / classes).unlink()
    with pytest.raises(UserError, match=r'no class names: put a data\.yaml'):
        find_data(tmp_path)


def test_subsets_of_yolo_without_description(tmp_path):
    write_yolo(tmp_path)
    (tmp_path / 'data.yaml').unlink()
    text(tmp_path / 'classes.txt', '\ufeffcat\ndog\n')
    assert_all(find_data(tmp_path))


def test_outlines_of_yolo(tmp_path):
    row = f'1 {" ".join(str(v / (WIDTH, HEIGHT)[i % 2]) for i, v in enumerate([*OUTLINE, 10, 20]))}\n'
    write_yolo(tmp_path, row=lambda number: row)
    found = find_data(tmp_path)
    (entry,) = found.train[0].annotation
    assert entry['segmentation'] == [pytest.approx([*OUTLINE, 10, 20])]
    assert entry['bbox'] == pytest.approx([5, 6, 10, 14])
    assert found.masks
    assert_notes(found)


def test_four_points_and_mixed_rows_of_yolo(tmp_path):
    row = f'0 {" ".join(str(v / (WIDTH, HEIGHT)[i % 2]) for i, v in enumerate(OUTLINE))}\n'
    write_yolo(tmp_path, row=lambda number: row + '\n' + yolo_row(number))
    found = find_data(tmp_path)
    assert len(found.train[0].annotation) == 2
    assert not found.masks
    assert_notes(found, '6 rows have four points', '6 rows are outlines and 6 are boxes')


def test_background_of_yolo(tmp_path):
    write_yolo(tmp_path)
    (tmp_path / 'labels/train/1.txt').unlink()
    text(tmp_path / 'labels/train/2.txt', '')
    found = find_data(tmp_path)
    assert [len(picture.annotation) for picture in found.train] == [1, 0, 0, 1]
    assert_notes(found, '1 pictures have no text file')


def test_keypoints_of_yolo(tmp_path):
    description = 'train: images/train\nval: images/val\nnames: [cat, dog]\nkpt_shape: [2, 3]\n'
    write_yolo(tmp_path, description, lambda number: yolo_row(number).strip() + ' .5 .5 2 .6 .6 1\n')
    found = find_data(tmp_path)
    assert_all(found)
    assert_notes(found, '6 rows have keypoints')


@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_turned_pictures_of_yolo(tmp_path, orientation):
    write_yolo(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = picture(tmp_path / 'images/train', 0, exif=exif)
    height, width = cv2.imread(str(path)).shape[:2]
    found = find_data(tmp_path).train[0]
    assert found.size == loaded_size(path) == (width, height)
    (x, y, w, h), _ = box_of(0)
    assert found.annotation[0]['bbox'] == pytest.approx(
        [x / WIDTH * width, y / HEIGHT * height, w / WIDTH * width, h / HEIGHT * height]
    )


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp', 'bmp'])
def test_size_is_that_which_opencv_loads(tmp_path, suffix, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = picture(tmp_path, 0, f'0.{suffix}', exif=exif)
    height, width = cv2.imread(str(path)).shape[:2]
    assert loaded_size(path) == (width, height)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)  # Pillow refuses large pictures, and OpenCV does not
    assert loaded_size(path) == (width, height)


def test_linked_pictures_of_yolo(tmp_path):
    write_yolo(tmp_path / 'data set' / 'a')
    text(tmp_path / 'data set' / 'README.md', 'a file beside the data')
    (tmp_path / 'store').mkdir()
    for path in sorted((tmp_path / 'data set').rglob('*.jpg')):
        path.rename(tmp_path / 'store' / path.stem)
        path.symlink_to(tmp_path / 'store' / path.stem)
    assert_all(find_data(tmp_path / 'data set'))


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('2 .5 .5 .1 .1', r'0\.txt, line 1: the class is 2, allowed are 0 to 1'),
        ('0.5 .5 .5 .1 .1', 'the class is 0.5'),
        ('0 .5 .5 .1', 'has 4 numbers'),
        ('0 .5 .5 .1 .1 .9', 'has 6 numbers.*predictions'),
        ('0 .1 .2 .3 .4 .5 .6 .7', 'has 8 numbers.*kpt_shape'),
        ('cat .5 .5 .1 .1', "numbers alone, got 'cat"),
        ('0 nan .5 .1 .1', 'finite numbers'),
    ],
)
def test_wrong_rows_of_yolo(tmp_path, row, message):
    write_yolo(tmp_path, row=lambda number: row)
    with pytest.raises(UserError, match=message):
        find_data(tmp_path)


@pytest.mark.parametrize(
    ('description', 'message'),
    [
        ('train: images/train\nnames: [cat, dog]\nnc: 3\n', 'nc is 3, but names has 2'),
        ('train: images/train\nnc: 2\n', 'names has to be a list'),
        ('train: images/train\nnames: {1: cat, 2: dog}\n', 'numbers of names have to be 0 to 1'),
        ('train: images/gone\nnames: [cat, dog]\n', 'train is images/gone, which is not there'),
        ('val: images/val\nnames: [cat, dog]\n', 'no images to train on'),
        ('train: images/train\nnames: [cat, cat]\n', 'unique, got twice: cat'),
        ('train: [', 'no yaml'),
        ('text', 'no description'),
    ],
)
def test_wrong_descriptions_of_yolo(tmp_path, description, message):
    write_yolo(tmp_path, description)
    with pytest.raises(UserError, match=message):
        find_data(tmp_path)


def test_yolo_without_text_files(tmp_path):
    for number in ALL:
        picture(tmp_path / 'images', number)
    text(tmp_path / 'data.yaml', 'train: images\nnames: [cat]\n')
    with pytest.raises(UserError, match='none of the pictures has a text file'):
        find_data(tmp_path)


def test_names_of_yolo_are_texts(tmp_path):
    write_yolo(tmp_path, 'train: images/train\nval: images/val\nnames: [no, 1]\n')
    assert find_data(tmp_path).classes == ('no', '1')


coordinate = st.floats(0, 1, width=32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate, coordinate, coordinate), min_size=1, max_size=4))
def test_any_boxes_survive_yolo(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp('yolo')
    boxes = [[x * WIDTH, y * HEIGHT, w * WIDTH, h * HEIGHT] for x, y, w, h in drawn]
    rows = [f'0 {x + w / 2!r} {y + h / 2!r} {w!r} {h!r}' for x, y, w, h in drawn]
    for number in range(2):
        picture(folder, number)
        text(folder / f'{number}.txt', '\n'.join(rows))
    text(folder / 'classes.txt', 'cat')
    found = YOLO.read(folder, None)
    assert [entry['bbox'] for entry in found.train[0].annotation] == [pytest.approx(box, abs=1e-9) for box in boxes]


# Pascal VOC


@pytest.mark.parametrize(
    ('xml', 'images'), [('Annotations', 'images'), ('.', '.'), ('annotations', 'pictures'), ('labels', 'images')]
)
def test_voc_without_lists(tmp_path, xml, images):
    for number in ALL:
        picture(tmp_path / images, number)
        text(tmp_path / xml / f'{number}.xml', voc_xml(number))
    found = find_data(tmp_path)
    assert_all(found, numbers_of(found.train), numbers_of(found.val))
    assert_notes(found, '--split 0.8')


def test_layout_of_roboflow_for_voc(tmp_path):
    for subset, numbers in (('train', TRAIN), ('valid', VAL), ('test', VAL)):
        for number in numbers:
            picture(tmp_path / subset, number % 4, f'{number}.jpg')
            text(tmp_path / subset / f'{number}.xml', voc_xml(number))
    found = find_data(tmp_path)
    assert_all(found)
    assert_notes(found, 'testing')


@pytest.mark.parametrize('name', ['voc', 'labelme'])
def test_names_of_pictures_state_no_subset(tmp_path, name):
    for number, stem in enumerate(('train_1', 'test_2', 'val')):
        picture(tmp_path, number, f'{stem}.jpg')
        if name == 'voc':
            text(tmp_path / f'{stem}.xml', voc_xml(number))
        else:
            text(tmp_path / f'{stem}.json', labelme(f'{stem}.jpg', shape()))
    found = find_data(tmp_path, 0.5)
    assert len(found.train + found.val) == 3


def test_lists_of_voc(tmp_path):
    folder = tmp_path / 'VOC2007'
    write_voc(folder)
    write_voc(tmp_path / 'other')  # beside it, so that there are two
    text(folder / 'ImageSets/Main/train.txt', '0\n1\n')
    text(folder / 'ImageSets/Main/trainval.txt', '0\n1\n4\n5\n')
    for number in ALL:
        (tmp_path / 'other/Annotations' / f'{number}.xml').rename(tmp_path / 'other/Annotations' / f'2_{number}.xml')
        (tmp_path / 'other/JPEGImages' / f'{number}.jpg').rename(tmp_path / 'other/JPEGImages' / f'2_{number}.jpg')
    (tmp_path / 'other/ImageSets/Main/train.txt').write_text('2_0.jpg\n')
    found = find_data(tmp_path)
    assert [picture.path.stem for picture in found.train] == ['0', '1', '2_0']
    assert numbers_of(found.val) == [4, 5]
    assert_notes(found, '7 pictures are in no list')


@pytest.mark.hosts
def test_boxes_of_voc_are_those_of_mmdet(tmp_path):
    write_voc(tmp_path)
    text(tmp_path / 'Annotations/0.xml', voc_xml(0, '<difficult>1</difficult><part><name>head</name></part>'))
    found = find_data(tmp_path)
    train, _ = write_coco(found, tmp_path)
    theirs = XMLDataset(
        ann_file=str(tmp_path / 'ImageSets/Main/train.txt'),
        data_prefix=dict(sub_data_root=str(tmp_path)),
        metainfo=dict(classes=CLASSES),
        pipeline=[],
    )
    ours = CocoDataset(ann_file=str(train), data_prefix=dict(img=''), metainfo=dict(classes=CLASSES), pipeline=[])
    for i in range(len(TRAIN)):
        assert ours.get_data_info(i)['instances'] == theirs.get_data_info(i)['instances']
    assert [picture.annotation[0]['iscrowd'] for picture in found.train] == [1, 0, 0, 0]
    assert_notes(found, '1 objects are marked as difficult')


@pytest.mark.parametrize('size', ['', '<size><width>0</width><height>0</height></size>'])
def test_size_that_voc_does_not_state(tmp_path, size):
    write_voc(tmp_path)
    text(tmp_path / 'Annotations/0.xml', voc_xml(0, size=size))
    train, _ = write_coco(find_data(tmp_path), tmp_path)
    assert {(image['width'], image['height']) for image in read_coco(train)['images']} == {(WIDTH, HEIGHT)}


def test_encodings_of_voc(tmp_path):
    write_voc(tmp_path)
    xml = f'<?xml version="1.0" encoding="utf-16"?>{voc_xml(0)}'
    (tmp_path / 'Annotations/0.xml').write_text(xml, encoding='utf-16')
    assert_all(find_data(tmp_path))
    (tmp_path / 'ImageSets/Main/train.txt').write_bytes(b'\xff\xfe')
    with pytest.raises(UserError, match=r'train\.txt is not UTF-8'):
        find_data(tmp_path)


@pytest.mark.parametrize(
    ('xml', 'message'),
    [
        ('<annotation><object><name>cat</name></object></annotation>', r'0\.xml: object 1 needs a bndbox'),
        (voc_xml(0).replace('<xmin>6', '<xmin>nan'), 'object 1 needs a bndbox with the numbers'),
        (voc_xml(0).replace('cat', ' '), 'object 1 has no name'),
        (voc_xml(0)[:-5], r'0\.xml is no xml'),
    ],
)
def test_wrong_voc(tmp_path, xml, message):
    write_voc(tmp_path)
    text(tmp_path / 'Annotations/0.xml', xml)
    with pytest.raises(UserError, match=message):
        find_data(tmp_path)


def test_picture_that_voc_lacks(tmp_path):
    write_voc(tmp_path)
    (tmp_path / 'JPEGImages/0.jpg').unlink()
    with pytest.raises(UserError, match=r'1 of 6 images are not in.*0\.xml'):
        find_data(tmp_path)
    picture(tmp_path / 'JPEGImages', 9)
    text(tmp_path / 'Annotations/0.xml', voc_xml(0).replace('0.jpg', '9.jpg'))  # renamed: the name in the file helps
    assert find_data(tmp_path).train[0].path.name == '9.jpg'


# labelme


def one_labelme(folder, *shapes, **values):
    """Two pictures with the same shapes; returns what is found and the objects of one."""
    for number in range(2):
        picture(folder, number)
        text(folder / f'{number}.json', labelme(f'{number}.jpg', *shapes, **values))
    found = find_data(folder)
    return found, found.train[0].annotation


@pytest.mark.hosts
def test_shapes_of_labelme(tmp_path):
    mask = np.zeros((4, 3), dtype=bool)
    mask[1:, 1] = True
    file = io.BytesIO()
    Image.fromarray(mask).save(file, 'PNG')
    found, (polygon, rectangle, circle, drawn) = one_labelme(
        tmp_path,
        shape('b', [[1, 2], [9, 3], [5, 8]], 'polygon'),
        shape('a', [[15, 18], [5, 6]]),
        shape('a', [[10, 10], [13, 14]], 'circle'),
        shape('c', [[20, 10], [22, 13]], 'mask', mask=base64.b64encode(file.getvalue()).decode()),
    )
    assert found.classes == ('a', 'b', 'c')
    assert [entry['category'] for entry in (polygon, rectangle, circle, drawn)] == [1, 0, 0, 2]
    assert polygon['segmentation'] == [[1, 2, 9, 3, 5, 8]]
    assert polygon['bbox'] == [1, 2, 8, 6]
    assert rectangle['bbox'] == [5, 6, 10, 12]
    assert rectangle['segmentation'] == [OUTLINE]
    assert circle['bbox'] == pytest.approx([5, 5, 10, 10])
    assert area_of(circle) == pytest.approx(np.pi * 25, rel=0.01)
    assert drawn['bbox'] == [20, 10, 3, 4]
    start = 21 * HEIGHT + 11
    assert drawn['segmentation'] == dict(size=[HEIGHT, WIDTH], counts=[start, 3, WIDTH * HEIGHT - start - 3])
    assert area_of(drawn) == 3
    assert found.masks
    assert_notes(found, '2 of 8 objects are rectangles', '--split')
    data = CocoDataset(
        ann_file=str(write_coco(found, tmp_path)[0]),
        data_prefix=dict(img=''),
        metainfo=dict(classes=found.classes),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='mmdet.LoadAnnotations', with_bbox=True, with_mask=True)],
    )
    masks = data[0]['gt_masks'].to_ndarray()
    assert masks.shape == (4, HEIGHT, WIDTH)
    assert masks[3].sum() == 3
    assert masks[3, 11:14, 21].all()


def test_group_of_labelme_is_one_object(tmp_path):
    triangles = [[1, 2], [9, 3], [5, 8]], [[20, 20], [29, 21], [25, 25]]
    _, objects = one_labelme(
        tmp_path,
        shape('cat', triangles[0], 'polygon', group_id=1),
        shape('cat', triangles[0], 'polygon', group_id=2),
        shape('dog', triangles[0], 'polygon', group_id=1),
        shape('cat', triangles[1], 'polygon', group_id=1),
    )
    assert [entry['bbox'] for entry in objects] == [[1, 2, 28, 23], [1, 2, 8, 6], [1, 2, 8, 6]]
    assert [len(entry['segmentation']) for entry in objects] == [2, 1, 1]


def test_shapes_that_are_no_objects(tmp_path):
    shapes = shape(), shape(kind='point', points=[[1, 2]]), shape(kind='line'), shape('__ignore__')
    found, objects = one_labelme(tmp_path, *shapes)
    assert len(objects) == 1
    assert found.classes == ('cat',)
    kinds = '2 shapes of the type point', '2 shapes of the type line', '2 shapes with the label __ignore__'
    assert_notes(found, *kinds, '--split')


def test_pictures_of_labelme_in_a_folder_of_their_own(tmp_path):
    for number in ALL:
        picture(tmp_path / 'images', number)
        drawn = shape(CLASSES[number % 2], [[5 + number, 6], [15 + number, 18 + number]])
        text(tmp_path / 'json' / f'{number}.json', labelme(f'C:\\me\\{number}.jpg', drawn))
    picture(tmp_path / 'images', 9)
    found = find_data(tmp_path)
    assert_all(found, numbers_of(found.train), numbers_of(found.val))
    assert_notes(found, '1 pictures without annotation', '--split')


def test_embedded_picture_of_labelme(tmp_path):
    write_labelme(tmp_path)
    (tmp_path / 'val/4.jpg').unlink()
    text(tmp_path / 'val/4.json', labelme('4.jpg', shape(), imageData='abc'))
    with pytest.raises(UserError, match=r"4\.json: the picture '4\.jpg' is not .* embedded"):
        find_data(tmp_path)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(points=[[1, 2], [3, 4]], shape_type='polygon'), 'shape 1 cannot be read.*a polygon of 2 points'),
        (dict(shape_type='cuboid'), "shape_type is 'cuboid'"),
        (dict(points=[]), 'shape 1 cannot be read'),
        (dict(points=[[1, 'x']]), 'shape 1 cannot be read'),
        (dict(points=[[1, 2], [float('inf'), 4]]), 'no finite number'),
        (dict(shape_type='mask', mask='!'), 'shape 1 cannot be read'),
    ],
)
def test_wrong_shapes(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        one_labelme(tmp_path, shape(**wrong))


# COCO that is written


def test_area_of_polygon_or_box():
    assert area_of(dict(bbox=BOX)) == 120
    assert area_of(dict(bbox=BOX, segmentation=[[0, 0, 4, 0, 0, 4], [0, 0, 2, 0, 2, 2, 0, 2]])) == 12


def test_image_that_cannot_be_read(tmp_path):
    write_voc(tmp_path)
    text(tmp_path / 'JPEGImages/0.jpg', 'text')
    text(tmp_path / 'Annotations/0.xml', voc_xml(0, size=''))
    found = find_data(tmp_path)
    assert isinstance(found.train[0], Picture)
    with pytest.raises(UserError, match=r'image .*0\.jpg cannot be read'):
        write_coco(found, tmp_path)
