"""How names change, and what the names of all backbones have in common."""

import re
from collections.abc import Sequence

# Numbers of a name that differ: the one here is factor * official + offset.
Numbers = dict[str, tuple[int, int]]
Names = Sequence[tuple[str, str, Numbers]]
# Official name of a layer, name here, numbers that change; the first that fits counts. The layer between two stages
# belongs to the later one. `norm` and `head` are the classifiers': the output norm of the last stage, mmpretrain's
# LinearClsHead.
LATER_STAGE = dict(stage=(1, 1))
PARTS = ('norm1', 'norm2', 'attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2')
OFFICIAL_BLOCK, BLOCK = 'layers.{stage}.blocks.{block}.', 'stages.{stage}.blocks.{block}.'
COMMON: Names = [
    ('patch_embed.norm', 'stages.0.embed.norm', {}),
    ('layers.{stage}.downsample.norm', 'stages.{stage}.embed.norm', LATER_STAGE),
    ('norm', 'norm3', {}),
    ('head', 'head.fc', {}),
]
# Masks and position indices in official files: both are computed here.
BUFFER = re.compile(r'layers\.\d\.\w*blocks\.\d+\.(attn\.biases|attn\.relative_position_index|attn_mask)')


def _pattern(name: str) -> re.Pattern[str]:
    """What a name matches: its `{kind}` stands for weight or bias, all else in braces for numbers."""
    name = re.escape(name).replace(r'\{kind\}', '(?P<kind>weight|bias)')
    return re.compile(re.sub(r'\\{(\w+)\\}', r'(?P<\1>\\d+)', name))


class Rules:
    """How the names of a backbone change, in both directions.

    Args:
        whose: Name of the backbone.
        layers: Names of layers, of which each has a weight or a bias.
        parameters: Names of parameters.
    """

    def __init__(self, whose: str, layers: Names, parameters: Names = ()) -> None:
        self.whose = whose
        names = [*parameters, *((f'{official}.{{kind}}', f'{here}.{{kind}}', n) for official, here, n in layers)]
        self._names = [
            (_pattern(official), _pattern(here), official, here, numbers) for official, here, numbers in names
        ]

    def to_here(self, name: str) -> str | None:
        """Name here of an official one; None for one that no official file has."""
        for pattern, _, _, here, numbers in self._names:
            match = pattern.fullmatch(name)
            if match:
                changed = {key: factor * int(match[key]) + offset for key, (factor, offset) in numbers.items()}
                return here.format(**match.groupdict() | changed)
        return None

    def to_official(self, name: str) -> str | None:
        """Official name of one here; None for one that has none."""
        for _, pattern, official, _, numbers in self._names:
            match = pattern.fullmatch(name)
            if match:
                changed = {key: divmod(int(match[key]) - offset, factor) for key, (factor, offset) in numbers.items()}
                if not any(rest for _, rest in changed.values()):
                    fields = match.groupdict() | {key: number for key, (number, _) in changed.items()}
                    return official.format(**fields)
        return None
