"""Own data of any kind in configs of any library."""

import copy
import functools

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from quick import CONFIGS, run
from tiers import one_of_each_kind, sampled

from mmcrossformer.config.own_data import use_found
from mmcrossformer.config.package import list_configs
from mmcrossformer.config.read import read_config
from mmcrossformer.config.walk import datasets_of, dicts_in, evaluators_of
from mmcrossformer.datasets.formats.found import Found, Picture
from mmcrossformer.engine.check import check_job
from mmcrossformer.engine.check.settings import check_settings
from mmcrossformer.utils.errors import UserError

SIZE = (40, 32)
PANOPTIC = 'mask2former_crossformer_s_coco_panoptic'
KINDS = dict(mmdet='objects', mmseg='label maps', mmpretrain='classes')

parse = functools.cache(lambda name: read_config(str(CONFIGS / f'{name}.py')))


def config(name):
    return copy.deepcopy(parse(name))


@pytest.fixture
def own(tmp_path):
    """Makes own data of a kind, four pictures to train on and two to validate on, with a space in their path."""

    def make(kind, classes=('cat', 'dog', 'owl'), masks=True):
        folder = tmp_path / 'own data'
        folder.mkdir(exist_ok=True)
        noise, pictures = np.random.default_rng(0), []
        for i in range(6):
            path = folder / f'{i} x.jpg'
            Image.fromarray(noise.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)).save(path)
            pictures.append(Picture(path, annotate(kind, folder, i, len(classes), masks), SIZE))
        return Found(kind, 'test', folder, classes, pictures[:4], pictures[4:], masks)

    return make


def annotate(kind, folder, i, count, masks):
    if kind == 'classes':
        return i % count
    if kind == 'label maps':
        path = folder / f'{i}.map'
        Image.fromarray(np.resize(np.arange(count, dtype=np.uint8), SIZE[::-1])).save(path, format='PNG')
        return path
    polygon = dict(segmentation=[[5, 5, 25, 5, 25, 25, 5, 25]]) if masks else {}
    return [dict(bbox=[5, 5, 20, 20], category=label, **polygon) for label in range(count)]


def sizes(cfg):
    """All numbers of classes outside of the backbone."""
    model = {key: value for key, value in cfg.model.items() if key != 'backbone'}
    found = [node.get('num_classes', node.get('num_things_classes')) for node in dicts_in(model)]
    return {number for number in found if number is not None}


EVERY = [name for name in list_configs() if name != PANOPTIC]


@pytest.mark.parametrize('name', sampled(EVERY, one_of_each_kind(EVERY)))
def test_every_config(name, own, tmp_path):
    cfg = config(name)
    if cfg.model.type == 'TimmClassifier':
        pytest.importorskip('timm')
    before = [str(finding) for finding in check_settings(cfg)]
    use_found(cfg, own(KINDS[cfg.default_scope]), tmp_path / 'work')
    assert sizes(cfg) == {3}
    assert [str(finding) for finding in check_settings(cfg)] == before
    for part, count in (('train', 4), ('val', 2), ('test', 2)):
        (dataset,) = datasets_of(cfg[f'{part}_dataloader'])
        assert dataset.metainfo.classes == ('cat', 'dog', 'owl')
        assert dataset.ann_file.startswith(str(tmp_path / 'work'))
        assert 'spec' not in dataset
        assert dataset.pipeline
        if cfg.default_scope != 'mmdet':
            with open(dataset.ann_file) as lines:
                assert len([*lines]) == count
    # 133 and 150 were of the data of the config
    lengths = {len(node['class_weight']) for node in dicts_in(cfg.model) if node.get('class_weight')}
    assert lengths <= {3, 4}


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('retinanet_crossformer_t_digits', 'objects'),
        ('mask_rcnn_crossformer_t_digits', 'objects'),
        ('upernet_crossformer_t_digits', 'label maps'),
        ('upernet_crossformer_t_digits', 'objects'),
        ('semantic_fpn_crossformer_s_g14_ade20k', 'label maps'),
        ('crossformer_t_digits', 'classes'),
    ],
)
def test_nothing_to_find(name, kind, own, tmp_path):
    cfg = config(name)
    cfg.train_dataloader.batch_size = 2
    use_found(cfg, own(kind), tmp_path / 'work')
    assert not [str(finding) for finding in check_job(cfg, channels=False) if not finding.warning]


def test_training(own, write_quick, tmp_path):
    """A detector trained on masks, a segmenter on objects that are painted, and a classifier."""
    for name, kind, metric in (
        ('mask_rcnn_crossformer_t_digits', 'objects', 'coco/segm_mAP'),
        ('upernet_crossformer_t_digits', 'objects', 'mIoU'),
        ('crossformer_t_digits', 'classes', 'accuracy/top1'),
    ):
        cfg = Config.fromfile(write_quick(tmp_path, name))
        use_found(cfg, own(kind), tmp_path / f'data {name}')
        path = tmp_path / f'own_{name}.py'
        cfg.dump(path)
        result = run('train', path, '--work-dir', tmp_path / name)
        assert result.returncode == 0, result.stderr
        assert metric in result.stdout + result.stderr


