"""The console command ``mmssod``: help, and options that are wrong, are answered without loading torch.

Importing mmssod loads torch and MMDetection, which takes seconds, and the commands lie inside it. So the command line
is read first with empty stand-ins for the packages around the commands' modules, and a command says what it can say by
then (``mmssod run``: what it will do); only then mmssod is imported.
"""

from __future__ import annotations

import importlib
import sys
import types
from importlib.util import find_spec


def main() -> int:
    """Run the command that this process was called with; see :func:`mmssod.cli.main`."""
    try:
        status = begin(sys.argv[1:])
        if not status:
            status = importlib.import_module('mmssod.cli').main(begun=True)
        return status
    except KeyboardInterrupt:  # while torch is loaded
        print('mmssod: interrupted by Ctrl-C', file=sys.stderr)
        return 130


def begin(words: list[str]) -> int:
    """Parse a command line, do what its command does before torch is loaded, and forget what was loaded for it.

    Returns:
        The exit status, 0 to go on.

    Raises:
        SystemExit: After help was asked for, or of words that are no command's.
    """
    spec = find_spec('mmssod')
    places = list(spec.submodule_search_locations or ()) if spec else []
    for inside in ('', '.own_data', '.own_data.new', '.datasets', '.structures'):
        module = sys.modules[f'mmssod{inside}'] = types.ModuleType(f'mmssod{inside}')
        module.__path__ = [place + inside.replace('.', '/') for place in places]
    try:
        status: int = importlib.import_module('mmssod.cli.main').begin(words)
        return status
    finally:
        for name in [name for name in sys.modules if name.split('.')[0] == 'mmssod']:
            del sys.modules[name]


if __name__ == '__main__':
    sys.exit(main())
