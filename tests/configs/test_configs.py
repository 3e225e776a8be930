"""Every config: its name, its channels, one training step and one prediction."""

import copy
import functools
import re
import runpy
from pathlib import Path

import pytest
import timm
from hosts import channels_of, check_predictions, num_classes, shrink, step_and_predict
from mmengine.config import Config
from tiers import one_of_each_kind, sampled

from mmcrossformer import CAT
from mmcrossformer.config.metrics import main_metric_of
from mmcrossformer.config.sizes import pipeline_views, trained_sizes
from mmcrossformer.config.walk import model_settings
from mmcrossformer.engine.check.settings import check_settings

FOLDER = Path(__file__).parents[2] / 'configs'
CONFIGS = sorted(path for path in FOLDER.glob('*.py') if not path.stem.startswith('crossvit'))
CROSSVIT = sorted(FOLDER.glob('crossvit_*_imagenet.py'))
MODELS = dict(
    mask_rcnn='MaskRCNN',
    cascade_mask_rcnn='CascadeRCNN',
    cascade_rcnn='CascadeRCNN',
    fcos='FCOS',
    atss='ATSS',
    retinanet='RetinaNet',
    mask2former='Mask2Former',
    dino='DINO',
    upernet='EncoderDecoder',
    semantic_fpn='EncoderDecoder',
)
CLASSES = dict(coco=80, coco_panoptic=133, ade20k=150, imagenet=1000, digits=10)
NAME = re.compile(
    rf'((?P<method>{"|".join(MODELS)})_)?(cat|(?P<crossformer>crossformer(?P<pp>pp)?))_(?P<size>[tsblh])'
    rf'(_(?P<detail>[a-z0-9]+(_[a-z0-9]+)*))?_(?P<dataset>{"|".join(CLASSES)})'
)
COSTS = runpy.run_path(str(FOLDER.parent / '.dev_scripts' / 'published_costs.py'))
# The only detector and segmenter with long distance attention in blocks.
BLOCK = ('mask_rcnn_crossformer_s_block_coco', 'upernet_crossformer_s_block_ade20k')
SIZES = dict(t='tiny', s='small', b='base', l='large', h='huge')


read = functools.cache(Config.fromfile)  # what is changed has to be copied before


# The tests of one config run one after the other, in one process, which reads it once.
@pytest.fixture(scope='module', params=CONFIGS, ids=[path.stem for path in CONFIGS])
def config(request):
    return request.param


def test_name_says_what_it_is(config):
    name = NAME.fullmatch(config.stem)
    assert name, config.stem
    model = read(config).model
    assert model.backbone.type == f'mmcrossformer.{"CrossFormer" if name["crossformer"] else "CAT"}'
    assert model.backbone.arch == ('pp-' if name['pp'] else '') + SIZES[name['size']]
    semantic = name['method'] == 'mask2former' and name['dataset'] == 'ade20k'
    classifier = 'mmcrossformer.MultiResolutionClassifier' if name['detail'] == 'multires' else 'ImageClassifier'
    assert model.type == ('EncoderDecoder' if semantic else MODELS.get(name['method'], classifier))
    background = name['method'] == 'upernet' and name['dataset'] == 'digits'
    assert num_classes(model) == CLASSES[name['dataset']] + background


def test_every_published_model_has_its_config():
    """The cells of the published tables."""
    families = {'crossformer': 'tsbl', 'crossformerpp': 'sblh', 'cat': 'tsb'}
    names = {f'{family}_{size}_imagenet' for family, sizes in families.items() for size in sizes}
    names |= {*COSTS['ROWS']}
    cells = [f'{method}_cat_{{}}_coco' for method in ('mask_rcnn', 'retinanet', 'fcos', 'atss', 'cascade_rcnn')]
    cells += ['cascade_rcnn_cat_{}_multiscale_coco', 'semantic_fpn_cat_{}_ade20k', 'semantic_fpn_cat_{}_160k_ade20k']
    names |= {cell.format(size) for cell in cells for size in 'sb'}
    assert names <= {path.stem for path in CONFIGS}


def test_channels_fit_the_backbone(config):
    model = read(config).model
    channels = channels_of(model.backbone)
    taken = [channels[i] for i in model.backbone.get('out_indices', range(4))]
    consumers = [model.get(part) for part in ('neck', 'panoptic_head', 'decode_head', 'head') if part in model]
    consumer = next(node for node in consumers if 'in_channels' in node)
    assert consumer.in_channels == (taken if isinstance(consumer.in_channels, list) else taken[-1])
    if 'auxiliary_head' in model:
        assert model.auxiliary_head.in_channels == channels[model.auxiliary_head.in_index]


def test_settings_agree_with_each_other(config):
    # A package that is in no index may be missing here.
    assert [finding for finding in check_settings(read(config)) if 'panopticapi' not in finding.text] == []


