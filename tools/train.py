"""Trains a detector, segmenter or classifier."""

import argparse

from mmengine.config import Config

from mmcrossformer.engine.errors import UserError, run
from mmcrossformer.engine.job import add_common_arguments, build_runner, check_data, load_config, needs_cuda
from mmcrossformer.engine.own_data import use_own_coco
from mmcrossformer.engine.weights import prepare_resume


def main() -> None:
    """Reads the command line, checks the job and trains."""
    args = parse_args()
    cfg = load_config(args)
    apply_own_data(cfg, args)
    if args.amp:
        needs_cuda('--amp')
        cfg.optim_wrapper.update(type='AmpOptimWrapper', loss_scale=cfg.optim_wrapper.get('loss_scale', 'dynamic'))
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise UserError(f'--auto-scale-lr needs auto_scale_lr.base_batch_size, which {args.config} does not set')
        cfg.auto_scale_lr.enable = True
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    check_data(cfg, ('train', 'val'))
    prepare_resume(cfg)
    build_runner(cfg, train=True).train()


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint, or from the latest one of the work directory',
    )
    parser.add_argument('--amp', action='store_true', help='train in mixed precision (needs a GPU)')
    parser.add_argument('--auto-scale-lr', action='store_true', help='scale the learning rate to the batch size')
    own = parser.add_argument_group('own data in COCO format', 'all four together; class names are read from the files')
    own.add_argument('--data-root', metavar='DIR', help='folder of the data')
    own.add_argument('--train-ann', metavar='FILE', help='annotations to train on, below --data-root')
    own.add_argument('--val-ann', metavar='FILE', help='annotations to validate on, below --data-root')
    own.add_argument('--img-dir', metavar='DIR', help='folder of the images, below --data-root')
    return parser.parse_args()


def apply_own_data(cfg: Config, args: argparse.Namespace) -> None:
    """Puts the own data of the command line into the config."""
    names = ('data_root', 'train_ann', 'val_ann', 'img_dir')
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if not given:
        return
    missing = ['--' + name.replace('_', '-') for name in names if name not in given]
    if missing:
        raise UserError(f'own data also needs {", ".join(missing)}')
    use_own_coco(cfg, **given)


if __name__ == '__main__':
    run(main)
