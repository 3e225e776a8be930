"""Serves a page in the browser for trying a model.

Imports only the standard library, and is imported without the package: errors are reported before torch is loaded.
"""

import argparse
import importlib
import importlib.util
import socket
from functools import partial

from mmcrossformer.commands.arguments import add_checkpoint, add_device, parse_run, positive_int
from mmcrossformer.config.package import find_config
from mmcrossformer.utils.errors import UserError


def main() -> None:
    """Parses and checks the command line, and serves the page until it is interrupted."""
    args = parse_args()
    check(args)
    # From here on the whole package is imported; its UserError is another class than the one imported above.
    errors = importlib.import_module('mmcrossformer.utils.errors')
    errors.run(partial(importlib.import_module('mmcrossformer.commands.demo.serve').serve, args))


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', nargs='?', metavar='CONFIG', help='config of a model (default: that of make demo)')
    add_checkpoint(parser, optional='that of make demo')
    add_device(parser)
    parser.add_argument(
        '--host', default='127.0.0.1', help='address to listen on (default: %(default)s, this machine only)'
    )
    parser.add_argument(
        '--port', type=positive_int, default=7860, metavar='N', help='port to listen on (default: %(default)s)'
    )
    parser.add_argument(
        '--max-upload', type=positive_int, default=200, metavar='MB', help='largest upload (default: %(default)s)'
    )
    args = parse_run(parser, optional=True)
    if args.config is not None and args.checkpoint is None:
        parser.error('CONFIG and CHECKPOINT belong together: name both or none')
    return args


def check(args: argparse.Namespace) -> None:
    """Checks what can be checked without torch.

    Raises:
        UserError: gradio is not installed, the config does not exist, or the address is not available.
    """
    if importlib.util.find_spec('gradio') is None:
        raise UserError("the page needs gradio: pip install 'mmcrossformer[demo]'")
    if args.config is not None:
        find_config(args.config)
    if args.port > 65535:
        raise UserError(f'--port must be from 1 to 65535, got {args.port}')
    try:
        family, *_, address = socket.getaddrinfo(args.host, args.port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        raise cannot_listen(args.host, args.port, error) from error


def cannot_listen(host: str, port: int, error: OSError) -> UserError:
    """Returns the error for an address that is taken or of another machine."""
    reason = str(error).partition(' (while')[0]  # the rest repeats the address
    return UserError(f'cannot listen on {host}:{port} ({reason}): choose another --port or --host')
