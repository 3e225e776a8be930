"""The command `mmcrossformer`, which imports the module of a subcommand and runs it.

It is outside of the package and imports only the standard library, so that it starts without torch.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

# Command -> summary; each command is a module or package of mmcrossformer.commands with a function main.
COMMANDS = {
    'train': 'train a detector, segmenter or classifier',
    'test': 'test a checkpoint',
    'infer': 'predict on images, folders and videos',
    'check': 'check data, model and settings before training',
    'analyze': 'print parameters, multiply-adds and activations of each part of a model',
    'benchmark': 'measure time and memory of backbones side by side',
    'compare': 'train and test several models side by side',
    'sweep': 'test a model at several resolutions',
    'export': 'export a model to ONNX or torch.export',
    'convert': 'convert weights between official names and those used here, .pth and .safetensors',
    'visualize': 'draw predictions, maps, groups and biases',
    'configs': 'list the configs that come with the package',
    'demo': 'serve a page in the browser for trying a model',
    'doctor': 'report what is installed, what works and how to fix what does not',
}
# Commands that start without torch, whose import takes seconds, or fails in a broken installation.
WITHOUT_TORCH = ('configs', 'demo', 'doctor')


def main() -> None:
    """Runs the command that the command line names; only the module of this command is imported."""
    if sys.argv[1:] and sys.argv[1] in COMMANDS:
        name = sys.argv[1]
        sys.argv[:2] = [f'mmcrossformer {name}']  # as argparse shows it
        command, run = load(name)
        run(command)
        return
    parser = argparse.ArgumentParser(prog='mmcrossformer', description='CrossFormer backbones for OpenMMLab.')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    parser.parse_args()


def load(name: str) -> tuple[Callable[[], None], Callable[[Callable[[], None]], None]]:
    """Imports a command.

    Args:
        name: One of `COMMANDS`.

    Returns:
        Function main of the command, and `mmcrossformer.utils.errors.run`, which runs it.
    """
    context = _without_package() if name in WITHOUT_TORCH else contextlib.nullcontext()
    try:
        with context:
            command = importlib.import_module(f'mmcrossformer.commands.{name}')
            errors = importlib.import_module('mmcrossformer.utils.errors')
    except (ImportError, OSError, AssertionError) as error:  # raised by broken installations
        sys.exit(
            f'error: mmcrossformer {name} cannot start: {type(error).__name__}: {error}\n'
            '`mmcrossformer doctor` reports what is missing or broken'
        )
    return command.main, errors.run


@contextlib.contextmanager
def _without_package() -> Iterator[None]:
    """Allows imports without `mmcrossformer/__init__.py`, which imports torch; removes the modules at the end."""
    spec = importlib.util.find_spec('mmcrossformer')
    if 'mmcrossformer' in sys.modules or spec is None or spec.submodule_search_locations is None:
        yield
        return
    stand_in = ModuleType('mmcrossformer')
    stand_in.__path__ = spec.submodule_search_locations
    sys.modules['mmcrossformer'] = stand_in
    try:
        yield
    finally:
        for module in [module for module in sys.modules if module.partition('.')[0] == 'mmcrossformer']:
            del sys.modules[module]


if __name__ == '__main__':
    main()
