"""`mmcrossformer doctor`, in this environment and in broken ones."""

import importlib.metadata
import sys
import types

import pytest
from quick import run_program

import mmcrossformer_cli
from mmcrossformer.commands import doctor
from mmcrossformer.utils import hosts

pytestmark = pytest.mark.hosts


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
    assert {'torch', 'libraries', *hosts.MAINTAINED.distributions} <= {s for s in states if states[s] == 'ok'}
    assert 'ok     Mask R-CNN   trains and predicts' in result.stdout
    assert result.stdout.endswith('Detectors can be trained here.\n')
    assert not result.stderr


def test_without_torch(tmp_path):
    result = run(tmp_path, hidden=('torch', 'torchvision'), fresh=True)
    assert result.returncode == 1
    assert 'fails  torch        not installed' in result.stdout
    assert 'pip install torch torchvision' in result.stdout
    assert 'Traceback' not in result.stdout + result.stderr


def test_files_that_are_gone(tmp_path):
    """As after `pip uninstall` of another distribution that owned them, too."""
    result = run(tmp_path, hidden=('mmdet',))
    assert result.returncode == 1
    (owner,) = hosts.find_owners()['mmdet']
    version = importlib.metadata.version(owner)
    assert f'{version} is installed, but its files are missing' in result.stdout
    assert f'-> pip install --force-reinstall --no-deps {owner}=={version}' in result.stdout
    assert 'ok     mmseg' in result.stdout
    assert result.stdout.endswith('Detectors cannot be trained here.\n')


MAINTAINED = {module: [name] for module, name in hosts.MAINTAINED.distributions.items()}
ORIGINAL = {module: [name] for module, name in hosts.ORIGINAL.distributions.items()}
FROM_MM, FROM_ORIGINAL = "pip install 'mmcrossformer[mm]'", "pip install 'mmcrossformer[mm-original]'"


@pytest.fixture
def findings(monkeypatch):
    """A function that runs the doctor where modules are owned by other distributions; returns findings by subject."""

    def examine(owners):
        monkeypatch.setattr(importlib.metadata, 'packages_distributions', lambda: owners)
        monkeypatch.setattr(doctor, '_version', {'mmcv-lite': '2.1.0'}.get)
        monkeypatch.setattr(doctor, '_check_training', lambda: doctor.Finding('Mask R-CNN', ''))
        return {finding.subject: finding for finding in doctor._run_checks()}

    return examine


@pytest.mark.parametrize(('owners', 'name'), [(MAINTAINED, 'maintained'), (ORIGINAL, 'original')])
def test_family(owners, name, findings):
    finding = findings(owners)['libraries']
    assert (finding.state, finding.found, finding.remedy) == ('ok', f'{name} OpenMMLab packages', '')


@pytest.mark.parametrize(
    ('owners', 'found', 'remedy'),
    [
        (
            {module: ORIGINAL[module] + MAINTAINED[module] for module in ORIGINAL},
            'mmdet and onedl-mmdetection own mmdet; ',
            'pip uninstall -y mmcv-lite mmdet mmengine mmpretrain mmsegmentation onedl-mmcv onedl-mmdetection '
            f'onedl-mmengine onedl-mmpretrain onedl-mmsegmentation && {FROM_MM}',
        ),
        (
            ORIGINAL | dict(mmengine=['mmengine', 'onedl-mmengine']),
            'mmengine and onedl-mmengine own mmengine, so that each has replaced files of the other',
            f'pip uninstall -y mmengine onedl-mmengine && {FROM_ORIGINAL}',
        ),
        (
            ORIGINAL | dict(mmcv=['mmcv', 'mmcv-lite']),
            'mmcv and mmcv-lite own mmcv, ',
            f'pip uninstall -y mmcv mmcv-lite && {FROM_ORIGINAL}',
        ),
    ],
    ids=['all', 'one', 'one family'],
)
def test_modules_with_two_owners(owners, found, remedy, findings):
    finding = findings(owners)['libraries']
    assert finding.state == 'fails'
    assert found in finding.found
    assert finding.remedy == remedy


def test_families_that_share_no_module(findings):
    finding = findings(MAINTAINED | dict(mmdet=['mmdet']))['libraries']
    assert finding.state == 'note'
    assert 'onedl-mmengine, onedl-mmcv, mmdet, onedl-mmsegmentation' in finding.found
    assert finding.remedy.endswith(f': pip uninstall -y mmdet && {FROM_MM}')


def test_a_library_that_refuses_its_mmcv(findings, monkeypatch):
    import_module = importlib.import_module

    def refuse(name):
        if name == 'mmdet':
            raise AssertionError('MMCV==2.2.0 is used but incompatible.')
        return import_module(name)

    monkeypatch.setattr(doctor.importlib, 'import_module', refuse)
    finding = findings(ORIGINAL | dict(mmcv=['mmcv']))['mmdet']
    assert finding.state == 'fails'
    assert 'MMCV==2.2.0 is used but incompatible' in finding.found
    assert finding.remedy == f'pip uninstall -y mmcv && {FROM_ORIGINAL}'


@pytest.mark.parametrize(
    ('owners', 'module', 'command'),
    [
        ({}, 'mmdet', FROM_MM),
        (MAINTAINED, 'mmdet', 'pip install onedl-mmdetection'),
        (ORIGINAL, 'mmseg', 'pip install mmsegmentation'),
        ({'mmengine': ['mmengine']}, 'mmcv', FROM_ORIGINAL),
    ],
)
def test_what_is_missing_comes_from_the_same_family(owners, module, command, findings, monkeypatch):
    import_module = importlib.import_module

    def hide_module(name):
        if name == module:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
        return import_module(name)

    monkeypatch.setattr(doctor.importlib, 'import_module', hide_module)
    finding = findings({key: value for key, value in owners.items() if key != module})[module]
    assert (finding.found, finding.remedy) == ('not installed', command)


def test_lookup_of_configs_by_the_original_mmengine(findings, monkeypatch):
    monkeypatch.setattr(doctor.importlib.util, 'find_spec', lambda name: None)
    assert findings(ORIGINAL)['setuptools'].remedy == "pip install 'setuptools<81'"
    assert 'setuptools' not in findings(MAINTAINED)


def test_operators(monkeypatch):
    (served,) = doctor._check_operators(served_early=True)
    assert served.state == 'note'
    assert 'roi_align' in served.found
    assert 'mmcrossformer' not in served.remedy
    (late,) = doctor._check_operators(served_early=False)  # as with torch 2.4
    assert late.remedy.startswith('here only after `import mmcrossformer`, before mmdet')
    monkeypatch.setitem(sys.modules, 'mmcv._ext', types.ModuleType('mmcv._ext'))
    (compiled,) = doctor._check_operators(served_early=True)
    assert (compiled.state, compiled.found) == ('ok', 'compiled')
    monkeypatch.setitem(sys.modules, 'mmcv._ext', None)  # importing it fails
    (broken,) = doctor._check_operators(served_early=True)
    assert broken.state == 'fails'
    assert 'reinstall mmcv' in broken.remedy


def test_main_job_that_fails(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmdet.models', None)
    finding = doctor._check_training()
    assert finding.state == 'fails'
    assert 'mmdet.models' in finding.found
