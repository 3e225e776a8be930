"""The model index: complete, counted, and the page that is made of it."""

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from tiers import one_of_each_kind, sampled

import mmcrossformer
from mmcrossformer.apis.complexity import analyze
from mmcrossformer.apis.model import build_model
from mmcrossformer.commands.common import prepare_config
from mmcrossformer.commands.test import parse_args
from mmcrossformer.config.read import read_config

ROOT = Path(__file__).parents[2]
METAFILE = ROOT / 'configs' / 'metafile.yml'
MODELS = yaml.safe_load(METAFILE.read_text())['Models']
NAMES = [model['Name'] for model in MODELS]
PAGE = ROOT / 'docs' / 'model_zoo.md'
COSTS = runpy.run_path(str(ROOT / '.dev_scripts' / 'published_costs.py'))
SMALL_DATA = ('digits', '256px_coco')  # they have pages of their own: docs/digits.md, docs/own_data.md


def test_index_names_every_config_once():
    (imported,) = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    assert ROOT / imported == METAFILE
    names = [model['Name'] for model in MODELS]
    paths = [*ROOT.glob('configs/*.py')]
    assert sorted(names) == sorted(path.stem for path in paths if not path.stem.endswith(SMALL_DATA))
    assert all(ROOT / model['Config'] in paths for model in MODELS)
    assert all(Path(model['Config']).stem == model['Name'] for model in MODELS)


def test_page_is_up_to_date():
    """`python .dev_scripts/make_zoo.py` writes it."""
    written = runpy.run_path(str(ROOT / '.dev_scripts' / 'make_zoo.py'))['page'](METAFILE.read_text())
    assert PAGE.read_text() == written


def test_table_of_each_method_is_up_to_date():
    """`python .dev_scripts/make_configs.py` writes it."""
    written = runpy.run_path(str(ROOT / '.dev_scripts' / 'make_configs.py'))['page']()
    assert (ROOT / 'configs' / 'README.md').read_text() == written
    linked = re.findall(r'\]\((\w+)\.py\)', written)
    assert sorted(linked) == sorted(path.stem for path in ROOT.glob('configs/*.py'))


def test_index_is_in_the_package():
    """Where mim looks for it, beside the configs that it names."""
    folder = Path(mmcrossformer.__file__).parent / '.mim'
    (imported,) = yaml.safe_load((folder / 'model-index.yml').read_text())['Import']
    assert (folder / imported).read_text() == METAFILE.read_text()


@pytest.mark.usefixtures('zero_weights')
@pytest.mark.parametrize('name', sampled(NAMES, fast=one_of_each_kind(NAMES)))
def test_figures(name):
    """The measured figures are those of our counter; the published ones are near, or docs/model_zoo.md says why not."""
    model = MODELS[NAMES.index(name)]
    measured, published = model['Measured here'], model.get('Published', {})
    height, width = map(int, measured['Input'].split(' x '))
    # Deformable attention runs on real tensors: a small image shows its parameters.
    if 'dino' in model['Name'] or 'mask2former' in model['Name']:
        total = analyze(read_config(ROOT / model['Config']), 224, 224)[-1]
    else:
        total = analyze(read_config(ROOT / model['Config']), height, width)[-1]
        assert total.macs / 1e9 == pytest.approx(measured['MACs (G)'], abs=0.06 if height > 408 else 0.006)
    assert total.params / 1e6 == pytest.approx(measured['Parameters (M)'], abs=0.006)
    if 'Parameters (M)' in published and 'Doubtful' not in published:
        assert total.params / 1e6 == pytest.approx(published['Parameters (M)'], abs=0.2)
    if 'MACs (G)' in published and 'Doubtful' not in published:
        deviation = measured['MACs (G)'] / published['MACs (G)'] - 1
        if model['Name'] == 'crossformerpp_s_imagenet':
            assert deviation == pytest.approx(-0.104, abs=0.001)
        elif model['Name'] == 'cat_s_imagenet':
            assert deviation == pytest.approx(0.027, abs=0.001)
        elif height == 224:
            assert abs(deviation) < 0.02
        else:
            assert model['Name'] in COSTS['ROWS']
    if model['Name'] in COSTS['ROWS']:
        # What we do not count or compute: padding, biases, ReLUs and pooling.
        parts = COSTS['account'](*COSTS['ROWS'][model['Name']][:3])
        own = sum(parts[COSTS[part]] for part in ('OWN', 'LDA', 'BIAS'))
        assert total.macs / 1e9 == pytest.approx(own, abs=0.005)


def test_index_publishes_the_costs_that_are_counted():
    found = {model['Name']: model for model in MODELS if model['In Collection'].startswith('CrossFormer')}
    published = {name: model['Published']['MACs (G)'] for name, model in found.items() if 'Published' in model}
    dense = {name: macs for name, macs in published.items() if not name.endswith('imagenet')}
    assert dense == {name: row.published for name, row in COSTS['ROWS'].items()}
    assert all('Results' in found[name] for name in dense)
    doubtful = [name for name in dense if 'Doubtful' in found[name]['Published']]
    assert doubtful == ['retinanet_crossformerpp_s_coco']
    blocks = [model for name, model in found.items() if '_block_' in name]
    assert len(blocks) == 2
    assert not [model for model in blocks if {'Published', 'Results'} & {*model}]


def test_page_names_the_rows_that_are_rounded_twice():
    counts = {name: (COSTS['count'](*row[:3]), row.published) for name, row in COSTS['ROWS'].items()}
    distances = {name: abs(count - published) for name, (count, published) in counts.items()}
    twice = {name: distance for name, distance in distances.items() if 0.05 < distance < 1}
    assert (round(min(twice.values()), 3), round(max(twice.values()), 3)) == (0.051, 0.054)
    (sentence,) = re.findall(r'differ by 0\.051 to 0\.054 G from the\s+printed\s+decimal:([^.]*)\.', PAGE.read_text())
    assert re.findall(r'`(\w+)`', sentence) == [*twice]
    assert [name for name, distance in distances.items() if distance > 1] == ['retinanet_crossformerpp_s_coco']


def test_page_has_the_account_of_the_published_costs():
    account = COSTS['account']('mask_rcnn', 'small', 'g7')
    assert f'| Mask R-CNN 1x, g7 | {" | ".join(f"{part:.2f}" for part in account.values())} | 300.96 | 301.0 |' in (
        PAGE.read_text()
    )


def test_scope_is_a_setting_of_the_command_that_measures_it(monkeypatch):
    """Up to the data and weights that it needs: any file stands for these here."""
    (command,) = re.findall(r'\nmmcrossformer (test .*?)\n```', PAGE.read_text(), re.DOTALL)
    *words, option, setting = shlex.split(command.replace('\\\n', '').replace('WEIGHTS', str(METAFILE)))
    monkeypatch.chdir(ROOT)
    for arguments, scope in (([option, setting], 'block'), ([], 'map')):
        monkeypatch.setattr(sys, 'argv', [*words, *arguments])
        assert build_model(prepare_config(parse_args())).backbone.arch.lda_scope == scope
