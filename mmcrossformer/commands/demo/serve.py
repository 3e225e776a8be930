"""Loads the default model and serves the page."""

import argparse
import importlib
from pathlib import Path

from mmcrossformer.commands.common import find_device
from mmcrossformer.commands.demo.models import DEMO_DIR, Models, find_trained_model
from mmcrossformer.config.package import find_config


def serve(args: argparse.Namespace) -> None:
    """Serves the page with the options of the command line.

    Raises:
        UserError: The device is not available, config and checkpoint do not fit, or the address is taken.
    """
    models = Models(find_device(args.device))
    if args.config is not None:
        config, checkpoint = find_config(args.config), Path(args.checkpoint)
        models.load(str(config), str(checkpoint))  # errors are reported before the page opens
        trained: tuple[Path, Path] | None = (config, checkpoint)
    else:
        trained = find_trained_model()
    if trained is None:
        print(f'no trained model in {DEMO_DIR} (make demo trains one): the page asks for a checkpoint')
    page = importlib.import_module('mmcrossformer.commands.demo.page')  # importing gradio takes seconds
    page.launch(page.build(trained, models), args.host, args.port, args.max_upload)
