"""The page about other systems: made from its data, whose names exist and whose examples run."""

import ast
import importlib
import re
import runpy
from pathlib import Path

import pytest
import timm
import torch
import yaml
from hosts import check_predictions, num_classes, shrink_heads, step_and_predict
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from pages import blocks_of

from mmcrossformer.config.read import read_config
from mmcrossformer.config.walk import model_settings, replace_sync_bn

ROOT = Path(__file__).parents[2]
PAGE, FIELD, METAFILE = (ROOT / name for name in ('docs/field.md', 'docs/field.yml', 'configs/metafile.yml'))
CONTENT = yaml.safe_load(FIELD.read_text())
SYSTEMS = {system['Name']: system for system in CONTENT['Systems']}
MAKE = runpy.run_path(str(ROOT / '.dev_scripts' / 'make_field.py'))


def class_named(name):
    """Looks a class up in the registry of its library."""
    library = name.partition('.')[0]
    if library != 'mmcrossformer':
        importlib.import_module(f'{library}.models')
    return importlib.import_module(f'{library}.registry').MODELS.get(name)


def with_key(key):
    return pytest.mark.parametrize('system', [s for s in SYSTEMS.values() if key in s], ids=lambda s: s['Name'])


def test_page_is_up_to_date():
    """`python .dev_scripts/make_field.py` writes it."""
    assert PAGE.read_text() == MAKE['page'](FIELD.read_text(), METAFILE.read_text())


def test_every_figure_has_a_source():
    letters = set(CONTENT['Sources'])
    for system in SYSTEMS.values():
        assert ('Index' in system) != ('Figures' in system), system['Name']
        for column, (value, source) in system.get('Figures', {}).items():
            assert column in MAKE['COLUMNS']
            assert 35 < value < 90
            assert source in letters
        assert re.fullmatch(r'\d{4}\.\d{5}', system['Paper'])
    assert len(SYSTEMS) == len(CONTENT['Systems'])


def test_own_figures_are_those_of_the_index():
    """In the rows of the page; Mask R-CNN's 45.4 stands with groups of 14 there."""
    rows = {line.split(']')[0][3:]: line for line in PAGE.read_text().splitlines() if line.startswith('| [')}
    assert '| 31 | 82.5 P | 45.4 P | 47.6 P | 46.4 P |' in rows['CrossFormer-S']
    assert '| 37 | 81.8 P | 41.6 P | - | 40.6 P |' in rows['CAT-S']
    assert '| 28 | 82.3 C | - | - | - |' in rows['CrossViT-15†']


@pytest.mark.parametrize('system', SYSTEMS.values(), ids=SYSTEMS)
def test_names_exist(system):
    for name in MAKE['classes'](system):
        assert class_named(name) is not None, name
    assert 'Timm' not in system or timm.is_model(system['Timm'])
    for name in system.get('Configs', []):
        assert (ROOT / f'configs/{name}.py').is_file()


def test_what_does_not_run_here_is_nowhere():
    registered = [key.lower() for host in ('mmdet', 'mmseg', 'mmpretrain') for key in backbones_of(host)]
    missing = [s['Name'] for s in SYSTEMS.values() if not MAKE['classes'](s) and 'Timm' not in s]
    assert len(missing) > 10
    for name in missing:
        family = re.match(r'\w+', name)[0].lower()
        assert not [key for key in registered if family in key], name
        assert not timm.list_models(f'*{family}*'), name


def backbones_of(host):
    """Names that the backbones of a host library have in its registry."""
    folder = importlib.import_module(f'{host}.models.backbones').__name__
    models = importlib.import_module(f'{host}.registry').MODELS.module_dict
    return [name for name, value in models.items() if value.__module__.startswith(folder)]


@pytest.mark.usefixtures('zero_weights')
@with_key('Timm')
def test_parameters_of_classifiers(system):
    counted = sum(parameter.numel() for parameter in timm.create_model(system['Timm']).parameters()) / 1e6
    published = MAKE['published'](system, {m['Name']: m for m in yaml.safe_load(METAFILE.read_text())['Models']})[1]
    assert counted == pytest.approx(float(published), abs=0.5)


@with_key('Backbone')
def test_settings_of_backbones(system):
    init_default_scope('mmdet')
    call = ast.parse(system['Backbone'], mode='eval').body
    settings = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert settings['type'] in system['Hosts']
    backbone = MODELS.build(settings)
    backbone.eval()  # whose result is None for some
    with torch.no_grad():
        maps = backbone(torch.zeros(1, 3, 64, 96))
    assert [level.shape[1] for level in maps] == system['Channels']
    assert [level.shape[2:] for level in maps] == [(64 // stride, 96 // stride) for stride in (4, 8, 16, 32)]
    counted = sum(parameter.numel() for parameter in backbone.parameters()) / 1e6
    assert counted == pytest.approx(system['Params'], abs=1)  # without a head


EXAMPLES = [block for block in blocks_of(PAGE) if block.config]


@pytest.mark.parametrize('block', EXAMPLES, ids=['host', 'timm_backbone', 'timm_whole'])
def test_examples_step_and_predict(block, tmp_path):
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    (tmp_path / 'example.py').write_text(block.code)
    cfg: Config = read_config(str(tmp_path / 'example.py'))
    replace_sync_bn(cfg.model)
    cfg.model = model_settings(cfg)
    shrink_heads(cfg.model)
    predictions = step_and_predict(cfg, 64, 96)
    check_predictions(cfg.default_scope, predictions, 64, 96, num_classes(cfg.model))
