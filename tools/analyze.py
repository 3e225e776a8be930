"""Prints what each part of a model costs: parameters, multiply-adds and activations for one image."""

from mmcrossformer.commands.analyze import main
from mmcrossformer.utils.errors import run

if __name__ == '__main__':
    run(main)
