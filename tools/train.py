"""Trains a detector, segmenter or classifier."""

from mmcrossformer.commands.train import main
from mmcrossformer.utils.errors import run

if __name__ == '__main__':
    run(main)
