"""Writes a backbone or a classifier as ONNX or as a torch.export program, for any batch, height and width."""

from mmcrossformer.commands.export import main
from mmcrossformer.utils.errors import run

if __name__ == '__main__':
    run(main)
