"""The console command ``mmssod``: help, and options that are wrong, are answered without loading torch.

Importing mmssod loads torch and MMDetection, which takes seconds, and the commands lie inside it. So the command line
is read first with an empty stand-in for the package around the commands' modules; only then mmssod is imported.
"""

from __future__ import annotations

import importlib
import sys
import types
from importlib.util import find_spec


def main() -> int:
    """Run the command that this process was called with; see :func:`mmssod.cli.main`."""
    read_words(sys.argv[1:])
    status: int = importlib.import_module('mmssod.cli').main()
    return status


def read_words(words: list[str]) -> None:
    """Parse a command line and forget what was loaded for it.

    Raises:
        SystemExit: After help was asked for, or of words that are no command's.
    """
    spec = find_spec('mmssod')
    stand_in = types.ModuleType('mmssod')
    stand_in.__path__ = list(spec.submodule_search_locations or ()) if spec else []
    sys.modules['mmssod'] = stand_in
    try:
        importlib.import_module('mmssod.cli.main').parse(words)
    finally:
        for name in [name for name in sys.modules if name.split('.')[0] == 'mmssod']:
            del sys.modules[name]


if __name__ == '__main__':
    sys.exit(main())
