"""The command line of mmssod: ``mmssod COMMAND ...``, and the scripts of the same names in ``tools/``.

Each command is a module with ``add_arguments(parser)`` and ``run(args)``; what it does is in the rest of ``mmssod``.
"""

from mmssod.cli.main import COMMANDS, main, run_tool

__all__ = ['COMMANDS', 'main', 'run_tool']
