"""Evaluates a checkpoint of a detector, segmenter or classifier."""

import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process

from mmcrossformer.commands.arguments import add_checkpoint
from mmcrossformer.commands.common import add_common_arguments, make_folder, prepare_config
from mmcrossformer.engine.runner import build_runner, check_data
from mmcrossformer.utils.errors import UserError
from mmcrossformer.utils.files import write_json
from mmcrossformer.utils.weights import force_weights_only, load_for_test


def main() -> None:
    """Parses the command line, evaluates, and writes `metrics.json` to the work directory."""
    args = parse_args()
    force_weights_only()
    cfg = prepare_config(args)
    if args.show_dir is not None:
        hook = cfg.default_hooks.get('visualization')
        if hook is None:
            raise UserError(f'--show-dir needs default_hooks.visualization, which {args.config} does not set')
        _show(cfg, hook, str(Path(args.show_dir).resolve()))
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
        '--show-dir', metavar='DIR', help='folder for pictures of the predictions; each run gets a subfolder'
    )
    return parser.parse_args()


def _show(cfg: Config, hook: dict, folder: str) -> None:
    """Makes the visualization hook of the host library draw every image to a folder."""
    if cfg.default_scope == 'mmdet':
        hook.update(draw=True, test_out_dir=folder)
    elif cfg.default_scope == 'mmpretrain':
        hook.update(enable=True, interval=1, out_dir=folder)
    else:
        hook.update(draw=True, interval=1)
        cfg.visualizer.save_dir = folder
