"""Checks data, classes, channels and learning rate of a training, and starts nothing."""

from mmcrossformer.commands.check import main
from mmcrossformer.utils.errors import run

if __name__ == '__main__':
    run(main)
