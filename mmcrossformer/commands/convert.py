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
from mmcrossformer.commands.arguments import add_out
from mmcrossformer.commands.common import prepare_out_file
from mmcrossformer.utils.errors import UserError

SUFFIXES = ('.pth', '.safetensors')


def main() -> None:
    """Reads the command line and converts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', metavar='IN', type=Path, help='a checkpoint: official, of a training, or safetensors')
    add_out(parser, 'FILE', f'file to write, {" or ".join(SUFFIXES)}; its name gets a part of the SHA-256')
    parser.add_argument('--to', choices=['mmcrossformer', 'official'], default='mmcrossformer', help='names to write')
    args = parser.parse_args()
    prepare_out_file(args.out, SUFFIXES)
    try:
        found = weights_of(read_checkpoint(args.source))
        weights = own_model_names(found) if args.to == 'mmcrossformer' else official_model_names(found)
        # Official classifiers are under `model`, official detectors and everything of OpenMMLab under `state_dict`.
        whole = args.to == 'mmcrossformer' or any(name.startswith('backbone.') for name in weights)
        written = write_checkpoint(weights, args.out, under='state_dict' if whole else 'model')
    except (ValueError, OSError, NotImplementedError) as error:  # the last: tensors without values
        raise UserError(str(error)) from error
    print(f'{written}: {len(weights)} tensors, {len(found) - len(weights)} buffers of {args.source} dropped')
