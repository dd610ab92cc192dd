"""From the words of a command line to a command's module."""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from collections.abc import Sequence
from types import ModuleType

COMMANDS = {
    'new': 'check labeled and unlabeled images, and write configs for them',
    'train': 'train a detector, or a teacher and its student',
    'test': 'evaluate a checkpoint',
    'infer': 'run a checkpoint on images, folders and videos',
    'label': 'write pseudo labels as COCO json, YOLO txt or VOC xml',
    'report': 'one HTML page about one or more runs',
    'browse': 'draw training images as the detector sees them',
    'export': 'write student or teacher as a plain MMDetection config and checkpoint',
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``mmssod COMMAND ...``.

    Args:
        argv: The words after ``mmssod``; by default those of this process.

    Returns:
        The exit status: 0, or 1 when a command found something wrong.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv and argv[0] in COMMANDS:
        return run_tool(argv[0], argv[1:], prog=f'mmssod {argv[0]}')
    parser = _overview()
    parser.parse_args(argv)
    parser.print_help()
    return 0


def run_tool(name: str, argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run one command.

    Args:
        name: One of :data:`COMMANDS`.
        argv: Its options; by default those of this process.
        prog: What the help calls the program; by default the script's name.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    module = command(name)
    parser = argparse.ArgumentParser(
        prog=prog,
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    args = parser.parse_args(argv)
    args.command_line = shlex.join(
        ['mmssod', name, *argv]
    )  # for commands that note how they were called
    check = getattr(module, 'check', None)
    if check is not None:
        check(parser, args)
    return int(module.run(args) or 0)


def command(name: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(f'mmssod.cli.{name}')


def _overview() -> argparse.ArgumentParser:
    lines = [f'  {name:8} {text}' for name, text in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog='mmssod',
        usage='mmssod COMMAND ...',
        description='Semi-supervised object detection on MMDetection.',
        epilog='commands:\n' + '\n'.join(lines) + '\n\n`mmssod COMMAND --help` tells its options.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'mmssod {_version()}')
    parser.add_argument('command', nargs='?', choices=list(COMMANDS), help=argparse.SUPPRESS)
    return parser


def _version() -> str:
    """The version without importing the package."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version('mmssod')
    except PackageNotFoundError:
        return '(not installed)'
