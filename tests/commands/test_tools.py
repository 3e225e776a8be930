"""The command-line tools, as a user runs them: on the digits, on own data, and with everything that can be wrong."""

import json
import logging
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from quick import METRIC, QUICK, Hidden, run, run_program
from tiers import sampled

from mmcrossformer.checkpoint import read_checkpoint
from mmcrossformer.utils import hosts

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs'


BOXES = 'retinanet_crossformer_t_digits'  # as Mask R-CNN, without the masks
SEVERAL = 'crossformer_t_multires_digits'


@pytest.mark.hosts
@pytest.mark.parametrize('name', sampled(QUICK, fast=[name for name in QUICK if name not in (BOXES, SEVERAL)]))
def test_train_resume_and_test(name, quick, digits, tmp_path):
    work_dir, config = tmp_path / 'run', quick(name, curves=True)
    trained = run('train', config, '--work-dir', work_dir, '--seed', 1)
    assert trained.returncode == 0, trained.stderr[-3000:]
    assert 'eta:' in trained.stdout + trained.stderr
    checkpoint = Path((work_dir / 'last_checkpoint').read_text())
    assert checkpoint.is_file()
    assert (work_dir / 'curves.png').stat().st_size > 10000

    # Twice as long, from where it stopped.
    longer = 'train_cfg.max_iters=4' if name.startswith('upernet') else 'train_cfg.max_epochs=2'
    resumed = run('train', config, '--work-dir', work_dir, '--resume', '--cfg-options', longer)
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    assert 'resumed epoch' in resumed.stdout + resumed.stderr
    last = Path((work_dir / 'last_checkpoint').read_text())
    assert last != checkpoint

    tested = run('test', config, last, '--work-dir', work_dir, '--show-dir', tmp_path / 'pictures')
    assert tested.returncode == 0, tested.stderr[-3000:]
    metrics = json.loads((work_dir / 'metrics.json').read_text())
    assert METRIC[name] in metrics
    assert len([*(tmp_path / 'pictures').rglob('*.jpg'), *(tmp_path / 'pictures').rglob('*.png')]) >= 2

    if name.startswith('mask_rcnn'):
        checkpoints = [last, work_dir / 'best.pth']
        check_inferencer(work_dir / config.name, checkpoints, digits / 'images/val/000000.jpg', tmp_path)


def check_inferencer(config, checkpoints, picture, folder):
    """mmdet's own inferencer on what the training left, without a word of mmcrossformer."""
    program = folder / 'program.py'
    program.write_text("""
import sys
from mmdet.apis import DetInferencer
config, picture, *checkpoints = sys.argv[1:]
for weights in checkpoints:
    inferencer = DetInferencer(model=config, weights=weights, device='cpu', show_progress=False)
    result = inferencer(picture, pred_score_thr=0.0)['predictions'][0]
    assert set(result) >= {'labels', 'scores', 'bboxes', 'masks'}, result.keys()
    assert len(result['labels']) == len(result['scores']) == len(result['bboxes']) == len(result['masks'])
    assert inferencer.model.dataset_meta['classes'] == tuple('0123456789')
print(len(result['labels']), 'objects')
""")
    result = run_program(program, [config, picture, *checkpoints])
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.endswith('objects\n')


def steps_of(work_dir):
    """What a training logged at each step, without its times and figures of validation."""
    (path,) = work_dir.rglob('vis_data/scalars.json')
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [(entry['lr'], entry['loss'], entry['grad_norm']) for entry in entries if 'loss' in entry]


