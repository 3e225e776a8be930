"""`mmcrossformer doctor`, in this environment and in broken ones."""

import importlib.metadata
import sys
import types

from quick import run_program

import mmcrossformer_cli
from mmcrossformer.commands import doctor


def run(tmp_path, hidden=(), fresh=False):
    """Runs the command in a process of its own, in which modules look like not installed."""
    program = tmp_path / 'program.py'
    program.write_text(
        f"""
import sys


class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in {hidden!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)


for name in [name for name in sys.modules if name.partition('.')[0] in {hidden!r}]:
    del sys.modules[name]
sys.meta_path.insert(0, Hidden())
sys.argv = ['mmcrossformer', 'doctor']
import mmcrossformer_cli
mmcrossformer_cli.main()
"""
    )
    return run_program(program, [], fresh=fresh)


def test_command_is_installed():
    (entry,) = (entry for entry in importlib.metadata.entry_points(group='console_scripts', name='mmcrossformer'))
    assert entry.load() is mmcrossformer_cli.main


def test_here_all_is_well(tmp_path):
    result = run(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines() if line.strip()]
    states = {subject: state for state, subject, *_ in lines if state in ('ok', 'note', 'fails')}
    assert {'torch', 'mmengine', 'mmcv', 'mmdet', 'mmseg', 'mmpretrain'} <= {s for s in states if states[s] == 'ok'}
    assert 'ok     Mask R-CNN   trains and predicts' in result.stdout
    assert result.stdout.endswith('Detectors can be trained here.\n')
    assert not result.stderr


def test_without_torch(tmp_path):
    result = run(tmp_path, hidden=('torch', 'torchvision'), fresh=True)
    assert result.returncode == 1
    assert 'fails  torch        not installed' in result.stdout
    assert 'pip install torch torchvision' in result.stdout
    assert 'Traceback' not in result.stdout + result.stderr


def test_without_mmdet(tmp_path):
    result = run(tmp_path, hidden=('mmdet',))
    assert result.returncode == 1
    assert 'fails  mmdet        not installed' in result.stdout
    assert "-> pip install 'mmcrossformer[mm]'" in result.stdout
    assert 'ok     mmseg' in result.stdout
    assert result.stdout.endswith('Detectors cannot be trained here.\n')


def test_both_families_installed(monkeypatch, capsys):
    monkeypatch.setattr(doctor, '_version', lambda name: '2.0' if 'mmcv' in name else '1.0')
    assert doctor.examine() == 1
    output = capsys.readouterr().out
    assert 'onedl-mmcv 2.0 and mmcv 2.0' in output
    assert 'pip uninstall -y onedl-mmcv mmcv, then pip install onedl-mmcv' in output


def test_operators(monkeypatch):
    (served,) = doctor._check_operators()
    assert served.state == 'note'
    assert 'roi_align' in served.found
    monkeypatch.setitem(sys.modules, 'mmcv._ext', types.ModuleType('mmcv._ext'))
    (compiled,) = doctor._check_operators()
    assert (compiled.state, compiled.found) == ('ok', 'compiled')
    monkeypatch.setitem(sys.modules, 'mmcv._ext', None)  # importing it fails
    (broken,) = doctor._check_operators()
    assert broken.state == 'fails'
    assert 'reinstall mmcv' in broken.remedy


def test_main_job_that_fails(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmdet.models', None)
    finding = doctor._check_training()
    assert finding.state == 'fails'
    assert 'mmdet.models' in finding.found
