"""Measures time, multiply-adds and memory of backbones side by side, or how they grow with the picture."""

from mmcrossformer.commands.benchmark import main
from mmcrossformer.utils.errors import run

if __name__ == '__main__':
    run(main)
