"""Parses the command line and calls the command's module."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from types import ModuleType
from typing import Any

from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import NO_ROOM

TRACE = 'MMSSOD_TRACE'
"""Environment variable that has errors end in a traceback."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as a shell says it."""
EXPECTED = (ValueError, OSError, ImportError, NotImplementedError, KeyError)
"""What commands raise about what they were given, mmssod's own errors among them; other errors are bugs."""

COMMANDS = {
    'new': 'check labeled and unlabeled images, and write configs for them',
    'run': 'train teacher, student and baseline of a project, and report',
    'next': 'choose the unlabeled images of a project to label next',
    'add': 'take corrected labels into a project',
    'errors': 'find labeled boxes of a project that look wrong',
    'train': 'train a detector, or a teacher and its student',
    'test': 'evaluate a checkpoint',
    'infer': 'run a checkpoint on images, folders, videos, a camera or a stream',
    'label': 'write pseudo labels as files that other trainers read',
    'report': 'one HTML page about one or more runs',
    'browse': 'draw training images as the detector sees them',
    'export': 'write student or teacher as a plain MMDetection config and checkpoint',
}


def main(argv: Sequence[str] | None = None, *, begun: bool = False) -> int:
    """Run ``mmssod COMMAND ...``.

    Args:
        argv: The words after ``mmssod``; by default those of this process.
        begun: Whether :func:`begin` was called for them, by a process that had not loaded mmssod then.

    Returns:
        The exit status: 0, or 1 when a command found something wrong, 130 after Ctrl-C.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    parse(argv)
    return run_tool(argv[0], argv[1:], prog=f'mmssod {argv[0]}', begun=begun)


def begin(argv: Sequence[str]) -> int:
    """Read the words after ``mmssod``, and do what the command does before it loads torch.

    Returns:
        The exit status: 0 to go on, 1 when the command found something wrong.

    Raises:
        SystemExit: See :func:`parse`.
    """
    argv = list(argv)
    parse(argv)
    module, parser, args = _read(argv[0], argv[1:], f'mmssod {argv[0]}')
    return guarded(parser.prog, lambda: _before_loading(module, args))


def parse(argv: Sequence[str]) -> None:
    """Read the words after ``mmssod``, and run nothing.

    Raises:
        SystemExit: With status 0 after help, which no word at all asks for, too; with 2 of words that are wrong.
    """
    if argv and argv[0] in COMMANDS:
        _read(argv[0], argv[1:], f'mmssod {argv[0]}')
        return
    parser = _overview()
    if shell := parser.parse_args(argv).print_completion:
        print(completion(shell))
    else:
        parser.print_help()
    parser.exit()


def completion(shell: str) -> str:
    """A script that has a shell complete commands, options, their values and files.

    Raises:
        SystemExit: The package ``shtab`` is not installed.
    """
    try:
        import shtab
    except ImportError:
        raise SystemExit(
            "mmssod: shtab is not installed; fix: pip install 'mmssod[completion]'"
        ) from None
    parser = argparse.ArgumentParser(prog='mmssod')
    commands = parser.add_subparsers()
    for name, text in COMMANDS.items():
        one = commands.add_parser(name, help=text)
        command(name).add_arguments(one)
        for action in one._actions:
            if action.nargs != 0 and not action.choices:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))


def run_tool(
    name: str, argv: Sequence[str] | None = None, prog: str | None = None, *, begun: bool = False
) -> int:
    """Run one command.

    Args:
        name: One of :data:`COMMANDS`.
        argv: Options of the command; by default those of this process.
        prog: What the help calls the program; by default the script's name.
        begun: See :func:`main`.

    Returns:
        The exit status, see :func:`main`.
    """
    module, parser, args = _read(name, argv, prog)
    for stream in (sys.stdout, sys.stderr):  # names of files may be what the terminal cannot write
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')
            _outlive_reader(stream)

    def work() -> int:
        if not begun:
            _before_loading(module, args)
        return int(module.run(args) or 0)

    return guarded(parser.prog, work)


def _outlive_reader(stream: io.TextIOWrapper) -> None:
    """Have output go nowhere once its reader has gone (``| head``): the results are still to be written."""

    def lenient(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: str) -> Any:
            try:
                return method(*args)
            except BrokenPipeError:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
                return len(args[0]) if args else None

        return call

    if not hasattr(stream.write, '__wrapped__'):
        stream.write = lenient(stream.write)  # type: ignore[method-assign]
        stream.flush = lenient(stream.flush)  # type: ignore[method-assign]


def _before_loading(module: ModuleType, args: argparse.Namespace) -> int:
    """What a command says and checks without torch, if it does."""
    step = getattr(module, 'before_loading', None)
    if step is not None:
        step(args)
    return 0


def guarded(prog: str, work: Callable[[], int]) -> int:
    """The exit status of some work; errors about what it was given, and Ctrl-C, are told in a line of ``prog``."""
    try:
        return work()
    except KeyboardInterrupt:
        print(f'{prog}: interrupted by Ctrl-C', file=sys.stderr)
        return INTERRUPTED
    except EXPECTED as error:
        if os.environ.get(TRACE) or not about_input(error):
            raise
        print(f'{prog}: {_text(error)}', file=sys.stderr)
        print(f'({TRACE}=1 shows where in the code)', file=sys.stderr)
        return 1


def _read(
    name: str, argv: Sequence[str] | None, prog: str | None
) -> tuple[ModuleType, argparse.ArgumentParser, argparse.Namespace]:
    """A command's module, its parser and what it read."""
    argv = sys.argv[1:] if argv is None else list(argv)
    module = command(name)
    parser = argparse.ArgumentParser(
        prog=prog,
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    args = parser.parse_intermixed_args(argv)  # options may stand between files
    args.command_line = shlex.join(['mmssod', name, *argv])  # for commands that note it
    check = getattr(module, 'check', None)
    if check is not None:
        check(parser, args)
    return module, parser, args


def about_input(error: BaseException | None) -> bool:
    """Whether an error is about what the command was given, so that its words say enough.

    Of files, of missing packages, of types that no registry has; or an :class:`InputError`, perhaps repeated by
    mmengine's registry or what else is between. Any other ``ValueError`` is a bug.
    """
    if isinstance(error, (OSError, ImportError)):
        return True
    if isinstance(error, KeyError):
        return 'registry' in str(error)
    while error is not None:
        if isinstance(error, InputError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _text(error: Exception) -> str:
    """An error's words; its kind, too, where they are few."""
    text = str(error)
    if getattr(error, 'errno', None) in NO_ROOM:
        text += (
            '; no existing file was overwritten. fix: free space on that disk, then run it again'
        )
    return text if len(text) > 40 else f'{type(error).__name__}: {text}'


def command(name: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(f'mmssod.cli.{name}')


def _overview() -> argparse.ArgumentParser:
    lines = [f'  {name:8} {text}' for name, text in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog='mmssod',
        usage='mmssod COMMAND ...',
        description='Semi-supervised object detection on MMDetection.',
        epilog='commands:\n' + '\n'.join(lines) + '\n\n`mmssod COMMAND --help` lists its options.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'mmssod {_version()}')
    parser.add_argument(
        '--print-completion',
        choices=['bash', 'zsh', 'tcsh'],
        help='print a script for this shell, which completes commands and options',
    )
    parser.add_argument('command', nargs='?', choices=list(COMMANDS), help=argparse.SUPPRESS)
    return parser


def _version() -> str:
    """The version without importing the package."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version('mmssod')
    except PackageNotFoundError:
        return '(not installed)'
