"""Recipes for small data: what the network sees, how long it is trained, and that every detector takes them."""

import numpy as np
import pytest
from checked import own_job
from mmengine.registry import DATASETS, init_default_scope
from quick import CONFIGS
from tiers import sampled

from mmcrossformer.config.read import read_config
from mmcrossformer.config.recipes import RECIPES, use_recipe
from mmcrossformer.config.walk import schedulers_of
from mmcrossformer.engine.check import check_job
from mmcrossformer.engine.check.settings import check_settings
from mmcrossformer.utils.errors import UserError

DETECTORS = sorted(
    path.stem for path in CONFIGS.glob('*.py') if path.stem.endswith(('_coco', 'mask_rcnn_crossformer_t_digits'))
)


def train_set(cfg):
    init_default_scope('mmdet')
    return DATASETS.build(cfg.train_dataloader.dataset)


@pytest.mark.parametrize('name', RECIPES)
@pytest.mark.parametrize('config', ['retinanet_crossformer_t_digits', 'mask_rcnn_crossformer_t_digits'])
def test_trains_on_what_comes_out(name, config, data):
    cfg = own_job(data, config)
    cfg.train_dataloader.batch_size = 2
    side = 128  # the nearest multiple of 32 to 112
    use_recipe(cfg, name, images=4)
    assert [str(finding) for finding in check_job(cfg) if not finding.warning] == []
    np.random.seed(0)
    dataset = train_set(cfg)
    shapes, objects = set(), 0
    for index in range(len(dataset)):
        sample = dataset[index]
        height, width = sample['inputs'].shape[1:]
        shapes.add((height, width))
        assert max(height, width) <= side
        found = sample['data_samples'].gt_instances
        objects += len(found)
        assert ('masks' in found) == config.startswith('mask')
        boxes = found.bboxes.tensor.numpy()
        assert (boxes >= 0).all()
        assert (boxes[:, 2:] - boxes[:, :2] >= 1).all()
        assert (boxes <= [width, height, width, height]).all()
    assert objects
    if name != 'strong':
        assert len(shapes) > 1


def test_strong_mixes_images(data):
    for config, step in (('retinanet_crossformer_t_digits', 'Mosaic'), ('mask_rcnn_crossformer_t_digits', 'CopyPaste')):
        cfg = own_job(data, config)
        use_recipe(cfg, 'strong', images=4)
        assert cfg.train_dataloader.dataset.type == 'MultiImageMixDataset'
        assert cfg.train_dataloader.dataset.pipeline[0].type == step


def test_few_images_are_trained_longer():
    """Of a data set of any size, the network sees at least so many images."""
    few, many = (read_config('retinanet_crossformer_s_coco') for _ in range(2))
    (note,) = use_recipe(few, 'standard', images=160)
    assert few.train_cfg.max_epochs == RECIPES['standard'].images / 160
    assert f'{few.train_cfg.max_epochs} epochs in place of 12' in note
    use_recipe(many, 'standard', images=118_000)
    assert many.train_cfg.max_epochs == 36


def test_schedules_are_stretched_and_warm_ups_stay():
    cfg = read_config('retinanet_crossformer_s_coco')
    use_recipe(cfg, 'standard', images=118_000)
    (_, warm_up), (_, steps) = schedulers_of(cfg)
    assert (warm_up['end'], steps['end'], steps['milestones']) == (500, 36, [24, 33])
    assert cfg.train_cfg.val_interval == 3


@pytest.mark.parametrize('config', sampled(DETECTORS, ['dino_crossformer_s_coco', 'mask2former_crossformer_s_coco']))
def test_every_detector_takes_them(config):
    for name in RECIPES:
        cfg = read_config(config)
        use_recipe(cfg, name, images=1000)
        assert [str(finding) for finding in check_settings(cfg) if not finding.warning] == []


@pytest.mark.parametrize(
    ('config', 'name', 'message'),
    [
        ('retinanet_crossformer_t_digits', 'huge', "recipe 'huge' is none of small, standard, strong"),
        ('upernet_crossformer_t_digits', 'small', '--recipe is for detection'),
    ],
)
def test_messages(config, name, message):
    with pytest.raises(UserError, match=message):
        use_recipe(read_config(config), name)
