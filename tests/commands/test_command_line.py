"""One command line: every tool is a command, and configs go by name."""

import sys
from pathlib import Path

import pytest

import mmcrossformer_cli
from mmcrossformer.config.package import configs_of_package, find_config
from mmcrossformer.utils.errors import UserError


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs a command; returns its exit code and what it printed."""
    monkeypatch.setenv('COLUMNS', '200')

    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['mmcrossformer', *args])
        code = 0
        try:
            mmcrossformer_cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        return code, ''.join(capsys.readouterr())

    return run


def test_help_lists_all_commands(command):
    code, text = command('--help')
    assert code == 0
    assert all(f'\n    {name}' in text for name in (*mmcrossformer_cli.COMMANDS, 'doctor', 'demo'))
    folder = Path(mmcrossformer_cli.__file__).parent / 'mmcrossformer' / 'commands'
    found = {path.stem for path in folder.iterdir() if not path.name.startswith('__')}
    assert found - {'common'} == {*mmcrossformer_cli.COMMANDS, 'demo'}


@pytest.mark.parametrize('name', mmcrossformer_cli.COMMANDS)
def test_every_command_has_help(command, name):
    code, text = command(name, '--help')
    assert code == 0
    assert text.startswith(f'usage: mmcrossformer {name} ')


def test_config_by_name(command):
    code, text = command('analyze', 'retinanet_crossformer_t_digits')
    assert code == 0, text
    assert 'backbone' in text


def test_wrong_command(command):
    code, text = command('trian')
    assert code == 2
    assert "'trian'" in text


def test_wrong_name(command):
    code, text = command('analyze', 'mask_rcn_crossformer_s_coco')
    assert code == 2
    assert text.startswith('error: config mask_rcn_crossformer_s_coco is no file, and none of the package')
    assert 'Close names: mask_rcnn_crossformer_s_coco' in text


def test_files_come_first(tmp_path, monkeypatch):
    name = 'mask_rcnn_crossformer_s_coco'
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == configs_of_package()[name]
    (tmp_path / name).write_text('')
    assert find_config(name) == Path(name)
    (tmp_path / 'near.py').write_text('')
    with pytest.raises(UserError, match=r'Close names: near\.py'):
        find_config('naer.py')


def test_list_of_configs(command):
    code, text = command('configs')
    assert code == 0
    assert all(name in text for name in configs_of_package())
    code, text = command('configs', 'Mask_RCNN', '3x')
    lines = [line.split() for line in text.splitlines() if 'coco' in line]
    assert [line[0] for line in lines] == [
        'cascade_mask_rcnn_crossformer_s_g14_3x_coco',
        'mask_rcnn_crossformer_b_g14_3x_coco',
        'mask_rcnn_crossformer_s_g14_3x_coco',
    ]
    assert 'box AP 48.7, mask AP 43.9' in text
    code, text = command('configs', 'no_such_word')
    assert code == 2
    assert 'no config has all of these words' in text
