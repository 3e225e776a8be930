"""What is installed: the wheel, and what mim and mmengine find."""

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
from mmengine.config import Config

import mmcrossformer

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_wheel_has_configs_and_tools(tmp_path):
    source = tmp_path / 'source'  # building leaves folders behind
    skipped = shutil.ignore_patterns(
        '.*cache', '.git', '.venv', 'build', 'data', 'work_dirs', '*.egg-info', '__pycache__'
    )
    shutil.copytree(ROOT, source, symlinks=True, ignore=skipped)
    command = [
        sys.executable,
        '-m',
        'pip',
        'wheel',
        str(source),
        '--no-deps',
        '--no-build-isolation',
        '-w',
        str(tmp_path),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob('mmcrossformer-*.whl')
    names = set(zipfile.ZipFile(wheel).namelist())
    patterns = ('configs/**/*.py', 'tools/*.py', 'tools/*.sh')
    own = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}
    assert {f'mmcrossformer/.mim/{name}' for name in own} <= names
    assert {'mmcrossformer/py.typed', 'mmcv_ext_torchvision.py', 'mmcrossformer/models/crossformer.py'} <= names
    assert 'mmcrossformer/engine/report/page.html' in names
    assert not [name for name in names if name.startswith('tests')]


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


@pytest.mark.parametrize('page', [ROOT / 'README.md', *sorted(ROOT.glob('docs/*.md'))], ids=lambda path: path.name)
def test_files_that_the_pages_name_exist(page):
    text = page.read_text()
    named = set(re.findall(r'(?:configs|docs|tools|tests)/[\w./-]+\.(?:py|sh|png|md)', text))
    named |= set(re.findall(r'\b(?:[a-z0-9_]+_)?crossformer(?:pp)?_\w+\.py', text))
    assert named
    for name in named:
        assert (ROOT / name).is_file() or (ROOT / 'configs' / name).is_file(), name
    for link in re.findall(r'\]\((?!https?:)([^)#]+)', text):
        assert (page.parent / link).exists(), link
