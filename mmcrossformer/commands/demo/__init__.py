"""Opens a page in the browser on which a model can be tried.

On the standard library alone, and imported without the package: mistakes are reported before anything large is loaded.
"""

import argparse
import importlib
import importlib.util
import socket
from functools import partial

from mmcrossformer.commands.arguments import add_checkpoint, add_device, positive_int
from mmcrossformer.config.package import find_config
from mmcrossformer.utils.errors import UserError


def main() -> None:
    """Parses the command line, checks it and serves the page until it is interrupted."""
    args = parse_args()
    check(args)
    # From here on with the whole package, whose errors are classes of their own.
    errors = importlib.import_module('mmcrossformer.utils.errors')
    errors.run(partial(importlib.import_module('mmcrossformer.commands.demo.serve').serve, args))


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'config', nargs='?', metavar='CONFIG', help='config of a model (default: that which make demo trained)'
    )
    add_checkpoint(parser, optional='that of the same training')
    add_device(parser)
    parser.add_argument('--host', default='127.0.0.1', help='address to listen at (default: %(default)s, this machine)')
    parser.add_argument('--port', type=positive_int, default=7860, metavar='N', help='(default: %(default)s)')
    parser.add_argument(
        '--max-upload', type=positive_int, default=200, metavar='MB', help='largest file (default: %(default)s)'
    )
    args = parser.parse_args()
    if args.config is not None and args.checkpoint is None:
        parser.error('CONFIG and CHECKPOINT belong together: name both or none')
    return args


def check(args: argparse.Namespace) -> None:
    """Checks what can be checked without torch.

    Raises:
        UserError: No gradio, no such config, or an address at which nobody can listen.
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
    """Returns the message for an address that is taken or of another machine."""
    reason = str(error).partition(' (while')[0]  # names the address again
    return UserError(f'cannot listen at {host}:{port} ({reason}): choose another --port or --host')
