"""The command line of mmssod: ``mmssod COMMAND ...``, and the scripts of the same names in ``tools/``.

A package of its own beside ``mmssod``, whose import loads torch and MMDetection: help and mistyped options answer at
once. Each command is a module with ``add_arguments(parser)`` and ``run(args)``; what it does is in ``mmssod``.
"""

from mmssod_cli.main import COMMANDS, main, run_tool

__all__ = ['COMMANDS', 'main', 'run_tool']