@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.py')), ids=lambda path: path.stem)
def test_best_weights_and_the_last_two_states_are_kept(path):
    cfg = read(path)
    saving = cfg.default_hooks.checkpoint
    assert (saving.type, saving.max_keep_ckpts) == ('mmcrossformer.AtomicCheckpointHook', 2)
    assert 'save_best' not in saving
    assert [hook for hook in cfg.custom_hooks if 'BestHook' in hook.type] == [dict(type='mmcrossformer.BestHook')]
    assert main_metric_of(cfg).rpartition('/')[2] in ('PQ', 'segm_mAP', 'bbox_mAP', 'mIoU', 'top1')


def test_base_files_leave_what_the_model_has(config):
    """`backbone`, `channels` and `groups` beside `model` are those of its own parts."""
    cfg = read(config)
    taken = cfg.model.backbone
    parts = [cfg.classifier_backbone if cfg.default_scope == 'mmpretrain' else cfg.backbone, cfg.get('groups', {})]
    assert all(taken[key] == value for part in parts for key, value in part.items() if key != 'out_indices')
    assert cfg.channels == channels_of(taken)


def test_dense_tasks_have_a_published_setting(config):
    """Blocks, too, have the groups of one. Digits are smaller and have shorter intervals."""
    backbone, name = read(config).model.backbone, NAME.fullmatch(config.stem)
    if name['crossformer'] and name['method']:
        groups, interval = COSTS['SETTINGS']['g14' if 'g14' in (name['detail'] or '') else 'g7']
        assert backbone.group_size == groups
        assert backbone.interval == ((4, 2, 1, 1) if name['dataset'] == 'digits' else interval)
        assert backbone.lda_scope == ('block' if config.stem in BLOCK else 'map')


@pytest.mark.parametrize('row', COSTS['ROWS'])
def test_published_cost_is_that_of_the_setting(row):
    """The published detectors and segmenters, in the setting that their cost belongs to."""
    _, arch, setting, _ = COSTS['ROWS'][row]
    backbone = read(FOLDER / f'{row}.py').model.backbone
    assert (backbone.arch, backbone.lda_scope) == (arch, 'map')
    assert (backbone.group_size, backbone.interval) == COSTS['SETTINGS'][setting]


@pytest.mark.parametrize('name', BLOCK)
def test_block_differs_in_the_scope_alone(name):
    plain, block = (copy.deepcopy(read(FOLDER / f'{stem}.py')) for stem in (name.replace('_block', ''), name))
    for part in (lambda cfg: cfg.model.backbone, lambda cfg: cfg.groups):
        assert (part(plain).pop('lda_scope'), part(block).pop('lda_scope')) == ('map', 'block')
    assert block.to_dict() == plain.to_dict()


NAMES = [path.stem for path in CONFIGS]


@pytest.mark.hosts
@pytest.mark.parametrize('name', sampled(NAMES, fast=one_of_each_kind(NAMES)))
def test_step_and_prediction(name):
    cfg = copy.deepcopy(read(CONFIGS[NAMES.index(name)]))
    shrink(cfg)
    predictions = step_and_predict(cfg, 64, 96)
    check_predictions(cfg.default_scope, predictions, 64, 96, num_classes(cfg.model))


def test_recipes():
    """The figures of the published recipes."""
    folder = FOLDER
    coco = read(folder / 'mask_rcnn_crossformer_s_coco.py')
    assert coco.optim_wrapper.optimizer == dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=1e-4)
    assert 'clip_grad' not in coco.optim_wrapper
    assert coco.param_scheduler[0] == dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500)
    assert (coco.param_scheduler[1].milestones, coco.train_cfg.max_epochs) == ([8, 11], 12)
    assert coco.train_dataloader.batch_size * 8 == coco.auto_scale_lr.base_batch_size == 16
    retina = read(folder / 'retinanet_crossformer_s_coco.py')
    assert (retina.model.neck.start_level, retina.model.neck.add_extra_convs) == (1, 'on_input')
    upernet = read(folder / 'upernet_crossformer_s_ade20k.py')
    assert upernet.optim_wrapper.optimizer == dict(type='AdamW', lr=6e-5, betas=(0.9, 0.999), weight_decay=0.01)
    assert upernet.optim_wrapper.paramwise_cfg.norm_decay_mult == 0
    assert (upernet.train_cfg.max_iters, upernet.param_scheduler[0].end) == (160000, 1500)
    fpn = read(folder / 'semantic_fpn_crossformer_s_g14_ade20k.py')
    assert (fpn.train_cfg.max_iters, fpn.param_scheduler[0].power) == (80000, 0.9)
    assert dict(type='ResizeToMultiple', size_divisor=32) in fpn.test_dataloader.dataset.pipeline
    imagenet = read(folder / 'crossformer_s_imagenet.py')
    assert imagenet.optim_wrapper.clip_grad.max_norm == 5
    assert imagenet.param_scheduler[0].start_factor * imagenet.optim_wrapper.optimizer.lr == pytest.approx(5e-7)
    assert imagenet.param_scheduler[1].eta_min == 5e-6
    assert imagenet.train_dataloader.batch_size * 8 == 1024