@pytest.mark.parametrize('new', sampled([False, True], fast=[False]), ids=['forks', 'interpreter'])
def test_seed_decides_everything(new, quick, tmp_path):
    config = quick('crossformer_t_digits')
    for work_dir, seed in (('one', 1), ('again', 1), ('two', 2)):
        # As a user starts it: in a new interpreter, in which sets have another order.
        fresh = new and work_dir == 'again'
        trained = run('train', config, '--work-dir', tmp_path / work_dir, '--seed', seed, fresh=fresh)
        assert trained.returncode == 0, trained.stderr[-3000:]
    assert len(steps_of(tmp_path / 'one')) == 10
    assert steps_of(tmp_path / 'again') == steps_of(tmp_path / 'one')
    assert steps_of(tmp_path / 'two') != steps_of(tmp_path / 'one')
    one, again = (Config.fromfile(tmp_path / work_dir / config.name) for work_dir in ('one', 'again'))
    assert again.model.to_dict() == one.model.to_dict()


def test_auto_scale_lr(quick, tmp_path):
    """Twice the batch of the recipe, twice its learning rate."""
    config, warm_up = quick('crossformer_t_digits'), 'param_scheduler.0.start_factor=1.0'
    for work_dir, flags in (('recipe', []), ('scaled', ['--auto-scale-lr'])):
        settings = ['--cfg-options', warm_up, 'auto_scale_lr.base_batch_size=1']
        trained = run('train', config, '--work-dir', tmp_path / work_dir, *flags, *settings)
        assert trained.returncode == 0, trained.stderr[-3000:]
    rates, scaled = ([lr for lr, *_ in steps_of(tmp_path / work_dir)] for work_dir in ('recipe', 'scaled'))
    np.testing.assert_allclose(scaled, 2 * np.array(rates), rtol=0.02)  # the cosine ends at 1e-6 in both


@pytest.mark.parametrize('torchrun', sampled([False, True], fast=[False]), ids=['forks', 'torchrun'])
def test_launcher_pytorch_on_cpu(torchrun, quick, tmp_path):
    """Two processes share the pictures, and one of them writes."""
    config, work_dir = quick('upernet_crossformer_t_digits'), tmp_path / 'run'
    trained = run('train', config, '--work-dir', work_dir, '--launcher', 'pytorch', processes=2, fresh=torchrun)
    assert trained.returncode == 0, trained.stderr[-3000:]
    assert len(steps_of(work_dir)) == 2
    checkpoint = (work_dir / 'last_checkpoint').read_text()
    tested = run('test', config, checkpoint, '--work-dir', work_dir, '--launcher', 'pytorch', processes=2)
    assert tested.returncode == 0, tested.stderr[-3000:]
    assert 'mIoU' in json.loads((work_dir / 'metrics.json').read_text())


@pytest.fixture
def own_data(tmp_path):
    """Four pictures with boxes of two classes, in COCO format, as other tools write it."""
    import cv2

    root = tmp_path / 'cells'
    (root / 'photos').mkdir(parents=True)
    images, annotations = [], []
    for i in range(4):
        picture = np.full((60, 80, 3), 200, np.uint8)
        picture[10:40, 20:50] = 90
        cv2.imwrite(str(root / 'photos' / f'{i}.jpg'), picture)
        images.append(dict(id=i + 7, file_name=f'{i}.jpg', width=80, height=60))
        annotations.append(
            dict(id=i, image_id=i + 7, category_id=5 + i % 2, bbox=[20, 10, 30, 30], area=900, iscrowd=0)
        )
    coco = dict(images=images, annotations=annotations, categories=[dict(id=6, name='white'), dict(id=5, name='red')])
    for name in ('train.json', 'val.json'):
        (root / name).write_text(json.dumps(coco))
    return root


def own_data_arguments(root):
    return ['--data-root', root, '--train-ann', 'train.json', '--val-ann', 'val.json', '--img-dir', 'photos']


