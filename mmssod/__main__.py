"""``python -m mmssod COMMAND ...`` is ``mmssod COMMAND ...``, and works where the command is not on the path."""

import sys

from mmssod.cli import main

if __name__ == '__main__':
    sys.exit(main())
