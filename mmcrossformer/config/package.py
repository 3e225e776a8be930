"""Configs and tools of the package."""

from pathlib import Path

from mmcrossformer.utils.errors import UserError, close_names

CONFIGS = Path(__file__).parents[1] / '.mim' / 'configs'
TOOLS = Path(__file__).parents[1] / '.mim' / 'tools'


def list_configs() -> dict[str, Path]:
    """Returns the paths of the configs of the package by name."""
    return {path.stem: path for path in sorted(CONFIGS.glob('*.py'))}


def find_config(config: str | Path) -> Path:
    """Finds a config file, or a config of the package by name.

    Args:
        config: Path of a file, or a name such as 'mask_rcnn_crossformer_s_coco'.

    Raises:
        UserError: There is neither; the message contains close names.
    """
    path = Path(config)
    if path.is_file():
        return path
    own = list_configs()
    if str(config) in own:
        return own[str(config)]
    close = close_names(path.name, [*own, *(file.name for file in path.parent.glob('*.py'))])
    raise UserError(f'config {config} is no file, and none of the package (see `mmcrossformer configs`).{close}')