@pytest.mark.hosts
def test_own_coco_data(own_data, quick, tmp_path):
    work_dir = tmp_path / 'run'
    config = quick('retinanet_crossformer_t_digits')
    result = run('train', config, '--work-dir', work_dir, *own_data_arguments(own_data))
    assert result.returncode == 0, result.stderr[-3000:]
    checkpoint = read_checkpoint(work_dir / 'epoch_1.pth')
    assert checkpoint['state_dict']['bbox_head.retina_cls.weight'].shape[0] == 2 * 9
    # Each label has the name that the file gives to its category.
    from mmdet.datasets import CocoDataset

    names = checkpoint['meta']['dataset_meta']['classes']
    data = CocoDataset(str(own_data / 'train.json'), metainfo=dict(classes=names), data_prefix=dict(img=str(own_data)))
    categories = {5: 'red', 6: 'white'}
    for i, annotation in enumerate(json.loads((own_data / 'train.json').read_text())['annotations']):
        (instance,) = data.get_data_info(i)['instances']
        assert names[instance['bbox_label']] == categories[annotation['category_id']]


@pytest.mark.hosts
class TestMistakes:
    """Each gets one message, exit code 2 and no traceback."""

    @pytest.fixture(autouse=True)
    def _capture(self, capsys, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        # Handlers of earlier runs in this interpreter write to streams that are closed by now.
        monkeypatch.setattr(logging, 'raiseExceptions', False)
        self.capsys, self.monkeypatch, self.folder = capsys, monkeypatch, tmp_path

    def fails(self, tool, *args):
        """Runs a tool in this interpreter and returns its one message."""
        self.monkeypatch.setattr(sys, 'argv', [tool, *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(ROOT / 'tools' / f'{tool}.py'), run_name='__main__')
        err = self.capsys.readouterr().err
        assert stopped.value.code == 2, err
        assert 'Traceback' not in err
        return err

    def test_no_config(self):
        message = self.fails('train', CONFIGS / 'mask_rcnn_crossformer_x_coco.py')
        assert 'is no file' in message
        assert 'mask_rcnn_crossformer_s_coco.py' in message

    def test_config_that_does_not_parse(self):
        bad = self.folder / 'bad.py'
        bad.write_text('model = dict(\n')
        assert 'bad.py does not parse: SyntaxError' in self.fails('train', bad)
        bad.write_text("_base_ = './none.py'")
        assert 'bad.py does not parse' in self.fails('train', bad)
        bad.write_text('a = 1')
        assert 'sets no model and no default_scope' in self.fails('train', bad)

    def test_unknown_type_and_argument(self, quick):
        bad, base = self.folder / 'bad.py', quick('retinanet_crossformer_t_digits')
        bad.write_text(f"_base_ = r'{base}'\nmodel = dict(backbone=dict(arch='xl'))")
        message = self.fails('train', bad)
        assert 'arch must be one of tiny, small' in message
        assert "got 'xl'" in message
        bad.write_text(f"_base_ = r'{base}'\nmodel = dict(neck=dict(type='FPM'))")
        assert 'FPM' in self.fails('train', bad)

    @pytest.mark.parametrize(
        ('setting', 'words'),
        [
            ('optim_wrapper.optimizer.type=Adamm', 'Adamm'),
            ('model.neck.num_outs=1', 'num_outs'),
            ('train_dataloader.dataset.ann_file=annotations/none.json', 'none.json'),
            ('val_evaluator.ann_file=none.json', 'val_evaluator.ann_file: none.json is no file'),
        ],
    )
    def test_wrong_settings(self, quick, setting, words):
        assert words in self.fails('train', quick('retinanet_crossformer_t_digits'), '--cfg-options', setting)

    def test_work_dir_below_a_file(self, quick):
        (self.folder / 'file').touch()
        assert 'file' in self.fails('train', quick('crossformer_t_digits'), '--work-dir', 'file/run')

    def test_launcher_without_torchrun(self):
        self.monkeypatch.delenv('RANK', raising=False)
        assert 'torchrun' in self.fails('train', CONFIGS / 'crossformer_t_digits.py', '--launcher', 'pytorch')

    def test_launcher_without_gpu(self):
        self.monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
        message = self.fails('train', CONFIGS / 'crossformer_t_digits.py', '--launcher', 'slurm')
        assert '--launcher slurm needs GPUs' in message

    def test_wrong_options(self):
        assert '--cfg-options' in self.fails(
            'train', CONFIGS / 'crossformer_t_digits.py', '--cfg-options', 'model.backbone.arch.x.y=1'
        )
        assert 'lists as' in self.fails('train', 'any.py', '--cfg-options', 'a=dict(b=1,c=2)', 'd=[1')
        assert '--launcher' in self.fails('train', CONFIGS / 'crossformer_t_digits.py', '--launcher', 'kubernetes')
        assert 'CONFIG' in self.fails('train')

    @pytest.mark.parametrize(
        ('config', 'path'),
        [
            ('mask_rcnn_crossformer_s_coco', 'data/coco'),
            ('upernet_crossformer_s_ade20k', 'data/ade/ADEChallengeData2016'),
            ('crossformer_s_imagenet', 'data/imagenet'),
        ],
    )
    def test_missing_data(self, config, path):
        message = self.fails('train', CONFIGS / f'{config}.py')
        assert f'train data: {path} does not exist' in message
        assert '_digits.py' in message

    def test_missing_annotation_file(self):
        (self.folder / 'data/coco').mkdir(parents=True)
        message = self.fails('train', CONFIGS / 'retinanet_crossformer_s_coco.py')
        assert 'data/coco/annotations/instances_train2017.json does not exist' in message

    def test_folder_with_other_digits(self, quick, digits):
        config = quick('crossformer_t_digits')
        other = ['--cfg-options', 'train_dataloader.dataset.spec.train_scenes=5']
        assert 'train_scenes (found 4, expected 5); delete the folder' in self.fails('train', config, *other)

    @pytest.mark.parametrize(
        ('host', 'config'), [('mmdet', 'retinanet_crossformer_t_digits'), ('mmseg', 'upernet_crossformer_t_digits')]
    )
    def test_missing_host_library(self, host, config):
        for name in [name for name in sys.modules if name.split('.')[0] == host]:
            self.monkeypatch.delitem(sys.modules, name)
        self.monkeypatch.setattr(sys, 'meta_path', [Hidden(host), *sys.meta_path])
        message = self.fails('train', CONFIGS / f'{config}.py')
        assert f'needs {host}, which is not installed: {hosts.install_command(host)}' in message

    def test_amp_without_gpu(self):
        self.monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
        assert '--amp needs a GPU' in self.fails('train', CONFIGS / 'crossformer_t_digits.py', '--amp')

    def test_auto_scale_lr_without_base(self):
        assert 'base_batch_size' in self.fails('train', CONFIGS / 'crossformer_t_digits.py', '--auto-scale-lr')

    def test_checkpoints(self, quick):
        config = quick('retinanet_crossformer_t_digits')
        assert 'none.pth is no file' in self.fails('test', config, 'none.pth')
        (self.folder / 'page.pth').write_text('<html>not found</html>')
        assert 'page.pth is no weights file' in self.fails('test', config, 'page.pth')
        torch.save(dict(state_dict={'backbone.stages.0.embed.norm.weight': torch.ones(99)}), 'other.pth')
        message = self.fails('test', config, 'other.pth')
        assert 'other.pth is not of this model' in message
        assert 'missing in the file' in message
        torch.save(dict(state_dict=torch.ones(1)), 'odd.pth')
        assert 'holds no dict of tensors' in self.fails('test', config, 'odd.pth')
        assert 'stages.0.embed.norm.weight: [99] in the file, [16] in the model' in message
        assert 'contains no training state' in self.fails('train', config, '--resume', 'other.pth')

    def test_own_data(self, own_data):
        boxes, masks = CONFIGS / 'retinanet_crossformer_t_digits.py', CONFIGS / 'mask_rcnn_crossformer_t_digits.py'
        assert 'also needs --train-ann, --val-ann, --img-dir' in self.fails('train', boxes, '--data-root', own_data)
        message = self.fails('train', masks, *own_data_arguments(own_data))
        assert '4 of 4 annotations of' in message
        assert 'train.json have no segmentation' in message
        assert 'retinanet' in message
        seg = CONFIGS / 'upernet_crossformer_t_digits.py'
        assert 'this config is for mmseg' in self.fails('train', seg, *own_data_arguments(own_data))
        (own_data / 'train.json').write_text('[]')
        assert 'train.json is not in COCO format' in self.fails('train', boxes, *own_data_arguments(own_data))
        (own_data / 'train.json').write_text('{')
        assert 'train.json is no json' in self.fails('train', boxes, *own_data_arguments(own_data))
        (own_data / 'train.json').unlink()
        assert 'train.json cannot be read' in self.fails('train', boxes, *own_data_arguments(own_data))
        missing = [*own_data_arguments(own_data)[:-1], 'pictures']
        assert 'pictures is no folder' in self.fails('train', boxes, *missing)

    @pytest.mark.parametrize(
        ('part', 'key'), [('annotations', 'area'), ('categories', 'name'), ('images', 'width'), ('images', 'file_name')]
    )
    def test_incomplete_annotations(self, own_data, part, key):
        coco = json.loads((own_data / 'train.json').read_text())
        del coco[part][1][key]
        (own_data / 'train.json').write_text(json.dumps(coco))
        message = self.fails('train', CONFIGS / 'retinanet_crossformer_t_digits.py', *own_data_arguments(own_data))
        assert f'train.json: {part}[1] has no {key}' in message

    def test_no_annotations_and_missing_images(self, own_data):
        config = CONFIGS / 'retinanet_crossformer_t_digits.py'
        (own_data / 'photos/2.jpg').unlink()
        assert '1 of 4 images' in self.fails('train', config, *own_data_arguments(own_data))
        coco = json.loads((own_data / 'train.json').read_text())
        (own_data / 'train.json').write_text(json.dumps(coco | dict(annotations=[])))
        assert 'has no annotations to train on' in self.fails('train', config, *own_data_arguments(own_data))

    def test_own_data_inside_a_wrapper(self, own_data):
        """The innermost data set is replaced, whatever stands around it."""
        from mmengine.config import Config

        from mmcrossformer.config.own_data import use_own_coco
        from mmcrossformer.config.walk import datasets_of

        cfg = Config.fromfile(CONFIGS / 'retinanet_crossformer_s_coco.py')
        cfg.train_dataloader.dataset = dict(type='RepeatDataset', times=3, dataset=cfg.train_dataloader.dataset)
        use_own_coco(cfg, str(own_data), 'train.json', 'val.json', 'photos')
        assert cfg.train_dataloader.dataset.type == 'RepeatDataset'
        assert cfg.train_dataloader.dataset.times == 3
        (inner,) = datasets_of(cfg.train_dataloader)
        assert (inner.ann_file, inner.data_root) == ('train.json', str(own_data))
        assert cfg.model.bbox_head.num_classes == 2

    def test_classes_that_differ(self, own_data):
        coco = json.loads((own_data / 'val.json').read_text())
        coco['categories'][0]['name'] = 'platelet'
        (own_data / 'val.json').write_text(json.dumps(coco))
        message = self.fails('train', CONFIGS / 'retinanet_crossformer_t_digits.py', *own_data_arguments(own_data))
        assert "('white', 'red')" in message
        assert "('platelet', 'red')" in message
        coco['categories'] = [dict(id=5, name='red'), dict(id=6, name='white')]
        (own_data / 'val.json').write_text(json.dumps(coco))
        message = self.fails('train', CONFIGS / 'retinanet_crossformer_t_digits.py', *own_data_arguments(own_data))
        assert 'the same, in the same order' in message
