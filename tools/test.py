"""Evaluates a checkpoint of a detector, segmenter or classifier."""

from mmcrossformer.commands.test import main
from mmcrossformer.utils.errors import run

if __name__ == '__main__':
    run(main)
