"""Evaluates a checkpoint of a detector, segmenter or classifier."""

import argparse
from pathlib import Path

from mmengine.dist import is_main_process

from mmcrossformer.commands.arguments import SCORE_THR, add_checkpoint, parse_run
from mmcrossformer.commands.common import add_common_arguments, prepare_config
from mmcrossformer.engine.runner import build_runner, check_data
from mmcrossformer.utils.files import write_json
from mmcrossformer.utils.outputs import make_folder
from mmcrossformer.utils.weights import force_weights_only, load_for_test


def main() -> None:
    """Parses the command line, evaluates, and writes `metrics.json` to the work directory."""
    args = parse_args()
    force_weights_only()
    cfg = prepare_config(args)
    if args.show_dir is not None:
        hook = dict(type='mmcrossformer.PicturesHook', out_dir=args.show_dir, score_thr=SCORE_THR)
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]
    check_data(cfg, ('test',))
    make_folder('--work-dir', cfg.work_dir)
    if args.show_dir is not None:
        make_folder('--show-dir', args.show_dir)
    runner = build_runner(cfg, train=False)
    load_for_test(runner, args.checkpoint)
    metrics = runner.test()
    if is_main_process():
        path = Path(cfg.work_dir) / 'metrics.json'
        write_json(path, dict(sorted(metrics.items())))
        runner.logger.info(f'metrics: {path}')


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    add_checkpoint(parser)
    parser.add_argument(
        '--show-dir',
        metavar='DIR',
        help=f'folder for pictures of truth and predictions, of objects from a score of {SCORE_THR} on',
    )
    args = parse_run(parser)
    if args.run_dir is not None and args.work_dir is None:
        # Beside the training: mmengine writes the config of the test, which must not replace that of the training.
        args.work_dir = str(Path(args.run_dir) / 'test')
    return args
