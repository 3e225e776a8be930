"""Evaluates a checkpoint at several resolutions: accuracy, AP or mIoU, and the time for an image."""

from mmcrossformer.commands.sweep import main
from mmcrossformer.utils.errors import run

if __name__ == '__main__':
    run(main)
