"""Trains configs side by side and prints one table: results, size, cost, time and memory."""

from mmcrossformer.commands.compare import main
from mmcrossformer.utils.errors import run

if __name__ == '__main__':
    run(main)
