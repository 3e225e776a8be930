"""Converts weights between official names and those used here, and between torch's and safetensors' files."""

from mmcrossformer.commands.convert import main
from mmcrossformer.utils.errors import run

if __name__ == '__main__':
    run(main)
