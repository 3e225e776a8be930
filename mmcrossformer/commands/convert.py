"""Converts weights between official names and those used here, and between .pth and .safetensors files.

Writes only tensors (no optimizer state); the name of the file contains a part of their SHA-256.
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
from mmcrossformer.commands.arguments import add_out
from mmcrossformer.commands.common import prepare_out_file
from mmcrossformer.utils.errors import UserError

SUFFIXES = ('.pth', '.safetensors')


def main() -> None:
    """Parses the command line and converts the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'source', metavar='IN', type=Path, help='checkpoint: official, of a training run, or safetensors'
    )
    add_out(parser, 'FILE', f'file to write, {" or ".join(SUFFIXES)}; a part of the SHA-256 is added to its name')
    parser.add_argument('--to', choices=['mmcrossformer', 'official'], default='mmcrossformer', help='names to write')
    args = parser.parse_args()
    prepare_out_file(args.out, SUFFIXES)
    try:
        found = weights_of(read_checkpoint(args.source))
        weights = own_model_names(found) if args.to == 'mmcrossformer' else official_model_names(found)
        # Official classifiers have their weights under `model`, official detectors and OpenMMLab under `state_dict`.
        is_full_model = args.to == 'mmcrossformer' or any(name.startswith('backbone.') for name in weights)
        written = write_checkpoint(weights, args.out, under='state_dict' if is_full_model else 'model')
    except (ValueError, OSError, NotImplementedError) as error:  # NotImplementedError: meta tensors
        raise UserError(str(error)) from error
    print(f'{written}: {len(weights)} tensors, {len(found) - len(weights)} buffers of {args.source} dropped')
