"""Pictures of a test: of images with the same name in several folders, in all three host libraries."""

import json

import cv2
import numpy as np
import pytest
import torch
from quick import run

from mmcrossformer.apis.predictor import Predictor

BOXES, SEGMENTS, CLASSES = 'retinanet_crossformer_t_digits', 'upernet_crossformer_t_digits', 'crossformer_t_digits'
NAMES = ('_a $x$', 'cat \u0378')  # the second has a character that is none, so no font has it
GREYS = dict(a=40, b=200)
FILES = [f'{folder}/0.{suffix}' for folder, suffix in (('a', 'jpg'), ('b', 'jpg'), ('b', 'png'))]
DATASETS = {
    BOXES: f"""dict(type='CocoDataset', data_root='ROOT/', ann_file='val.json', data_prefix=dict(img='images/'),
        metainfo=dict(classes={NAMES}), test_mode=True, pipeline={{{{_base_.test_pipeline}}}})""",
    SEGMENTS: f"""dict(type='BaseSegDataset', data_root='ROOT/', img_suffix='.jpg', seg_map_suffix='.map',
        data_prefix=dict(img_path='images', seg_map_path='maps'),
        metainfo=dict(classes={NAMES}, palette=[(255, 0, 0), (0, 0, 255)]), pipeline={{{{_base_.test_pipeline}}}})""",
    CLASSES: f"""dict(type='CustomDataset', data_root='ROOT', data_prefix='images',
        metainfo=dict(classes={NAMES}), pipeline={{{{_base_.test_pipeline}}}})""",
}
SETTINGS = {
    BOXES: "model = dict(bbox_head=dict(num_classes=2))\ntest_evaluator = dict(ann_file='ROOT/val.json')",
    SEGMENTS: 'model = dict(decode_head=dict(num_classes=2), auxiliary_head=dict(num_classes=2))',
    CLASSES: 'model = dict(head=dict(num_classes=2, topk=(1,)))\ntest_evaluator = dict(topk=(1,))',
}


@pytest.fixture
def images(tmp_path):
    """Plain images with one name, each folder with a grey of its own, and annotations for each library."""
    coco = dict(categories=[dict(id=i, name=name) for i, name in enumerate(NAMES, 1)], images=[], annotations=[])
    for i, name in enumerate(FILES, 1):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((48, 64, 3), GREYS[name[0]], np.uint8))
        labels = tmp_path / 'maps' / name
        labels.parent.mkdir(parents=True, exist_ok=True)
        encoded = cv2.imencode('.png', np.eye(48, 64, dtype=np.uint8))[1]
        labels.with_suffix('.map').write_bytes(encoded.tobytes())
        coco['images'].append(dict(id=i, file_name=name, width=64, height=48))
        box = dict(bbox=[10, 10, 20, 20], area=400, iscrowd=0, segmentation=[[10, 10, 30, 10, 30, 30]])
        coco['annotations'].append(dict(id=i, image_id=i, category_id=1, **box))
    (tmp_path / 'val.json').write_text(json.dumps(coco))
    return tmp_path


@pytest.fixture
def job(quick, images):
    """Config and untrained checkpoint of a model on the images."""

    def make(name):
        base = quick(name)
        loader = f"""test_dataloader = dict(dataset=dict(_delete_=True, **{DATASETS[name]}))"""
        path = images / 'nested.py'
        lines = [f'_base_ = {str(base)!r}', loader, SETTINGS[name]]
        path.write_text('\n'.join(lines).replace('ROOT', str(images)))
        checkpoint = images / 'weights.pth'
        torch.save(dict(state_dict=Predictor(path).model.state_dict(), meta={}), checkpoint)
        return path, checkpoint

    return make


def grey_of(picture):
    """The grey of the left half, where the truth covers little of it."""
    return np.median(picture[: picture.shape[0] * 3 // 4, : picture.shape[1] // 2 - 4])


@pytest.mark.parametrize('name', [BOXES, CLASSES])
def test_each_image_has_a_picture(name, job, tmp_path, call):
    out = tmp_path / 'pictures'
    code, printed = call('test', *job(name), '--work-dir', tmp_path / 'run', '--show-dir', out)
    assert code == 0, printed
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob('*.*')) == [
        'a/0.jpg',
        'b/0.jpg.jpg',
        'b/0.png.jpg',
    ]
    for path in out.rglob('*.jpg'):
        picture = cv2.imread(str(path))
        assert picture.shape == (300, 804, 3)
        assert abs(grey_of(picture) - GREYS[path.parent.name]) < 5
        left, right = picture[:, :400].astype(int), picture[:, 404:].astype(int)
        assert np.abs(left - right).max() > 50  # the labels


def test_segments_have_a_legend(job, tmp_path, call):
    (tmp_path / 'images/b/0.png').unlink()
    out = tmp_path / 'pictures'
    code, printed = call('test', *job(SEGMENTS), '--work-dir', tmp_path / 'run', '--show-dir', out)
    assert code == 0, printed
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob('*.*')) == ['a/0.jpg', 'b/0.jpg']
    picture = cv2.imread(str(out / 'a/0.jpg'))
    assert picture.shape[0] > 300
    assert picture.shape[1] == 804
    below = picture[302:]
    assert (below.min(-1) > 240).mean() > 0.5  # white, with names and colours


def test_several_processes_draw_all(job, tmp_path):
    out = tmp_path / 'pictures'
    arguments = ['--work-dir', tmp_path / 'run', '--show-dir', out, '--launcher', 'pytorch']
    tested = run('test', *job(CLASSES), *arguments, processes=2)
    assert tested.returncode == 0, tested.stderr[-3000:]
    assert len([*out.rglob('*.jpg')]) == len(FILES)
    assert not [*out.rglob('*.partial')]
    assert (tested.stdout + tested.stderr).count('Classes are drawn by number') == 1
