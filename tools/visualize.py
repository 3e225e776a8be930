"""Draws what a model predicts on an image and what its backbone does: pyramid, groups, position bias, filters."""

from mmcrossformer.commands.visualize import main
from mmcrossformer.utils.errors import run

if __name__ == '__main__':
    run(main)