def test_recipes_of_cat():
    folder = FOLDER
    for name in ('mask_rcnn_cat_s_coco', 'atss_cat_b_coco', 'cascade_rcnn_cat_b_multiscale_coco'):
        coco = read(folder / f'{name}.py')
        assert coco.optim_wrapper.optimizer == dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05)
        assert coco.train_cfg.max_epochs == 12
        assert coco.model.data_preprocessor.pad_size_divisor == 32
        steps = [step.type for step in coco.train_dataloader.dataset.pipeline]
        assert ('RandomChoice' in steps) == ('atss' not in name)
    for name, iterations in (('semantic_fpn_cat_b_ade20k', 80000), ('semantic_fpn_cat_s_160k_ade20k', 160000)):
        ade = read(folder / f'{name}.py')
        assert ade.optim_wrapper.optimizer == dict(type='AdamW', lr=6e-5, betas=(0.9, 0.999), weight_decay=0.05)
        warm_up, poly = ade.param_scheduler
        assert (warm_up.start_factor, warm_up.end) == (1e-6, 1500)
        assert (poly.power, poly.begin, poly.end, ade.train_cfg.max_iters) == (1.0, 1500, iterations, iterations)
        assert ade.train_dataloader.batch_size * 8 == 16


def test_norms_and_position_biases_of_cat_do_not_decay():
    from mmengine.optim import build_optim_wrapper

    cfg = read(FOLDER / 'semantic_fpn_cat_s_ade20k.py')
    model = CAT('tiny', out_indices=(0,))
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    decays = {id(group['params'][0]): group['weight_decay'] for group in wrapper.optimizer.param_groups}
    for name, parameter in model.named_parameters():
        assert decays[id(parameter)] == (0 if 'norm' in name or name.endswith('pos_bias.table') else 0.05), name


def test_every_published_crossvit_has_its_config():
    assert sorted(read(path).model.model_name for path in CROSSVIT) == sorted(timm.list_models('crossvit_*'))


@pytest.mark.parametrize('path', CROSSVIT, ids=[path.stem for path in CROSSVIT])
class TestCrossViT:
    def test_name_says_what_it_is(self, path):
        name = re.fullmatch(r'crossvit_([tsb]|9|15|18)(_dagger)?(?:_(408)px)?_imagenet', path.stem)
        size, dagger, pixels = name.groups()
        cfg = read(path)
        assert cfg.model.model_name == f'crossvit_{SIZES.get(size, size)}{dagger or ""}_{pixels or 240}'
        assert num_classes(cfg.model) == 1000
        assert not cfg.model.pretrained  # or it would be downloaded
        assert cfg.param_scheduler == read(FOLDER / 'crossformer_s_imagenet.py').param_scheduler

    def test_pictures_are_those_of_the_published_accuracy(self, path):
        """As timm tests the published weights."""
        cfg = read(path)
        published = timm.get_pretrained_cfg(cfg.model.model_name)
        size = published.input_size[1]
        for loader in (cfg.val_dataloader, cfg.test_dataloader):
            _, resize, crop, _ = loader.dataset.pipeline
            assert (crop.crop_size, resize.scale) == (size, int(size / published.crop_pct))
            assert (resize.edge, resize.interpolation) == ('short', published.interpolation)
        assert cfg.train_dataloader.dataset.pipeline[1].scale == size
        assert [x / 255 for x in cfg.data_preprocessor.mean] == pytest.approx(published.mean)
        assert [x / 255 for x in cfg.data_preprocessor.std] == pytest.approx(published.std)


@pytest.mark.hosts
@pytest.mark.parametrize('name', ['crossvit_9_dagger', 'crossvit_15_dagger_408px'])
def test_crossvit_steps_and_predicts(name):
    """Made small; tests/docs/test_zoo.py builds and runs all of them as they are."""
    cfg = copy.deepcopy(read(FOLDER / f'{name}_imagenet.py'))
    cfg.model = model_settings(cfg)
    cfg.model.update(embed_dim=(16, 32), depth=((1, 1, 0),), num_heads=(2, 2))
    check_predictions('mmpretrain', step_and_predict(cfg, 64, 96), 64, 96, 1000)


def test_several_resolutions_differ_from_one_in_the_views_alone():
    for name, sizes in (('crossformer_s{}_imagenet', [128, 160, 224]), ('crossformer_t{}_digits', [32, 40, 56])):
        many, one = (copy.deepcopy(read(FOLDER / f'{name.format(part)}.py')) for part in ('_multires', ''))
        assert trained_sizes(many) == sizes
        assert trained_sizes(one) == sizes[-1:]
        assert pipeline_views(many.train_dataloader.dataset.pipeline)[0] == one.train_dataloader.dataset.pipeline[1:-1]
        many, one = many.to_dict(), one.to_dict()
        for cfg in (many, one):
            del cfg['model']['type'], cfg['train_dataloader']['dataset']['pipeline'], cfg['train_pipeline']
        assert many == one
