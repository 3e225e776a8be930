"""The model index: complete, counted, and the page that is made of it."""

import runpy
from pathlib import Path

import pytest
import yaml

import mmcrossformer
from mmcrossformer.engine.complexity import analyze
from mmcrossformer.engine.job import read_config

ROOT = Path(__file__).parent.parent
METAFILE = ROOT / 'configs' / 'metafile.yml'
MODELS = yaml.safe_load(METAFILE.read_text())['Models']
SMALL_DATA = ('digits', '256px_coco')  # docs/digits.md and docs/own_data.md tell of them


def test_index_names_every_config_once():
    (imported,) = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    assert ROOT / imported == METAFILE
    names = [model['Name'] for model in MODELS]
    paths = [*ROOT.glob('configs/*.py'), *ROOT.glob('configs/peers/*.py')]
    assert sorted(names) == sorted(path.stem for path in paths if not path.stem.endswith(SMALL_DATA))
    assert all(ROOT / model['Config'] in paths for model in MODELS)
    assert all(Path(model['Config']).stem == model['Name'] for model in MODELS)


def test_page_is_up_to_date():
    """`python docs/make_zoo.py` writes it."""
    written = runpy.run_path(str(ROOT / 'docs' / 'make_zoo.py'))['page'](METAFILE.read_text())
    assert (ROOT / 'docs' / 'model_zoo.md').read_text() == written


def test_index_is_in_the_package():
    """Where mim looks for it, beside the configs that it names."""
    folder = Path(mmcrossformer.__file__).parent / '.mim'
    (imported,) = yaml.safe_load((folder / 'model-index.yml').read_text())['Import']
    assert (folder / imported).read_text() == METAFILE.read_text()


@pytest.mark.usefixtures('zero_weights')
@pytest.mark.parametrize('model', MODELS, ids=[model['Name'] for model in MODELS])
def test_figures(model):
    """The measured figures are those of our counter; the published ones are near, or docs/model_zoo.md says why not."""
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
            assert -0.17 < deviation < -0.02
