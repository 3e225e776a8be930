"""Results that are whole or not there."""

import io
import json
import math
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console
from terminaltables import AsciiTable

from mmcrossformer.checkpoint import write_checkpoint
from mmcrossformer.commands.sweep import make_table
from mmcrossformer.commands.sweep.report import Point, Sweep
from mmcrossformer.commands.sweep.report import plot as plot_sweeps
from mmcrossformer.engine.hooks.amplitude import plot_amplitudes, read_amplitudes
from mmcrossformer.utils.curves import Curves, plot_curves
from mmcrossformer.utils.files import atomic_write, write_json, write_text
from mmcrossformer.utils.metrics import read_metrics
from mmcrossformer.visual.style import new_figure, save


def read_strictly(path):
    """Reads JSON as programs do that know no NaN."""

    def fail(constant):
        raise AssertionError(f'{constant} is no JSON')

    return json.loads(path.read_text(), parse_constant=fail)


def test_values_of_any_library(tmp_path):
    path = tmp_path / 'metrics.json'
    values = dict(
        mIoU=np.float32(0.5),
        classes=[np.float64(0.25), 1, True, None],
        confusion=torch.eye(2, dtype=torch.int64),
        per_class=np.array([0.5, 1.0]),
        half=torch.tensor([0.5, 2.0], dtype=torch.bfloat16, requires_grad=True),
        sizes=(1, frozenset([2])),
        by_class={np.int64(3): 0.5, 4: np.bool_(True)},
        table=AsciiTable([['class', 'IoU'], ['cat', '1.0']]).table,
        path=tmp_path,
        name='all',
    )
    write_json(path, values)
    assert read_strictly(path) == dict(
        mIoU=0.5,
        classes=[0.25, 1, True, None],
        confusion=[[1, 0], [0, 1]],
        per_class=[0.5, 1.0],
        half=[0.5, 2.0],
        sizes=[1, [2]],
        by_class={'3': 0.5, '4': True},
        table=values['table'],
        path=str(tmp_path),
        name='all',
    )


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite(value, tmp_path):
    path = tmp_path / 'metrics.json'
    values = dict(a=value, b=torch.tensor([1.0, value]), c=np.array([[value]]), d=[dict(e=np.float32(value))])
    write_json(path, values)
    assert read_strictly(path) == dict(a=None, b=[1.0, None], c=[[None]], d=[dict(e=None)])
    metrics = read_metrics(path)
    assert math.isnan(metrics.pop('a'))
    assert metrics == dict(b=[1.0, None], c=[[None]], d=[dict(e=None)])


def test_sweep_with_a_result_that_is_not_finite(tmp_path):
    points = [Point(64, math.nan, 0.1), Point(80, 0.5, 0.2), Point(96, error='no memory')]
    replace(SWEEP, points=points, settings=dict(batch_size=1), hardware=dict(cpu='one')).save(tmp_path / 'sweep.json')
    assert [point['result'] for point in read_strictly(tmp_path / 'sweep.json')['points']] == [None, 0.5, None]
    found = Sweep.load(tmp_path / 'sweep.json')
    assert math.isnan(found.points[0].result)
    assert found.points[1:] == points[1:]
    plot_sweeps([found], tmp_path / 'sweep.png')
    table = Console(file=io.StringIO(), width=120)
    table.print(make_table(found))
    rows = [line.split() for line in table.file.getvalue().splitlines()]
    assert ['64', 'nan', '100.0', 'trained,', 'the', "config's", 'test'] in rows
    assert ['96', 'cannot', 'run', 'no', 'memory'] in rows


def test_amplitudes_that_are_not_finite(tmp_path):
    history = {1: {'a': 1.0, 'b': 2.0}, 2: {'a': math.nan, 'b': math.inf}}
    write_json(tmp_path / 'amplitudes.json', history)
    found = read_amplitudes(tmp_path)
    assert found[1] == history[1]
    assert all(math.isnan(value) for value in found[2].values())
    plot_amplitudes({'': found}, tmp_path / 'amplitudes.png')


def test_an_error_leaves_the_old_file(tmp_path):
    path, circle = tmp_path / 'metrics.json', []
    circle.append(circle)
    write_json(path, dict(mIoU=0.5))
    with pytest.raises(RecursionError):
        write_json(path, circle)
    assert json.loads(path.read_text()) == dict(mIoU=0.5)
    assert [*tmp_path.iterdir()] == [path]


def test_an_interrupted_writer_leaves_nothing(tmp_path):
    with suppress(KeyboardInterrupt), atomic_write(tmp_path / 'a.txt') as partial, open(partial, 'w') as file:
        file.write('half')
        raise KeyboardInterrupt
    assert not [*tmp_path.iterdir()]


def test_text_is_utf_8(tmp_path):
    write_text(tmp_path / 'a.txt', 'Größe\n')
    assert (tmp_path / 'a.txt').read_bytes() == 'Größe\n'.encode()


SWEEP = Sweep('c', 'x.pth', 'mIoU', 64, [64], 1, {}, {}, {}, points=[Point(64, 0.5, 0.1)])
PICTURES = dict(
    curves=lambda path: plot_curves(Curves(losses=dict(loss=[(1, 2.0)])), path),
    amplitudes=lambda path: plot_amplitudes({'': {1: {'block': 1.0}}}, path),
    sweep=lambda path: plot_sweeps([SWEEP], path),
    whole=lambda path: save(new_figure(1, 1), path),
    reduced=lambda path: save(new_figure(1, 1), path, palette=16),
)


@pytest.mark.parametrize('draw', PICTURES.values(), ids=PICTURES)
def test_pictures_are_whole_or_not_there(draw, tmp_path, monkeypatch):
    path = tmp_path / 'picture.png'
    draw(path)
    before = path.read_bytes()
    Image.open(path).load()

    def full_disk(self, file, *args, **kwargs):
        with open(file, 'wb') if isinstance(file, str) else file as opened:
            opened.write(b'half')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Figure, 'savefig', full_disk)
    monkeypatch.setattr(Image.Image, 'save', full_disk)
    with pytest.raises(OSError, match='No space'):
        draw(path)
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_weights_are_whole_or_not_there(suffix, tmp_path, monkeypatch):
    weights = dict(a=torch.ones(3))
    with monkeypatch.context() as patch:
        patch.setattr('os.fsync', lambda file: (_ for _ in ()).throw(OSError(28, 'No space left on device')))
        with pytest.raises(OSError, match='No space'):
            write_checkpoint(weights, tmp_path / f'w{suffix}')
    assert not [*tmp_path.iterdir()]
    written = write_checkpoint(weights, tmp_path / f'w{suffix}')
    assert [*tmp_path.iterdir()] == [written]
