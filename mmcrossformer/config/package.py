"""What comes with the package: configs and tools."""

from pathlib import Path

CONFIGS = Path(__file__).parents[1] / '.mim' / 'configs'
TOOLS = Path(__file__).parents[1] / '.mim' / 'tools'


def configs_of_package() -> dict[str, Path]:
    """Configs that come with the package, by name."""
    return {path.stem: path for path in sorted(CONFIGS.glob('*.py'))}
