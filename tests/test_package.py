"""What is installed: the wheel, and what mim and mmengine find."""

import contextlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from importlib.metadata import PackageNotFoundError, distribution, entry_points, version
from pathlib import Path

import pytest
from mmengine.config import Config
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import mmcrossformer

ROOT = Path(__file__).parent.parent
UNPINNED = ('mmcrossformer', 'setuptools')  # its own extras, and what an environment comes with


def pins_of(path):
    """The requirements of a file of constraints."""
    lines = path.read_text().splitlines()
    return [Requirement(line) for line in lines if '==' in line and not line.startswith('#')]


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """A folder with wheel and source distribution; the wheel is built from the latter, as of a release."""
    folder = tmp_path_factory.mktemp('built')
    source = folder / 'source'  # building leaves folders behind
    skipped = shutil.ignore_patterns(
        '.*cache', '.git', '.venv*', 'build', 'data', 'site', 'work_dirs', '*.egg-info', '__pycache__'
    )
    shutil.copytree(ROOT, source, symlinks=True, ignore=skipped)
    command = [sys.executable, '-m', 'build', '--no-isolation', '--outdir', str(folder), str(source)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder


def test_wheel_has_configs_and_tools(built):
    (wheel,) = built.glob('mmcrossformer-*.whl')
    names = set(zipfile.ZipFile(wheel).namelist())
    patterns = ('configs/**/*.py', 'tools/*.py', 'tools/*.sh')
    own = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}
    assert {f'mmcrossformer/.mim/{name}' for name in own} <= names
    assert {'mmcrossformer/py.typed', 'mmcv_ext_torchvision.py', 'mmcrossformer/models/crossformer.py'} <= names
    assert 'mmcrossformer/apis/report/page.html' in names
    assert not [name for name in names if name.startswith(('tests', 'docs', 'notebooks'))]


def test_source_distribution_is_the_checkout(built):
    (sdist,) = built.glob('mmcrossformer-*.tar.gz')
    with tarfile.open(sdist) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    patterns = (
        'mmcrossformer/**/*.py',
        'configs/**/*.py',
        'tools/*',
        'tests/**/*.py',
        'docs/**/*.md',
        '*.md',
        '*.toml',
        'constraints*.txt',
    )
    patterns += ('.dev_scripts/*',)
    own = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    assert own <= names, own - names
    assert {'Makefile', 'docs/conf.py', 'LICENSE', 'notebooks/quickstart.ipynb'} <= names


@pytest.fixture(scope='module')
def metadata(built):
    """What the wheel states of itself."""
    (wheel,) = built.glob('mmcrossformer-*.whl')
    (name,) = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith('.dist-info/METADATA')]
    return message_from_bytes(zipfile.ZipFile(wheel).read(name))


def test_metadata(metadata):
    assert metadata['Version'] == mmcrossformer.__version__
    assert metadata['License-Expression'] == 'Apache-2.0'
    assert metadata['Description-Content-Type'] == 'text/markdown'
    assert metadata.get_payload().startswith('# mmcrossformer')
    for field in ('Summary', 'Author', 'Maintainer', 'Keywords', 'Project-URL', 'Requires-Python', 'License-File'):
        assert metadata[field], field
    assert {f'Programming Language :: Python :: 3.{minor}' for minor in range(10, 14)} <= {
        *metadata.get_all('Classifier')
    }
    assert {'mm', 'mm-original', 'export', 'docs', 'dev'} <= {*metadata.get_all('Provides-Extra')}
    # Never from the package itself: two distributions own its module.
    assert not [need for need in metadata.get_all('Requires-Dist') if 'mmengine' in need and 'extra' not in need]


@pytest.mark.parametrize('other', ['constraints-original.txt', 'constraints-torch24.txt'])
def test_pins_meet_what_the_package_needs(metadata, other):
    found = [*pins_of(ROOT / 'constraints.txt'), *pins_of(ROOT / other)]
    pins = {canonicalize_name(pin.name): pin.specifier for pin in found}
    for need in map(Requirement, metadata.get_all('Requires-Dist')):
        name = canonicalize_name(need.name)
        if name in UNPINNED:
            continue
        (pinned,) = pins[name]
        assert need.specifier.contains(pinned.version), f'{need}, pinned as {pinned}'


def test_configs_are_found_through_the_package():
    folder = Path(mmcrossformer.__file__).parent / '.mim'
    cfg = Config.fromfile(folder / 'configs/mask_rcnn_crossformer_s_coco.py')
    assert cfg.model.backbone.type == 'mmcrossformer.CrossFormer'
    assert (folder / 'tools/train.py').is_file()


def test_torch_installs_the_operators():
    (entry,) = [entry for entry in entry_points(group='torch.backends') if entry.name == 'mmcv_ext_torchvision']
    assert entry.value == 'mmcv_ext_torchvision:install'


def test_one_version():
    assert version('mmcrossformer') == mmcrossformer.__version__


@pytest.mark.parametrize('python', ['3.10.0', '3.11.2', '3.12.1', '3.13.0'])
def test_pins_are_of_releases_for_each_python(python):
    """As far as what is installed here tells: a pin that a Python cannot meet would keep it from installing at all."""
    here = dict(python_version=python.rpartition('.')[0], python_full_version=python)
    for pin in pins_of(ROOT / 'constraints.txt'):
        with contextlib.suppress(PackageNotFoundError):
            wanted = distribution(pin.name).metadata.get('Requires-Python') or ''
            pinned_here = pin.specifier.contains(version(pin.name))
            if pinned_here and (pin.marker is None or pin.marker.evaluate(here)):
                assert SpecifierSet(wanted).contains(python), f'{pin} needs Python {wanted}'


@pytest.mark.hosts
def test_import_allows_checkpoints_of_mmengine_and_changes_nothing_else(tmp_path):
    """In a fresh process: torch's own way of reading takes a training's checkpoint, everything else stays."""
    program = f"""
import os, warnings, sys, torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

def state():
    return (
        dict(os.environ), list(warnings.filters), dict(CheckpointLoader._schemes), sys.excepthook,
        torch.get_num_threads(), torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled(), torch.load,
    )

path = {str(tmp_path / 'state.pth')!r}
torch.save(dict(message_hub=HistoryBuffer([1.0], [1])), path)
before, allowed = state(), set(map(str, torch.serialization.get_safe_globals()))
import mmcrossformer
assert state() == before
assert allowed < set(map(str, torch.serialization.get_safe_globals()))
assert torch.load(path)['message_hub'].current() == 1.0
from mmcrossformer.apis import Prediction
heavy = dict.fromkeys(('mmdet', 'mmseg', 'mmpretrain', 'mmcv', 'timm', 'gradio', 'pycocotools', 'torchvision'))
assert not heavy.keys() & sys.modules.keys(), heavy.keys() & sys.modules.keys()
"""
    result = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
