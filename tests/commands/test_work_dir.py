"""The work directory of a training in place of a config or a checkpoint."""

import argparse

import pytest

from mmcrossformer.commands.arguments import add_checkpoint, parse_run
from mmcrossformer.utils.errors import UserError


@pytest.fixture
def parse(tmp_path, monkeypatch):
    """Parses a command line in a folder that has a work directory `run`, and images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'run').mkdir()
    for name in ('run/own.py', 'run/best.pth', 'run/epoch_3.pth', 'a.jpg', 'b.jpg', 'c.py'):
        (tmp_path / name).touch()

    def parse(line, inputs='inputs', **options):
        parser = argparse.ArgumentParser()
        parser.add_argument('config', metavar='CONFIG')
        add_checkpoint(parser)
        if inputs:
            parser.add_argument(inputs, nargs='+', metavar='IN')
        parser.add_argument('--out')
        monkeypatch.setattr('sys.argv', ['mmcrossformer', *line.split()])
        return parse_run(parser, inputs, **options)

    return parse


@pytest.mark.parametrize(
    ('line', 'config', 'checkpoint', 'inputs'),
    [
        ('c.py run/epoch_3.pth a.jpg', 'c.py', 'run/epoch_3.pth', ['a.jpg']),
        ('c.py run/epoch_3.pth --out x a.jpg b.jpg', 'c.py', 'run/epoch_3.pth', ['a.jpg', 'b.jpg']),
        ('c.py run a.jpg', 'c.py', 'run/best.pth', ['a.jpg']),
        ('run a.jpg', 'run/own.py', 'run/best.pth', ['a.jpg']),
        ('run a.jpg --out x', 'run/own.py', 'run/best.pth', ['a.jpg']),
        ('--out x run a.jpg b.jpg', 'run/own.py', 'run/best.pth', ['a.jpg', 'b.jpg']),
        ('run run/epoch_3.pth a.jpg', 'run/own.py', 'run/epoch_3.pth', ['a.jpg']),
    ],
)
def test_inputs_are_no_checkpoints(parse, line, config, checkpoint, inputs):
    args = parse(line)
    assert (args.config, args.checkpoint, args.inputs) == (config, checkpoint, inputs)


def test_a_folder_alone(parse, capsys, tmp_path):
    args = parse('run', inputs=None)
    assert (args.config, args.checkpoint, args.run_dir) == ('run/own.py', 'run/best.pth', 'run')
    assert capsys.readouterr().out == 'run: config own.py, weights best.pth\n'
    assert parse('c.py', inputs=None, optional=True).checkpoint is None
    with pytest.raises(SystemExit):
        parse('c.py', inputs=None)
    assert 'required: CHECKPOINT (or a work directory as CONFIG)' in capsys.readouterr().err
    (tmp_path / 'run/other.py').touch()
    with pytest.raises(UserError, match=r'configs of 2 trainings: other\.py, own\.py'):
        parse('run', inputs=None)
