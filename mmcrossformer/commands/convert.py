"""Converts weights between official names and those used here, and between torch's and safetensors' files.

Writes tensors alone (no state of an optimizer), with a part of their SHA-256 in the file's name.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mmcrossformer.checkpoint import (
    check_own_names,
    convert_official,
    is_official,
    read_checkpoint,
    to_official,
    weights_of,
    write_checkpoint,
)
from mmcrossformer.utils.errors import UserError

SUFFIXES = ('.pth', '.safetensors')


def main() -> None:
    """Reads the command line and converts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', metavar='IN', type=Path, help='a checkpoint: official, of a training, or safetensors')
    parser.add_argument('target', metavar='OUT', type=Path, help=f'file to write, {" or ".join(SUFFIXES)}')
    parser.add_argument('--to', choices=['mmcrossformer', 'official'], default='mmcrossformer', help='names to write')
    args = parser.parse_args()
    if args.target.suffix not in SUFFIXES:
        raise UserError(f'OUT must end in {" or ".join(SUFFIXES)}, got {args.target}')
    if not args.target.parent.is_dir():
        raise UserError(f'the folder of OUT does not exist: {args.target.parent}')
    try:
        found = weights_of(read_checkpoint(args.source))
        weights = to_own_names(found) if args.to == 'mmcrossformer' else to_official_names(found)
        # Official classifiers lie under `model`, official detectors and everything of OpenMMLab under `state_dict`.
        whole = args.to == 'mmcrossformer' or any(name.startswith('backbone.') for name in weights)
        written = write_checkpoint(weights, args.target, under='state_dict' if whole else 'model')
    except (ValueError, OSError, NotImplementedError) as error:  # the last: tensors without values
        raise UserError(str(error)) from error
    print(f'{written}: {len(weights)} tensors, {len(found) - len(weights)} buffers of {args.source} dropped')


def to_own_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of a whole model as the host libraries load it: the backbone behind `backbone.`, heads as they are."""
    if not is_official(weights):
        check_own_names(weights)
        return {f'backbone.{name}' if name.startswith(('stages.', 'norm')) else name: v for name, v in weights.items()}
    converted = convert_official(weights)
    own = {name if name.startswith('head.fc.') else f'backbone.{name}': value for name, value in converted.items()}
    if any(name.startswith('backbone.') for name in weights):
        own |= {name: value for name, value in weights.items() if not name.startswith('backbone.')}
    return own


def to_official_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Official names: bare for a backbone or a classifier, behind `backbone.` for a detector or segmenter."""
    if is_official(weights):
        return dict(weights)
    check_own_names(weights)
    backbone = {name.removeprefix('backbone.'): value for name, value in weights.items() if _is_backbone(name)}
    rest = {name: value for name, value in weights.items() if not _is_backbone(name)}
    if all(name.startswith('head.fc.') for name in rest):
        return to_official(backbone | rest)
    return {f'backbone.{name}': value for name, value in to_official(backbone).items()} | rest


def _is_backbone(name: str) -> bool:
    return name.startswith(('backbone.', 'stages.', 'norm'))