def test_one_class(own, tmp_path):
    cfg = config('retinanet_crossformer_t_digits')
    use_found(cfg, own('objects', ('cat',)), tmp_path / 'a')
    assert sizes(cfg) == {1}
    cfg = config('upernet_crossformer_t_digits')
    notes = use_found(cfg, own('objects', ('cat',)), tmp_path / 'b')
    assert sizes(cfg) == {2}
    assert 'background and 1 classes' in ' '.join(notes)
    assert 'weights of classes' in ' '.join(notes)
    assert not any(node.get('class_weight') for node in dicts_in(cfg.model))
    for name, kind in (('crossformer_t_digits', 'classes'), ('upernet_crossformer_t_digits', 'label maps')):
        with pytest.raises(UserError, match='has one class, cat: there is nothing to tell apart'):
            use_found(config(name), own(kind, ('cat',)), tmp_path / 'c')


def test_one_output_for_two_classes(own, tmp_path):
    cfg = config('upernet_crossformer_t_digits')
    cfg.model.decode_head.update(out_channels=1, num_classes=2, threshold=0.3)
    cfg.model.decode_head.loss_decode.use_sigmoid = True
    use_found(cfg, own('label maps'), tmp_path / 'work')
    head = cfg.model.decode_head
    assert 'out_channels' not in head
    assert 'threshold' not in head
    assert not head.loss_decode.use_sigmoid


def test_evaluators(own, tmp_path):
    cfg = config('mask_rcnn_crossformer_t_digits')
    cfg.test_evaluator = dict(type='VOCMetric')
    notes = use_found(cfg, own('objects'), tmp_path / 'work')
    for part in ('val', 'test'):
        (metric,) = evaluators_of(cfg, part)
        assert (metric['type'], metric['metric']) == ('CocoMetric', ['bbox', 'segm'])
        assert metric['classwise']
        assert metric['ann_file'] == str(tmp_path / 'work/val.json')
    assert 'test_evaluator was VOCMetric' in ' '.join(notes)
    cfg = config('crossformer_t_imagenet')
    use_found(cfg, own('classes'), tmp_path / 'work')
    assert cfg.val_evaluator['topk'] == cfg.model.head.topk == (1,)
    assert cfg.data_preprocessor.num_classes == 3


def test_zero_is_a_class(own, tmp_path):
    """Configs for ADE20K ignore label 0."""
    cfg = config('upernet_crossformer_s_ade20k')
    use_found(cfg, own('label maps'), tmp_path / 'work')
    for part in ('train', 'val', 'test'):
        assert not any(node.get('reduce_zero_label') for node in dicts_in(cfg[f'{part}_dataloader']))


def test_wrappers_stay(own, tmp_path):
    cfg = config('retinanet_crossformer_t_digits')
    cfg.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=cfg.train_dataloader.dataset)
    use_found(cfg, own('objects'), tmp_path / 'work')
    assert (cfg.train_dataloader.dataset.type, cfg.train_dataloader.dataset.times) == ('RepeatDataset', 2)
    assert cfg.train_dataloader.dataset.dataset.type == 'CocoDataset'
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[cfg.train_dataloader.dataset] * 2)
    with pytest.raises(UserError, match='joins 2 data sets'):
        use_found(cfg, own('objects'), tmp_path / 'work')


@pytest.mark.parametrize(
    ('name', 'kind', 'masks', 'message'),
    [
        ('retinanet_crossformer_t_digits', 'classes', True, 'take a classifier (crossformer_*'),
        ('retinanet_crossformer_t_digits', 'label maps', True, 'take a segmenter (upernet_*'),
        ('crossformer_t_digits', 'objects', True, 'take a detector of boxes (retinanet_*'),
        ('upernet_crossformer_t_digits', 'classes', True, 'which a config for mmseg cannot be trained on'),
        ('mask_rcnn_crossformer_t_digits', 'objects', False, 'Take a detector of boxes (retinanet_*'),
        ('upernet_crossformer_t_digits', 'objects', False, 'have boxes alone, and a segmenter needs masks'),
        (PANOPTIC, 'objects', True, 'also needs label maps (with_seg)'),
    ],
)
def test_data_that_do_not_fit(name, kind, masks, message, own, tmp_path):
    with pytest.raises(UserError) as error:
        use_found(config(name), own(kind, masks=masks), tmp_path / 'work')
    assert message in str(error.value)


def test_configs_of_the_messages_exist():
    from fnmatch import filter as matching
    from re import findall

    from mmcrossformer.config.own_data.fitting import FITTING

    for kinds in FITTING.values():
        for pattern in findall(r'[\w*]+\*\w*', ' '.join(kinds.values())):
            assert matching(list_configs(), pattern), pattern


def test_nothing_to_learn(own, tmp_path):
    found = own('objects')
    for picture in found.train:
        picture.annotation.clear()
    with pytest.raises(UserError, match='has no objects to train on'):
        use_found(config('retinanet_crossformer_t_digits'), found, tmp_path / 'work')


def test_names_that_lists_cannot_have(own, tmp_path):
    found = own('classes')
    found.train[0] = Picture(found.folder / 'a\nb.jpg', 0)
    with pytest.raises(UserError, match='has a line break: rename it'):
        use_found(config('crossformer_t_digits'), found, tmp_path / 'work')
