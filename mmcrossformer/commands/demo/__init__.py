"""A page in the browser on which a model can be tried: `mmcrossformer demo`."""

from argparse import Namespace
from pathlib import Path

from mmcrossformer.commands.demo.models import TRAINED, load, trained_model
from mmcrossformer.commands.demo.page import build, launch
from mmcrossformer.utils.errors import UserError


def serve(args: Namespace) -> None:
    """Serves the page as the command line says.

    Raises:
        UserError: A config without a checkpoint or the reverse, files that do not fit, or an address that is taken.
    """
    if (args.config is None) != (args.checkpoint is None):
        raise UserError('--config and --checkpoint belong together: give both or none')
    if args.max_upload < 1:
        raise UserError(f'--max-upload must be at least 1 megabyte, got {args.max_upload}')
    if not 1 <= args.port <= 65535:
        raise UserError(f'--port must be from 1 to 65535, got {args.port}')
    if args.config is not None:
        load(args.config, args.checkpoint)  # a mistake is told before the page opens
        trained: tuple[Path, Path] | None = (Path(args.config), Path(args.checkpoint))
    else:
        trained = trained_model()
    if trained is None:
        print(f'no training in {TRAINED} (make demo leaves one there): the page asks for a checkpoint')
    launch(build(trained), args.host, args.port, args.max_upload)
