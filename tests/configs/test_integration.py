"""Stock configs of the host libraries with only the backbone replaced, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from quick import HELPERS, run_program

pytestmark = pytest.mark.hosts

STOCK = {
    'retinanet': ('mmdet', 'retinanet/retinanet_r50_fpn_1x_coco.py', 'neck=dict(in_channels=[16, 32, 64, 128])'),
    'mask_rcnn': ('mmdet', 'mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py', 'neck=dict(in_channels=[16, 32, 64, 128])'),
    'upernet': (
        'mmseg',
        'upernet/upernet_r50_4xb4-80k_ade20k-512x512.py',
        'pretrained=None, decode_head=dict(in_channels=[16, 32, 64, 128]), auxiliary_head=dict(in_channels=64), '
        'data_preprocessor=dict(size=(64, 96))',
    ),
    'classifier': ('mmpretrain', 'resnet/resnet50_8xb32_in1k.py', 'head=dict(in_channels=128)'),
}

FRESH = [('mask_rcnn', 'prefix'), ('classifier', 'custom_imports')]

PROGRAM = """
import sys
from mmengine.config import Config
cfg = Config.fromfile(sys.argv[1])
way = sys.argv[2]
assert ('mmcrossformer' in sys.modules) == (way == 'custom_imports')
from mmengine.registry import MODELS, init_default_scope
init_default_scope(cfg.default_scope)
backbone = MODELS.build(cfg.model.backbone)
assert type(backbone).__module__ == 'mmcrossformer.models.crossformer'
sys.path.insert(0, sys.argv[3])
from hosts import check_predictions, num_classes, shrink_heads, step_and_predict
from mmcrossformer.config.walk import replace_sync_bn
replace_sync_bn(cfg.model)  # SyncBN needs a GPU
shrink_heads(cfg.model)
predictions = step_and_predict(cfg, 64, 96)
check_predictions(cfg.default_scope, predictions, 64, 96, num_classes(cfg.model))
print('done')
"""


@pytest.mark.parametrize('way', ['prefix', 'custom_imports'])
@pytest.mark.parametrize('name', STOCK)
def test_stock_config(tmp_path, name, way):
    fresh = (name, way) in FRESH
    if fresh and way == 'prefix' and torch.__version__ < '2.5':
        pytest.skip('torch before 2.5 serves no operators of mmcv before this package is imported')
    host, stock, rest = STOCK[name]
    host_folder = Path(__import__(host).__file__).parent
    lines = [f"_base_ = r'{host_folder}/.mim/configs/{stock}'"]
    if way == 'custom_imports':
        lines.append("custom_imports = dict(imports=['mmcrossformer'])")
    type_name = 'CrossFormer' if way == 'custom_imports' else 'mmcrossformer.CrossFormer'
    outputs = ', out_indices=(3,), out_norm=True' if host == 'mmpretrain' else ''
    arch = 'dict(embed_dims=16, depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 8))'
    lines.append(f"model = dict(backbone=dict(_delete_=True, type='{type_name}', arch={arch}{outputs}), {rest})")
    config = tmp_path / 'config.py'
    config.write_text('\n'.join(lines))
    program, args = tmp_path / 'program.py', [str(config), way, str(HELPERS)]
    program.write_text(PROGRAM)
    # Forks have imported the host libraries, but not this one; new interpreters have imported nothing.
    result = run_program(program, args, fresh=fresh)
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.endswith('done\n')


def test_import_needs_no_host_library():
    program = """
import sys
import mmcrossformer, mmcrossformer.checkpoint, mmcrossformer.registry
imported = {name.split('.')[0] for name in sys.modules}
print(sorted(imported & {'mmcv', 'mmdet', 'mmseg', 'mmpretrain', 'torchvision'}))
"""
    result = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    assert result.stdout == '[]\n'


def test_missing_mmengine_is_named():
    program = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name == 'mmengine':
            raise ModuleNotFoundError('No module named mmengine', name='mmengine')
sys.meta_path.insert(0, Hide())
import mmcrossformer
"""
    result = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert 'mmcrossformer needs mmengine: pip install onedl-mmengine' in result.stderr
