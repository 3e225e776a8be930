"""The command line: every command, arguments that they share, configs by name, and mistakes."""

import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest
import torch
from PIL import Image
from quick import PROGRAM

import mmcrossformer_cli
from mmcrossformer.commands.common import find_device
from mmcrossformer.config.package import find_config, list_configs
from mmcrossformer.utils.errors import UserError


def test_help_lists_all_commands(call):
    code, text = call('--help')
    assert code == 0
    assert all(f'\n    {name}' in text for name in mmcrossformer_cli.COMMANDS)
    folder = Path(mmcrossformer_cli.__file__).parent / 'mmcrossformer' / 'commands'
    found = {path.stem for path in folder.iterdir() if not path.name.startswith('__')}
    assert found - {'arguments', 'common'} == {*mmcrossformer_cli.COMMANDS}


@pytest.mark.parametrize('name', mmcrossformer_cli.COMMANDS)
def test_every_command_has_help(call, name):
    code, text = call(name, '--help')
    assert code == 0
    assert text.startswith(f'usage: mmcrossformer {name} ')


@pytest.mark.parametrize('name', mmcrossformer_cli.WITHOUT_TORCH)
def test_commands_that_start_without_torch(name):
    """In a fresh process in which torch cannot be imported, as `mmcrossformer` starts."""
    program = f"import sys, runpy; sys.modules['torch'] = None; runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    command = [sys.executable, '-c', program, name, '--help']
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROGRAM.parent)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f'usage: mmcrossformer {name} ')


def test_a_broken_installation_is_named(call, monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmcrossformer.commands.train', None)  # importing it fails
    code, _ = call('train', 'crossformer_t_digits')
    assert code.startswith('error: mmcrossformer train cannot start: ModuleNotFoundError')
    assert '`mmcrossformer doctor`' in code


class Captured(Exception):  # noqa: N818 - how a parser comes out of a command
    """A command's parser, ready to parse."""


@pytest.fixture
def parsers(monkeypatch):
    """The parser of each command."""

    def capture(parser):
        raise Captured(parser)

    monkeypatch.setattr(ArgumentParser, 'parse_args', capture)
    monkeypatch.setattr(ArgumentParser, 'parse_intermixed_args', capture)
    found = {}
    for name in mmcrossformer_cli.COMMANDS:
        with pytest.raises(Captured) as captured:
            mmcrossformer_cli.load(name)[0]()
        found[name] = captured.value.args[0]
    return found


def test_arguments_mean_the_same_everywhere(parsers):
    users = {}
    for name, parser in parsers.items():
        for action in parser._actions:
            for option in action.option_strings:
                users.setdefault(option, {})[name] = action
    for option, commands in {
        '--device': ['infer', 'benchmark', 'sweep', 'visualize', 'demo'],
        '--short-side': ['infer', 'visualize'],
        '--launcher': ['train', 'test'],
        '--data-root': ['train', 'check'],
    }.items():
        assert {*users[option]} == {*commands}
        first, *others = [(use.type, use.metavar, use.help) for use in users[option].values()]
        assert all(other == first for other in others), option
    assert {action.default for action in users['--device'].values()} == {'auto'}
    for option in ('--seed', '--score-thr'):
        assert len({action.type for action in users[option].values()}) == 1
    assert {*users['--out']} == {'infer', 'benchmark', 'export', 'convert', 'visualize'}
    assert all(action.type is Path for action in users['--out'].values())
    folders = [users['--work-dir'][name] for name in ('train', 'test', 'sweep')]
    assert len({action.help for action in folders}) == 1
    assert {action.default for action in folders} == {None}


@pytest.mark.parametrize('count', [0, 1, 2])
def test_devices(monkeypatch, count):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: count > 0)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: count)
    assert find_device('auto') == ('cuda' if count else 'cpu')
    assert find_device('cpu') == 'cpu'
    if count:
        assert find_device('cuda') == 'cuda'
        assert find_device(f'cuda:{count - 1}') == f'cuda:{count - 1}'
        with pytest.raises(UserError, match=rf'--device cuda:2: torch sees {count} GPUs? here, the last is cuda:'):
            find_device('cuda:2')
    else:
        for name in ('cuda', 'cuda:0'):
            with pytest.raises(UserError, match=f'--device {name}: torch sees no GPU here; leave it out'):
                find_device(name)


