"""Predicts on images, folders and videos, and keeps boxes, masks, label maps or classes."""

from mmcrossformer.commands.infer import main
from mmcrossformer.utils.errors import run

if __name__ == '__main__':
    run(main)
