"""The embedded data set: what is on disk, where it comes from, and how it gets there."""

import json
import re
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from quick import run_program

from mmcrossformer.datasets import digits, scenes
from mmcrossformer.datasets.digits import CLASSES, PALETTE, DigitsSpec, ensure_digits

COUNTS = {'train': (16, 20), 'val': (8, 10)}  # scenes, crops
SPEC = DigitsSpec(
    train_scenes=16,
    val_scenes=8,
    digits_per_scene=(2, 6),
    digit_size=(28, 96),
    train_crops=20,
    val_crops=10,
)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return ensure_digits(tmp_path_factory.mktemp('data') / 'digits', SPEC)


@pytest.fixture(params=['train', 'val'])
def split(request):
    return request.param


@pytest.fixture
def coco(root, split):
    return COCO(str(root / 'annotations' / f'instances_{split}.json'))


def contents(folder):
    """Every file below a folder: relative path -> bytes."""
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def rasterise(polygons, shape):
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, *shape))).astype(bool)


def iou(mask, other):
    return (mask & other).sum() / (mask | other).sum()


def box_iou(box, other):
    """IoU of two boxes x, y, w, h."""
    return coco_mask.iou([box], [other], [0])[0, 0]


def test_classes_and_palette():
    assert ''.join(CLASSES) == '0123456789'
    assert len(set(PALETTE)) == len(CLASSES)
    assert all(len(colour) == 3 and 0 <= min(colour) <= max(colour) <= 255 for colour in PALETTE)


def test_layout(root, split):
    scenes, crops = COUNTS[split]
    names = [f'{number:06d}' for number in range(scenes)]
    images, semantic = root / 'images' / split, root / 'semantic' / split
    assert sorted(path.name for path in images.iterdir()) == [f'{name}.jpg' for name in names]
    assert sorted(path.name for path in semantic.iterdir()) == [f'{name}.png' for name in names]
    for name in names:
        assert cv2.imread(str(images / f'{name}.jpg')).shape == (160, 160, 3)
        labels = cv2.imread(str(semantic / f'{name}.png'), cv2.IMREAD_UNCHANGED)
        assert labels.shape == (160, 160)
        assert labels.dtype == np.uint8
        assert labels.max() <= len(CLASSES)
    for digit in CLASSES:
        folder = root / 'classes' / split / digit
        expected = [f'{folder.name}_{number:06d}.jpg' for number in range(crops // len(CLASSES))]
        assert sorted(path.name for path in folder.iterdir()) == expected
        assert cv2.imread(str(folder / f'{folder.name}_000000.jpg')).shape == (64, 64, 3)
    assert json.loads((root / 'digits.json').read_text())['spec']['train_scenes'] == 16


def test_coco_file(coco, split):
    names = {category['id']: category['name'] for category in coco.cats.values()}
    assert names == dict(enumerate(CLASSES, 1))
    assert len(coco.imgs) == COUNTS[split][0]
    for image in coco.imgs.values():
        assert image['file_name'] == f'{image["id"]:06d}.jpg'
        assert (image['height'], image['width']) == (160, 160)
        assert 1 <= len(coco.imgToAnns[image['id']]) <= 6
    for annotation in coco.anns.values():
        assert annotation['iscrowd'] == 0
        assert annotation['segmentation']
        assert all(len(p) >= 6 and len(p) % 2 == 0 for p in annotation['segmentation'])


def test_every_class_occurs(coco):
    assert {annotation['category_id'] for annotation in coco.anns.values()} == set(range(1, 11))


def test_boxes_are_tight_inside_and_apart(coco):
    for annotation in coco.anns.values():
        x, y, width, height = annotation['bbox']
        assert all(isinstance(number, float) for number in annotation['bbox'])
        assert min(x, y) >= 0
        assert max(x + width, y + height) <= 160
        assert SPEC.digit_size[0] - 2 <= height <= SPEC.digit_size[1] + 2
        ys, xs = np.nonzero(rasterise(annotation['segmentation'], (160, 160)))
        outline = [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()]
        np.testing.assert_allclose(annotation['bbox'], outline, atol=1)
        others = coco.imgToAnns[annotation['image_id']]
        ious = [box_iou(annotation['bbox'], o['bbox']) for o in others if o is not annotation]
        assert max(ious, default=0) <= 0.05


def test_polygons_agree_with_the_semantic_map(root, split, coco):
    for image_id, image in coco.imgs.items():
        path = root / 'semantic' / split / image['file_name'].replace('.jpg', '.png')
        semantic = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        union = np.zeros(semantic.shape, bool)
        for annotation in coco.imgToAnns[image_id]:
            mask = rasterise(annotation['segmentation'], semantic.shape)
            union |= mask
            x, y, width, height = (int(number) for number in annotation['bbox'])
            box = np.zeros(semantic.shape, bool)
            box[y : y + height, x : x + width] = True
            assert iou(mask, (semantic == annotation['category_id']) & box) > 0.9
            assert mask.sum() == pytest.approx(annotation['area'], rel=0.05)
            # Tight to the pixel, as far as no digit of the same class reaches into the box.
            assert (mask & (semantic == annotation['category_id']))[y].any()
        assert iou(union, semantic > 0) > 0.97


def test_digits_stand_out_from_their_photograph(root, split, coco):
    """The luma of a digit differs from that of nearly every pixel around it."""
    contrasts = []
    for image_id, image in coco.imgs.items():
        path = root / 'images' / split / image['file_name']
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(float)
        for annotation in coco.imgToAnns[image_id]:
            mask = rasterise(annotation['segmentation'], grey.shape)
            near = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))).astype(bool)
            close = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3))).astype(bool)
            contrasts.append(np.abs(grey[near & ~close] - grey[mask].mean()).mean())
    assert np.median(contrasts) > 50
    assert min(contrasts) > 20