# A command line, and words of its one message.
MISTAKES = [
    ('demo CONFIG none.pth', 'argument CHECKPOINT: none.pth is no file'),
    ('doctor now', 'unrecognized arguments: now'),
    ('configs zzz', 'no config matches all of these words'),
    ('train CONFIG --seed x', "argument --seed: must be a whole number from 0 to 4294967295, got 'x'"),
    ('train CONFIG --resume none.pth', 'none.pth is no file'),
    ('train CONFIG --work-dir file/run', '--work-dir: the folder file/run cannot be created'),
    ('test CONFIG none.pth', 'argument CHECKPOINT: none.pth is no file'),
    ('test CONFIG page.pth', 'page.pth is no weights file: it does not start as files of torch do'),
    ('test CONFIG page.pth --work-dir file/run', '--work-dir: the folder file/run cannot be created'),
    ('test CONFIG page.pth --show-dir file/run', '--show-dir: the folder file/run cannot be created'),
    ('check CONFIG --decode -3', "argument --decode: must be a whole number from 1 on, got '-3'"),
    ('analyze CONFIG --shape 0 9', "argument --shape: must be a whole number from 1 on, got '0'"),
    ('sweep CONFIG page.pth', 'page.pth is no weights file: it does not start as files of torch do'),
    ('sweep CONFIG page.pth --sizes 32 0', "argument --sizes: must be a whole number from 1 on, got '0'"),
    ('sweep CONFIG page.pth --device gpu', 'argument --device: must be auto, cpu, cuda or cuda:N'),
    ('sweep CONFIG page.pth --device cuda:99', '--device cuda:99: torch sees'),
    (
        'infer CONFIG page.pth image.png --out new',
        'page.pth is no weights file: it does not start as files of torch do',
    ),
    ('infer CONFIG page.pth image.png --out new --device cuda:99', '--device cuda:99: torch sees'),
    (
        'infer CONFIG page.pth image.png --out new --score-thr 2',
        "--score-thr: must be a number from 0 to 1, or best, got '2'",
    ),
    ('infer CONFIG page.pth image.png', 'the following arguments are required: --out'),
    ('visualize CONFIG page.pth image.png', 'page.pth is no weights file: it does not start as files of torch do'),
    ('visualize CONFIG image.png --only filters --out file/new', '--out: the folder file/new cannot be created'),
    ('visualize CONFIG image.png --device cuda:99', '--device cuda:99: torch sees'),
    ('visualize CONFIG image.png --score-thr nan', "--score-thr: must be a number from 0 to 1, or best, got 'nan'"),
    ('export CONFIG page.pth --out new.pt2', 'page.pth is no weights file: it does not start as files of torch do'),
    ('export CONFIG --out file/new.pt2', '--out: the folder file cannot be created'),
    ('export CONFIG --out new.bin', '--out must name a file that ends in .onnx or .pt2, got new.bin'),
    ('convert page.pth --out new.pth', 'page.pth is no weights file: it does not start as files of torch do'),
    ('convert page.pth --out file/new.pth', '--out: the folder file cannot be created'),
    ('convert page.pth new.pth', 'the following arguments are required: --out'),
    ('benchmark --device cuda:99', '--device cuda:99: torch sees'),
    ('benchmark --models swin_t --out file/new.json', '--out: the folder file cannot be created'),
    ('compare CONFIG --work-dir file/new', '--work-dir: the folder file/new cannot be created'),
    ('compare CONFIG --seed -1', "argument --seed: must be a whole number from 0 to 4294967295, got '-1'"),
    ('compare CONFIG CONFIG', 'got twice: crossformer_t_digits'),
]
MISTAKES += [
    (f'{command} crosformer_t_digits {more}', 'Close names: ')
    for command, more in dict(
        train='',
        test='page.pth',
        check='',
        analyze='',
        sweep='page.pth',
        infer='page.pth image.png --out new',
        visualize='image.png',
        export='--out new.pt2',
        compare='',
        demo='page.pth',
    ).items()
]


@pytest.mark.parametrize(('line', 'words'), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_mistakes(call, line, words, quick, tmp_path, monkeypatch):
    """Exit code 2 and one message, without a traceback; nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file').touch()
    (tmp_path / 'page.pth').write_text('no weights')
    Image.new('RGB', (8, 8)).save(tmp_path / 'image.png')
    code, text = call(*line.replace('CONFIG', str(quick('crossformer_t_digits'))).split())
    assert code == 2, text
    assert text.count('error: ') == 1
    assert words in text
    assert not [*tmp_path.glob('new*')]


def test_config_by_name(call):
    code, text = call('analyze', 'retinanet_crossformer_t_digits')
    assert code == 0, text
    assert 'backbone' in text


def test_wrong_command(call):
    code, text = call('trian')
    assert code == 2
    assert "'trian'" in text


def test_wrong_name(call):
    code, text = call('analyze', 'mask_rcn_crossformer_s_coco')
    assert code == 2
    assert text.startswith('error: config mask_rcn_crossformer_s_coco is no file, and none of the package')
    assert 'Close names: mask_rcnn_crossformer_s_coco' in text


def test_files_come_first(tmp_path, monkeypatch):
    name = 'mask_rcnn_crossformer_s_coco'
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == list_configs()[name]
    (tmp_path / name).write_text('')
    assert find_config(name) == Path(name)
    (tmp_path / 'near.py').write_text('')
    with pytest.raises(UserError, match=r'Close names: near\.py'):
        find_config('naer.py')


def test_list_of_configs(call):
    code, text = call('configs')
    assert code == 0
    assert all(name in text for name in list_configs())
    code, text = call('configs', 'Mask_RCNN', '3x')
    lines = [line.split() for line in text.splitlines() if 'coco' in line]
    assert [line[0] for line in lines] == [
        'cascade_mask_rcnn_crossformer_s_g14_3x_coco',
        'mask_rcnn_crossformer_b_g14_3x_coco',
        'mask_rcnn_crossformer_s_g14_3x_coco',
    ]
    assert 'box AP 48.7, mask AP 43.9' in text
    code, text = call('configs', 'no_such_word')
    assert code == 2
    assert 'no config matches all of these words' in text
