"""What is installed: the wheel, and what mim and mmengine find."""

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
    command = [
        sys.executable,
        '-m',
        'pip',
        'wheel',
        str(ROOT),
        '--no-deps',
        '--no-build-isolation',
        '-w',
        str(tmp_path),
    ]
    # In a copy: building leaves folders behind.
    source = tmp_path / 'source'
    subprocess.run(['git', 'clone', '-q', str(ROOT), str(source)], check=True)
    command[command.index(str(ROOT))] = str(source)
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob('mmcrossformer-*.whl')
    names = set(zipfile.ZipFile(wheel).namelist())
    own = {
        path.relative_to(ROOT).as_posix() for folder in ('configs', 'tools') for path in ROOT.glob(f'{folder}/**/*.py')
    }
    assert {f'mmcrossformer/.mim/{name}' for name in own} <= names
    assert {'mmcrossformer/py.typed', 'mmcv_ext_torchvision.py', 'mmcrossformer/models/crossformer.py'} <= names
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