def test_polygons_leave_holes_empty():
    mask = np.zeros((40, 60), bool)
    mask[2:30, 3:28] = True
    mask[8:14, 8:20] = False
    mask[18:26, 10:22] = False
    mask[33:40, 40:60] = True  # a second part, at the border
    mask[5, 50] = True  # a single pixel
    polygons = scenes.mask_polygons(mask)
    assert len(polygons) == 3
    assert min(len(polygon) for polygon in polygons) >= 6
    np.testing.assert_array_equal(rasterise(polygons, mask.shape), mask)


@pytest.mark.parametrize('height', [16, 28, 96])
def test_rendered_digit_fills_its_box(height):
    grids, _ = scenes.load_digits('val')
    alpha = scenes.render_digit(grids[0], height, angle=10, stretch=1.1)
    assert abs(alpha.shape[0] - height) <= 1
    assert 0 <= alpha.min() <= alpha.max() <= 1
    mask = alpha > 0.5
    assert mask.any(axis=1)[[0, -1]].all()
    assert mask.any(axis=0)[[0, -1]].all()


def test_splits_share_no_digit_and_no_photograph():
    train, val = (scenes.digit_indices(split) for split in ('train', 'val'))
    assert not set(train) & set(val)
    assert set(train) | set(val) == set(range(1797))
    photos = {split: scenes.photographs(split) for split in ('train', 'val')}
    assert not set(photos['train']) & set(photos['val'])
    for split, indices in (('train', train), ('val', val)):
        grids, labels = scenes.load_digits(split)
        assert grids.shape == (len(indices), 8, 8)
        assert set(labels) == set(range(10))
        for photo in photos[split].values():
            assert photo.dtype == np.uint8
            assert photo.ndim == 3
            assert min(photo.shape[:2]) >= 300


def test_a_split_is_made_from_its_own_photographs_and_digits(tmp_path, monkeypatch):
    asked = {'photographs': set(), 'load_digits': set()}
    for name, seen in asked.items():
        original = getattr(digits, name)

        def spy(split, original=original, seen=seen):
            seen.add(split)
            return original(split)

        monkeypatch.setattr(digits, name, spy)
    spec = replace(SPEC, train_scenes=1, val_scenes=1, train_crops=10, val_crops=10)
    digits._write_scenes(tmp_path, 'val', spec)
    digits._write_crops(tmp_path, 'val', spec)
    assert asked == {'photographs': {'val'}, 'load_digits': {'val'}}


def test_same_spec_gives_the_same_bytes(root, tmp_path):
    assert contents(ensure_digits(tmp_path / 'again', SPEC)) == contents(root)


def test_seed_changes_the_pixels(root, tmp_path):
    other = contents(ensure_digits(tmp_path / 'other', replace(SPEC, seed=1)))
    same = contents(root)
    assert other.keys() == same.keys()
    for name in ('images/train/000000.jpg', 'classes/val/3/3_000000.jpg'):
        assert other[name] != same[name]


def test_second_call_writes_nothing(root, monkeypatch):
    def times():
        return {path: path.stat().st_mtime_ns for path in [root, *root.rglob('*')]}

    before = times()
    messages = []
    monkeypatch.setattr(digits, 'print_log', lambda message, **_: messages.append(message))
    assert ensure_digits(str(root), SPEC) == root
    assert times() == before
    assert not messages


