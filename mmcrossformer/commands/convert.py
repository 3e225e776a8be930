"""Converts weights between official names and those used here, and between torch's and safetensors' files.

Writes tensors alone (no state of an optimizer), with a part of their SHA-256 in the file's name.
"""

import argparse
from pathlib import Path

from mmcrossformer.checkpoint import (
    official_model_names,
    own_model_names,
    read_checkpoint,
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
        weights = own_model_names(found) if args.to == 'mmcrossformer' else official_model_names(found)
        # Official classifiers lie under `model`, official detectors and everything of OpenMMLab under `state_dict`.
        whole = args.to == 'mmcrossformer' or any(name.startswith('backbone.') for name in weights)
        written = write_checkpoint(weights, args.target, under='state_dict' if whole else 'model')
    except (ValueError, OSError, NotImplementedError) as error:  # the last: tensors without values
        raise UserError(str(error)) from error
    print(f'{written}: {len(weights)} tensors, {len(found) - len(weights)} buffers of {args.source} dropped')
