"""Results that are whole or not there."""

import json
from contextlib import suppress

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from mmcrossformer.checkpoint import write_checkpoint
from mmcrossformer.commands.sweep.report import Point, Sweep
from mmcrossformer.commands.sweep.report import plot as plot_sweeps
from mmcrossformer.engine.hooks.amplitude import plot_amplitudes
from mmcrossformer.utils.curves import Curves, plot_curves
from mmcrossformer.utils.files import atomic_write, write_json, write_text
from mmcrossformer.visual.style import new_figure, save


def test_values_of_any_library(tmp_path):
    path = tmp_path / 'metrics.json'
    values = dict(
        mIoU=np.float32(0.5),
        classes=[np.float64(0.25), 1],
        confusion=torch.eye(2, dtype=torch.int64),
        per_class=np.array([0.5, 1.0]),
        name='all',
    )
    write_json(path, values)
    assert json.loads(path.read_text()) == dict(
        mIoU=0.5, classes=[0.25, 1], confusion=[[1, 0], [0, 1]], per_class=[0.5, 1.0], name='all'
    )


def test_an_error_leaves_the_old_file(tmp_path):
    path, circle = tmp_path / 'metrics.json', []
    circle.append(circle)
    write_json(path, dict(mIoU=0.5))
    with pytest.raises(ValueError, match='Circular'):
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