def test_generation_is_logged(tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr(digits, 'print_log', lambda message, **_: messages.append(message))
    monkeypatch.setattr(digits, '_generate', lambda root, spec: None)
    ensure_digits(tmp_path / 'digits', SPEC)
    assert len(messages) == 2
    assert all(str(tmp_path / 'digits') in message for message in messages)


def test_empty_folder_is_filled(tmp_path):
    spec = replace(SPEC, train_scenes=1, val_scenes=1, train_crops=10, val_crops=10)
    assert (ensure_digits(tmp_path / 'empty', spec) / 'digits.json').is_file()
    (tmp_path / 'made').mkdir()
    assert (ensure_digits(tmp_path / 'made', spec) / 'digits.json').is_file()


def test_other_spec_in_the_folder_is_refused(root):
    before = contents(root)
    message = rf'{re.escape(str(root))}.*val_scenes \(found 8, expected 7\).*delete the folder'
    with pytest.raises(ValueError, match=message):
        ensure_digits(root, replace(SPEC, val_scenes=7))
    with pytest.raises(ValueError, match=r'digit_size \(found \[28, 96\], expected \[28, 90\]\)'):
        ensure_digits(root, replace(SPEC, digit_size=(28, 90)))
    assert contents(root) == before


@pytest.mark.parametrize('name', ['notes.txt', 'digits.json'])
def test_foreign_folder_is_refused_and_untouched(tmp_path, name):
    foreign = tmp_path / 'foreign'
    foreign.mkdir()
    (foreign / name).write_text('my notes')
    with pytest.raises(ValueError, match='something other than a digits data set'):
        ensure_digits(foreign, SPEC)
    assert contents(tmp_path) == {f'foreign/{name}': b'my notes'}


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    path = tmp_path / 'digits'
    path.write_text('my notes')
    with pytest.raises(ValueError, match='something other than a digits data set'):
        ensure_digits(path, SPEC)
    assert path.read_text() == 'my notes'


def test_interrupted_generation_leaves_no_folder(root, tmp_path, monkeypatch):
    write_image = digits._write_image
    written = []

    def fail_in_the_middle(path, image):
        written.append(path)
        if len(written) > 20:
            raise OSError('no space left')
        write_image(path, image)

    monkeypatch.setattr(digits, '_write_image', fail_in_the_middle)
    with pytest.raises(OSError, match='no space left'):
        ensure_digits(tmp_path / 'digits', SPEC)
    assert [path.name for path in tmp_path.iterdir() if path.name != 'digits.lock'] == []
    monkeypatch.undo()
    assert contents(ensure_digits(tmp_path / 'digits', SPEC)) == contents(root)


def test_killed_generation_is_started_over(root, tmp_path):
    """A killed process cannot clean up: what it leaves must not end up in the set."""
    script = (
        'import os, sys\n'
        'from mmcrossformer.datasets import digits\n'
        'digits._write_crops = lambda *_: os._exit(9)\n'
        f'digits.ensure_digits(sys.argv[1], digits.{SPEC!r})\n'
    )
    target = tmp_path / 'all' / 'digits'
    assert start(script, target, tmp_path / 'program').returncode == 9
    assert not target.exists()
    assert contents(target.parent).keys() - {'digits.lock'}  # the half-made set lies beside it
    assert contents(ensure_digits(target, SPEC)) == contents(root)
    assert contents(target.parent).keys() - {'digits.lock'} == {f'digits/{n}' for n in contents(root)}


def test_two_processes_at_once_make_one_set(root, tmp_path):
    script = (
        'import sys\n'
        'from mmcrossformer.datasets import digits\n'
        f'print(digits.ensure_digits(sys.argv[1], digits.{SPEC!r}))\n'
    )
    target = tmp_path / 'deep' / 'digits'
    result = start(script, target, tmp_path / 'program', processes=2)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines().count(str(target)) == 2
    assert (result.stdout + result.stderr).count('Generating the digits data set') == 1
    assert contents(target) == contents(root)


def start(script, target, path, processes=1):
    path.write_text(script)
    return run_program(path, [target], processes)


@pytest.mark.parametrize('package', ['skimage.data', 'sklearn.datasets'])
def test_missing_package_is_named(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'{package}.*pip install scikit-learn scikit-image'):
        ensure_digits(tmp_path / 'digits', SPEC)
    assert not (tmp_path / 'digits').exists()


@pytest.mark.parametrize(
    'wrong',
    [
        {'digits_per_scene': (3, 2)},
        {'digits_per_scene': (0, 2)},
        {'digit_size': (28, 200)},
        {'digit_size': (4, 20)},
        {'crop_size': 8},
    ],
)
def test_impossible_spec_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DigitsSpec(**wrong)
