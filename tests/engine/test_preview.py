"""The page with training pictures, before the first step."""

import random
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from checked import own_job

from mmcrossformer.apis import read_image
from mmcrossformer.config.read import read_config
from mmcrossformer.config.sizes import pipeline_views
from mmcrossformer.engine.check import Limits, examine_job
from mmcrossformer.engine.preview import write_preview
from mmcrossformer.engine.preview.batches import first_pictures

MASKS, SEGMENTS = 'mask_rcnn_crossformer_t_digits', 'upernet_crossformer_t_digits'
CLASSES, VIEWS = 'crossformer_t_digits', 'crossformer_t_multires_digits'


class Page(HTMLParser):
    """Texts and pictures of a page."""

    def __init__(self, path):
        super().__init__()
        self.words, self.pictures, self.scripts = [], [], 0
        self.feed(path.read_text())
        self.text = ' '.join(' '.join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.scripts += tag == 'script'
        if tag == 'img':
            assert attrs['src'].startswith('data:image/jpeg;base64,')
            self.pictures.append(attrs['src'])

    def handle_data(self, text):
        self.words.append(text)


@pytest.mark.parametrize('name', [MASKS, SEGMENTS, CLASSES, VIEWS])
def test_page_of_each_task(name, quick, tmp_path):
    cfg = read_config(str(quick(name)))
    report = examine_job(cfg, Limits(decoded=4), channels=False)
    path = tmp_path / 'preview.html'
    assert not write_preview(cfg, report, path)
    page = Page(path)
    # There are four scenes, which the loader of a segmenter repeats, and 20 digits.
    views = len(pipeline_views(cfg.train_dataloader.dataset.pipeline)) or 1
    assert len(page.pictures) == (4 if name == MASKS else 16) * views
    assert views == 1 or name == VIEWS
    assert 'of each class' in page.text
    assert (name == SEGMENTS) == ('background' in page.text)
    first = path.read_text()
    assert not write_preview(cfg, report, path)
    assert path.read_text() == first


def state():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_random_numbers_go_on(quick, tmp_path):
    cfg = read_config(str(quick(MASKS)))
    before = state()
    text = cfg.pretty_text
    write_preview(cfg, None, tmp_path / 'preview.html')
    assert state() == before
    assert cfg.pretty_text == text
    assert 'The job was not checked.' in Page(tmp_path / 'preview.html').text


def test_seed_decides(quick):
    cfg = read_config(str(quick(MASKS)))
    pictures = []
    for seed in (0, 0, 1):
        cfg.randomness = dict(seed=seed)
        pictures.append([views[0].pixels.tobytes() for views in first_pictures(cfg, 4)[0]])
    assert pictures[0] == pictures[1] != pictures[2]


def test_pixels_are_those_of_the_file(quick):
    """The normalisation is undone, in the order of colours of the file."""
    cfg = read_config(str(quick(CLASSES)))
    cfg.train_dataloader.dataset.pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
    cfg.model.train_cfg = None
    for (view,) in first_pictures(cfg, 3)[0]:
        stored = read_image(view.sample.img_path)
        assert np.abs(view.pixels.astype(int) - stored).max() <= 1


def test_mosaic(data, tmp_path):
    cfg = own_job(data, 'retinanet_crossformer_t_digits')
    inner = cfg.train_dataloader.dataset
    load, rest = inner.pipeline[:2], inner.pipeline[2:]
    cfg.train_dataloader.dataset = dict(
        type='MultiImageMixDataset',
        dataset=dict(inner, pipeline=load),
        pipeline=[dict(type='Mosaic', img_scale=(64, 64), pad_val=114.0), *rest],
    )
    cfg.train_dataloader.num_workers = 0
    path = tmp_path / 'preview.html'
    assert not write_preview(cfg, None, path)
    assert len(Page(path).pictures) == 4
    found, _ = first_pictures(cfg, 4)
    assert max(len(views[0].sample.gt_instances) for views in found) > 2  # of several pictures
    assert not np.array_equal(found[0][0].pixels, found[1][0].pixels)


def test_findings_are_apart(data, tmp_path):
    cfg = own_job(data, 'retinanet_crossformer_t_digits')
    cfg.model.bbox_head.num_classes = 7
    report = examine_job(cfg, Limits(), channels=False)
    assert not write_preview(cfg, report, tmp_path / 'preview.html')
    text = Page(tmp_path / 'preview.html').text
    assert re.search('Errors .*has 7 classes.* Training pictures', text)


def test_a_failure_is_reported(data, tmp_path):
    cfg = own_job(data, 'retinanet_crossformer_t_digits')
    cfg.train_dataloader.dataset.pipeline[0] = dict(type='LoadNothing')
    before = state()
    reason = write_preview(cfg, None, tmp_path / 'preview.html')
    assert 'the training pictures cannot be drawn' in reason
    assert 'LoadNothing' in reason
    assert state() == before
    assert 'There are none: the training pictures cannot be drawn' in Page(tmp_path / 'preview.html').text
    assert 'cannot be written' in write_preview(cfg, None, tmp_path / 'none/preview.html')


def test_check_writes_it(call, quick, tmp_path):
    config, path = quick(CLASSES), tmp_path / 'pages/preview.html'
    code, text = call('check', config, '--preview', path)
    assert code == 0, text
    assert len(Page(path).pictures) == 16
    code, text = call('check', config, '--preview', tmp_path / 'preview.txt')
    assert code == 2
    assert 'ends in .html' in text
