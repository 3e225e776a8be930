"""Own data, from a folder to boxes on a new picture: what the page says, word for word, in seconds."""

import json
import shlex

import numpy as np
import pytest
from pages import ROOT, blocks_of
from PIL import Image
from quick import run, run_program

MARK = 'run by tests/commands/test_train_on_own_data.py'
BLOCKS = [block for block in blocks_of(ROOT / 'docs/own_data.md') if block.mark == MARK]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Annotated with labelme: bright squares on noise."""
    noise = np.random.default_rng(0)
    folder = tmp_path / 'photos'
    folder.mkdir()
    for i in range(6):
        pixels = noise.integers(0, 100, (48, 64, 3), dtype=np.uint8)
        pixels[10:30, 5 + i : 25 + i] = 255
        Image.fromarray(pixels).save(folder / f'{i}.jpg')
        shape = dict(
            label='square', points=[[5 + i, 10], [25 + i, 30]], shape_type='rectangle', group_id=None, flags={}
        )
        content = dict(version='5.5.0', flags={}, shapes=[shape], imagePath=f'{i}.jpg', imageData=None)
        (folder / f'{i}.json').write_text(json.dumps(content | dict(imageHeight=48, imageWidth=64)))
    Image.fromarray(pixels).save(tmp_path / 'new.jpg')
    monkeypatch.chdir(tmp_path)
    return folder


def quickly(code, config):
    """The code of the page with a config that trains in a second."""
    return code.replace('retinanet_crossformer_t_256px_coco', str(config))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_commands_of_the_page(photos, quick, tmp_path):
    (block,) = (block for block in BLOCKS if block.language == 'sh')
    before = contents(photos)
    config = quick('retinanet_crossformer_t_digits', report={})
    code = quickly(block.code, config).replace('--recipe small', '')  # of 6,000 images
    for line in code.strip().splitlines():
        result = run(*shlex.split(line)[1:])
        assert result.returncode == 0, result.stderr[-3000:]
        if ' train ' in line:
            assert 'labelme' in result.stdout
            assert 'photos: labelme json, boxes; 5 images to train on, 1 to validate on; 1 classes: square' in (
                result.stdout
            )
    assert contents(photos) == before
    out = {path.name for path in (tmp_path / 'run').iterdir()}
    assert out >= {'preview.html', 'report.html', 'best.pth', 'score_thresholds.json', 'data'}
    assert (tmp_path / 'results/overlays/new.jpg').is_file()
    found = json.loads((tmp_path / 'results/predictions.json').read_text())
    assert [category['name'] for category in found['categories']] == ['square']


def test_python_of_the_page(photos, quick, tmp_path):
    (block,) = (block for block in BLOCKS if block.language == 'python')
    code = quickly(block.code, quick('retinanet_crossformer_t_digits')).replace("recipe='small', ", '')
    (tmp_path / 'program.py').write_text(code.rstrip().rsplit('\n', 1)[0] + "\nprint(predict(read_image('new.jpg')))\n")
    result = run_program(tmp_path / 'program.py', [])
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'boxes=array' in result.stdout
