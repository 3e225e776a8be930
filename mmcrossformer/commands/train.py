"""Trains a detector, segmenter or classifier."""

import argparse

from mmcrossformer.commands.arguments import positive_int
from mmcrossformer.commands.common import add_common_arguments, add_own_data_arguments, own_data_of, prepare_launcher
from mmcrossformer.config.recipes import RECIPES
from mmcrossformer.config.trackers import TRACKERS
from mmcrossformer.engine.training import TrainOptions, run_job
from mmcrossformer.utils.weights import force_weights_only


def main() -> None:
    """Parses the command line, checks the job and trains."""
    args = parse_args()
    force_weights_only()
    prepare_launcher(args)
    run_job(args.config, options_of(args))


def options_of(args: argparse.Namespace) -> TrainOptions:
    """Returns the options that the command line names.

    Raises:
        UserError: See `own_data_of`.
    """
    own = own_data_of(args)
    return TrainOptions(
        settings=args.cfg_options or {},
        work_dir=args.work_dir,
        seed=args.seed,
        data=own.folder,
        split=own.split,
        data_format=own.data_format,
        coco=own.coco,
        recipe=args.recipe,
        batch_size=args.batch_size,
        ema=args.ema,
        patience=args.patience,
        trackers=tuple(dict.fromkeys([*(args.tracker or ()), *(['tensorboard'] if args.tensorboard else ())])),
        amp=args.amp,
        auto_scale_lr=args.auto_scale_lr,
        resume=args.resume,
        reset_schedule=args.reset_schedule,
        check=not args.no_check,
        launcher=args.launcher,
    )


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    add_own_data_arguments(parser)
    parser.add_argument(
        '--recipe',
        choices=RECIPES,
        help='augmentation and length for small data sets; detectors only (docs/own_data.md)',
    )
    parser.add_argument(
        '--batch-size',
        type=_batch_size,
        metavar='N|auto',
        help='images in a batch of each process; auto: as many as fit on the GPU. The learning rate follows in '
        'proportion (default: as in the config)',
    )
    parser.add_argument(
        '--ema', action='store_true', help='average the weights over the iterations, and validate these'
    )
    parser.add_argument(
        '--patience', type=positive_int, metavar='N', help='stop after N validations without a better result'
    )
    parser.add_argument(
        '--tracker', action='append', choices=TRACKERS, help='also log to this tracker; may be given several times'
    )
    parser.add_argument('--tensorboard', action='store_true', help='the same as --tracker tensorboard')
    parser.add_argument('--amp', action='store_true', help='train in mixed precision (needs a GPU)')
    parser.add_argument(
        '--auto-scale-lr', action='store_true', help='scale the learning rate with the total batch size'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from this checkpoint, or from the latest one in the work directory',
    )
    parser.add_argument(
        '--reset-schedule',
        action='store_true',
        help="with --resume: use the config's schedule of the learning rate in place of that in the checkpoint",
    )
    parser.add_argument('--no-check', action='store_true', help='start without checking data and model')
    return parser.parse_args()


def _batch_size(text: str) -> int | str:
    return text if text == 'auto' else positive_int(text)
