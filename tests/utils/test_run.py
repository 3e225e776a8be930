"""Config and weights that are found in a work directory."""

import os

import pytest

from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.run import best_checkpoint, find_run, find_weights


def test_the_best_comes_before_the_latest(tmp_path):
    assert best_checkpoint(tmp_path) is None
    (tmp_path / 'a.py').touch()
    for age, name in ((3, 'epoch_2.pth'), (2, 'epoch_10.pth')):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    run = find_run(tmp_path)
    assert (run.config, run.checkpoint) == (tmp_path / 'a.py', tmp_path / 'epoch_10.pth')
    assert str(run) == f'{tmp_path}: config a.py, weights epoch_10.pth (the latest: there is no best.pth)'
    (tmp_path / 'best.pth').touch()
    os.utime(tmp_path / 'best.pth', (1, 1))
    assert best_checkpoint(tmp_path) == str(tmp_path / 'best.pth')
    run = find_run(str(tmp_path))
    assert run.checkpoint == find_weights(tmp_path) == tmp_path / 'best.pth'
    assert str(run) == f'{tmp_path}: config a.py, weights best.pth'


@pytest.mark.parametrize(
    ('files', 'words'),
    [
        (None, 'is no folder'),
        (['best.pth'], r'has no config \(\*\.py\), which training writes there'),
        (['a.py', 'best_of_another.pth'], r'has no checkpoint \(best\.pth, epoch_\*\.pth or iter_\*\.pth\)'),
        (['a.py', 'b.py', 'best.pth'], r'has the configs of 2 trainings: a\.py, b\.py\. Name config and folder'),
    ],
)
def test_folders_without_a_run(files, words, tmp_path):
    folder = tmp_path / 'run'
    if files is not None:
        folder.mkdir()
        for name in files:
            (folder / name).touch()
    with pytest.raises(UserError, match=words):
        find_run(folder)
