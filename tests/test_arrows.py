"""Imports of the package point one way, down, wherever they stand."""

import ast
from pathlib import Path

import pytest

import mmcrossformer

PACKAGE = Path(mmcrossformer.__file__).parent
HOSTS = ('mmdet', 'mmseg', 'mmpretrain', 'mmcv')
# Floors of the house, the lowest first. A room may import itself, its floor and what lies below.
FLOORS = (
    ('version', 'registry', 'utils.files'),
    ('checkpoint', 'models.attention', 'models.layers'),
    ('models',),
    ('utils', 'datasets', 'classifiers', 'evaluators'),
    ('config',),
    ('apis',),
    ('engine', 'visual'),
    ('commands',),
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# The package itself offers models and the version to everyone, and is on their floor.
FLOOR_OF[''] = FLOOR_OF['models']
# What users import comes from any room below the commands; the names of `mmcrossformer.apis` are imported on access.
FACADE = 'apis'
# Old names that still work: they import what is there now.
OLD = ('hooks', 'optim', 'strategies', 'engine.inference')
# Used by commands alone, and shared by all of them.
SHARED_BY_COMMANDS = ('arguments', 'common')


def room_of(module):
    """The room that a module lies in; both are named from inside the package."""
    parts = module.split('.')
    for end in (2, 1):
        if '.'.join(parts[:end]) in FLOOR_OF:
            return '.'.join(parts[:end])
    raise AssertionError(f'{module} lies in no room: give it one in FLOORS')


def modules_of(package):
    """Name and file of every module of a package."""
    for path in sorted(package.rglob('*.py')):
        place = path.relative_to(package)
        if '.mim' not in place.parts:
            yield '.'.join(place.with_suffix('').parts).removesuffix('__init__').rstrip('.'), path


def imports_of(text, known):
    """What a module imports, also inside of functions: modules of the package from inside of it, others in full."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f'line {node.lineno}: imports of the package are absolute'
            # `from package import module` imports the module.
            names = [f'{node.module}.{alias.name}' for alias in node.names]
            names = [name if name.removeprefix('mmcrossformer.') in known else node.module for name in names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith('import_module') and node.args:
            names = [node.args[0].value] if isinstance(node.args[0], ast.Constant) else []
        else:
            continue
        yield from names


def faults(module, text, known):
    """What is wrong with the imports of a module."""
    room = 'engine' if module == FACADE else room_of(module)
    for name in imports_of(text, known):
        ours = name == 'mmcrossformer' or name.startswith('mmcrossformer.')
        top = name.partition('.')[0]
        if not ours:
            if room.startswith('models') and top in ('argparse', *HOSTS):
                yield f'{module} imports {name}: models know no command line and no host library'
            continue
        inner = name.removeprefix('mmcrossformer').lstrip('.')
        if inner in OLD:
            yield f'{module} imports {name}, which is an old name'
        elif FLOOR_OF[room_of(inner) if inner else ''] > FLOOR_OF[room]:
            yield f'{module} imports {name}, which lies above it'
        elif inner.startswith('commands.') and module.startswith('commands.'):
            mine, other = (dotted.split('.')[1] for dotted in (module, inner))
            if other not in (mine, *SHARED_BY_COMMANDS):
                yield f'{module} imports {name}: commands import no other command'


MODULES = {name: path for name, path in modules_of(PACKAGE) if name not in OLD}


@pytest.mark.parametrize('module', MODULES)
def test_imports_point_down(module):
    assert not list(faults(module, MODULES[module].read_text(), MODULES))


def test_every_room_is_there():
    assert {room_of(module) for module in MODULES if module} == {*FLOOR_OF} - {''}


@pytest.mark.parametrize(
    ('module', 'line', 'fault'),
    [
        ('models.cat', 'from mmcrossformer.utils.errors import UserError', 'lies above'),
        ('models.cat', 'def f():\n    from mmcrossformer.utils import errors', 'lies above'),
        ('models.cat', 'import importlib\nimportlib.import_module("mmcrossformer.engine.runner")', 'lies above'),
        ('models.attention.strips', 'from mmcrossformer.models import arch', 'lies above'),
        ('models.attention.strips', 'import mmcrossformer', 'lies above'),
        ('utils.weights', 'import mmcrossformer.config.read', 'lies above'),
        ('config.read', 'from mmcrossformer.apis.predictor import Predictor', 'lies above'),
        ('apis.predictor', 'from mmcrossformer.engine import runner', 'lies above'),
        ('engine.runner', 'from mmcrossformer.commands.common import prepare_config', 'lies above'),
        ('commands.train', 'from mmcrossformer.commands.check import main', 'no other command'),
        ('commands.compare.run', 'from mmcrossformer.commands import benchmark', 'no other command'),
        ('commands.train', 'from mmcrossformer.hooks import CurvesHook', 'old name'),
        ('models.pyramid', 'from argparse import Namespace', 'no command line'),
        ('models.layers.block', 'import mmcv.ops', 'no host library'),
        ('models.pgs', 'def f():\n    from mmpretrain.models import ImageClassifier', 'no host library'),
    ],
)
def test_a_wrong_import_is_found(module, line, fault):
    """Added to the module as it is."""
    (found,) = faults(module, f'{MODULES[module].read_text()}\n{line}\n', MODULES)
    assert fault in found


def test_tools_import_commands_alone():
    for path in (PACKAGE / '.mim/tools').glob('*.py'):
        names = set(imports_of(path.read_text(), MODULES))
        assert len(names) == 2
        assert any(name.startswith('mmcrossformer.commands.') for name in names)
        assert 'mmcrossformer.utils.errors' in names
