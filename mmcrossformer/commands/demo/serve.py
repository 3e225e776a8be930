"""Loads what the page shows first, and serves the page."""

import argparse
import importlib
from pathlib import Path

from mmcrossformer.commands.common import find_device
from mmcrossformer.commands.demo.models import DEMO_DIR, Models, find_trained_model
from mmcrossformer.config.package import find_config


def serve(args: argparse.Namespace) -> None:
    """Serves the page as the command line says.

    Raises:
        UserError: No such device, a config and checkpoint that do not fit, or an address that is taken.
    """
    models = Models(find_device(args.device))
    if args.config is not None:
        config, checkpoint = find_config(args.config), Path(args.checkpoint)
        models.load(str(config), str(checkpoint))  # a mistake is reported before the page opens
        trained: tuple[Path, Path] | None = (config, checkpoint)
    else:
        trained = find_trained_model()
    if trained is None:
        print(f'no training in {DEMO_DIR} (make demo leaves one there): the page asks for a checkpoint')
    page = importlib.import_module('mmcrossformer.commands.demo.page')  # gradio takes seconds
    page.launch(page.build(trained, models), args.host, args.port, args.max_upload)
